"""The page's charts, as Vega-Lite specifications."""

from collections.abc import Iterable, Sequence
from itertools import cycle
from typing import Any

import numpy as np
import pandas as pd

from tools.review import compare
from tools.review.revisions import Revision

SCHEMA = "https://vega.github.io/schema/vega-lite/v6.json"  # a name, from which nothing is fetched
POINTS = 150  # of a curve: as many as a narrow chart can show
# Okabe and Ito's palette (jfly.uni-koeln.de/color), dark first; the yellow, too light for lines, is left out.
COLOURS = ("#333333", "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
DASHES = ([1, 0], [6, 3], [2, 2])  # the seven colours come again in each
CONFIG = {
    "font": "system-ui, sans-serif",
    "axis": {"labelFontSize": 12, "titleFontSize": 12, "titleFontWeight": "normal", "gridColor": "#e8e8e8"},
    "view": {"stroke": None},
}


def palette(names: Sequence[str]) -> dict[str, tuple[str, list[int]]]:
    """Return a colour and a dash for each revision."""
    looks = cycle((colour, dash) for dash in DASHES for colour in COLOURS)
    return dict(zip(names, looks, strict=False))


def losses(revisions: Sequence[Revision]) -> dict[str, dict[str, Any]]:
    """Return a chart a model: the median training loss of each revision against the epoch, with its band."""
    curves = pd.concat([thin(revision.losses).assign(revision=revision.name) for revision in revisions])
    curves = curves[np.isfinite(curves["median"]) & (curves["median"] > 0)]
    if curves.empty:
        return {}
    low, high = float(curves[["q25", "median"]].min().min()), _largest(curves[["q75", "median"]])
    # A band that ends at infinity (replicates that diverged) ends at the top of the chart.
    curves = curves.assign(q75=curves["q75"].clip(upper=high).fillna(high))
    last = int(curves["epoch"].max())
    return {
        str(model): _curves(rows, [revision.name for revision in revisions], (low, high), last)
        for model, rows in curves.groupby("model", sort=False)
    }


def forest(revisions: Sequence[Revision], pair: str) -> dict[str, Any]:
    """Return the forest plot: a row a revision, how often the first of `pair` beats the second on test data."""
    first, second = pair.split(" vs ")
    rows = list(_estimates(revisions, pair))
    names = [revision.name for revision in revisions]
    tooltip = [
        {"field": "revision"},
        {"field": "changed", "title": "params"},
        {"field": "p", "title": "probability", "format": ".1%"},
        {"field": "interval"},
        {"field": "verdict"},
    ]
    y = {"field": "revision", "type": "nominal", "sort": None, "axis": None}
    colour = {"field": "revision", "type": "nominal", "legend": None, "scale": _colours(names)}
    return {
        "$schema": SCHEMA,
        "config": CONFIG,
        "width": "container",
        "height": 52 * len(rows),
        "autosize": {"type": "fit-x", "contains": "padding"},
        "data": {"values": rows},
        "params": [{"name": "focus", "value": ""}],
        "encoding": {"y": y},
        "layer": [
            {
                "mark": {"type": "rule", "color": "#888888", "strokeDash": [4, 3]},
                "data": {"values": [{}]},
                "encoding": {"x": {"datum": 0.5}, "y": None},
            },
            {
                "mark": {"type": "rule", "strokeWidth": 3, "strokeCap": "round"},
                "transform": [{"filter": "isValid(datum.low)"}],
                "encoding": {
                    "x": _probability("low", f"probability that {first} beats {second}, with its interval"),
                    "x2": {"field": "high"},
                    "color": colour,
                    "opacity": _in_focus(1),
                    "tooltip": tooltip,
                },
            },
            {
                "mark": {"type": "point", "filled": True, "size": 130, "opacity": 1},
                "encoding": {
                    "x": _probability("p", ""),
                    "color": colour,
                    "opacity": _in_focus(1),
                    "tooltip": tooltip,
                },
            },
            {
                "mark": {
                    "type": "text",
                    "align": "left",
                    "dy": -17,
                    "fontSize": 12,
                    "limit": {"expr": "width"},
                    "color": "#222222",
                },
                "encoding": {"x": {"value": 2}, "text": {"field": "label"}, "tooltip": tooltip},
            },
        ],
    }


def thin(losses: pd.DataFrame) -> pd.DataFrame:
    """Return at most POINTS evenly spaced epochs of each model's curve, the first and the last among them.

    Args:
        losses: columns model, epoch, median, q25, q75; the epochs of each model in order.

    """
    place = losses.groupby("model", sort=False).cumcount()
    size = losses.groupby("model", sort=False)["epoch"].transform("size")
    # The rows where the count of points passed goes up by one.
    passed = np.floor(place * (POINTS - 1) / np.maximum(size - 1, 1))
    before = np.floor((place - 1) * (POINTS - 1) / np.maximum(size - 1, 1))
    return losses[passed > before]


def _curves(
    rows: pd.DataFrame, names: Sequence[str], domain: tuple[float, float], last: int
) -> dict[str, Any]:
    """Return the chart of one model.

    Args:
        rows: columns revision, model, epoch, median, q25, q75.
        names: of all revisions, in their order.
        domain: of the losses, the same in every chart.
        last: the largest epoch.

    """
    csv = rows[["revision", "model", "epoch", "median", "q25", "q75"]].to_csv(
        index=False, float_format="%.4g", lineterminator="\n"
    )
    numbers = dict.fromkeys(("epoch", "median", "q25", "q75"), "number")
    scale = {"type": "log", "domain": list(domain), "nice": False}
    median = {
        "field": "median",
        "type": "quantitative",
        "scale": scale,
        "title": "training MSE",
        "axis": {"tickCount": 4},
    }
    looks = palette(names)
    dashes = {"domain": list(names), "range": [dash for _, dash in looks.values()]}
    return {
        "$schema": SCHEMA,
        "config": CONFIG,
        "width": "container",
        "height": 300,
        "autosize": {"type": "fit-x", "contains": "padding"},
        "data": {"values": csv, "format": {"type": "csv", "parse": {"revision": "string", **numbers}}},
        "params": [{"name": "focus", "value": ""}],
        "encoding": {
            "x": {
                "field": "epoch",
                "type": "quantitative",
                "title": "epochs",
                "scale": {"domain": [0, last], "nice": False},
                "axis": {"tickCount": 5},
            },
            "color": {"field": "revision", "type": "nominal", "legend": None, "scale": _colours(names)},
        },
        "layer": [
            {
                "mark": {"type": "area", "clip": True},
                "encoding": {
                    "y": {"field": "q25", "type": "quantitative", "scale": scale},
                    "y2": {"field": "q75"},
                    "opacity": _in_focus(0.15),
                },
            },
            {
                "mark": {"type": "line", "strokeWidth": 2, "clip": True},
                "encoding": {
                    "y": median,
                    "opacity": _in_focus(1),
                    "strokeDash": {"field": "revision", "legend": None, "scale": dashes},
                },
            },
            {
                "params": [
                    {
                        "name": "hover",
                        "select": {
                            "type": "point",
                            "on": "pointerover",
                            "nearest": True,
                            "clear": "pointerout",
                        },
                    }
                ],
                "mark": {"type": "point", "filled": True, "size": 70},
                "encoding": {
                    "y": median,
                    "opacity": {"condition": {"param": "hover", "empty": False, "value": 1}, "value": 0},
                    "tooltip": [
                        {"field": "revision"},
                        {"field": "model"},
                        {"field": "epoch", "type": "quantitative"},
                        {"field": "median", "type": "quantitative", "format": ".3g"},
                        {"field": "q25", "type": "quantitative", "format": ".3g", "title": "lower quartile"},
                        {"field": "q75", "type": "quantitative", "format": ".3g", "title": "upper quartile"},
                    ],
                },
            },
        ],
    }


def _estimates(revisions: Sequence[Revision], pair: str) -> Iterable[dict[str, Any]]:
    key = f"{compare.group(pair)}.test"
    for revision in revisions:
        metrics = revision.metrics
        if f"{key}.p" not in metrics:
            continue
        changed = compare.differences(revision, revisions[0])
        ends = compare.interval(revision, f"{key}.p")
        yield {
            "revision": revision.name,
            "label": f"{revision.name}: {changed}" if changed else revision.name,
            "changed": changed or "as the first",
            "p": metrics[f"{key}.p"],
            "low": ends and ends[0],
            "high": ends and ends[1],
            "interval": f"{ends[0]:.1%} to {ends[1]:.1%}" if ends else "none",
            "verdict": metrics.get(f"{key}.verdict", compare.ABSENT),
        }


def _probability(field: str, title: str) -> dict[str, Any]:
    return {
        "field": field,
        "type": "quantitative",
        "scale": {"domain": [0, 1]},
        "axis": {"format": ".0%", "tickCount": 5, "title": title},
    }


def _in_focus(opacity: float) -> dict[str, Any]:
    """Return the opacity of a revision's marks: faint where another was clicked in the legend."""
    return {
        "condition": {"test": "focus === '' || focus === datum.revision", "value": opacity},
        "value": opacity / 10,
    }


def _colours(names: Sequence[str]) -> dict[str, list[str]]:
    return {"domain": list(names), "range": [colour for colour, _ in palette(names).values()]}


def _largest(values: pd.DataFrame) -> float:
    """Return the largest finite number of a table."""
    numbers = values.to_numpy(float)
    return float(numbers[np.isfinite(numbers)].max())
