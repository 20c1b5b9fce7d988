"""The page's charts, as Vega-Lite specifications: templates, filled."""

import json
from collections.abc import Iterator, Sequence
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from stages import words
from stages.params import split_pair
from tools.review import compare
from tools.revisions import Revision

LOSSES = Path(__file__).parents[2] / ".dvc/plots/losses.json"  # which `dvc plots` fills too
FOREST = Path(__file__).with_name("forest.json")
POINTS = 150  # of a curve: as many as a narrow chart can show
# Paul Tol's muted palette (personal.sron.nl/~pault) after black, without what is too light for lines; not the colours
# of the figures, where each is a model's.
COLOURS = ("#222222", "#aa4499", "#999933", "#332288", "#cc6677", "#44aa99", "#882255")
DASHES = ([1, 0], [6, 3], [2, 2])  # the seven colours come again in each


def palette(names: Sequence[str]) -> dict[str, tuple[str, list[int]]]:
    """Return a colour and a dash for each revision."""
    looks = cycle((colour, dash) for dash in DASHES for colour in COLOURS)
    return dict(zip(names, looks, strict=False))


def losses(revisions: Sequence[Revision]) -> dict[str, dict[str, Any]]:
    """Return a chart a model: the median training loss of each revision against the epoch, with its band."""
    curves = pd.concat([thin(revision.losses).assign(rev=revision.name) for revision in revisions])
    curves = curves[np.isfinite(curves["median"]) & (curves["median"] > 0)]
    if curves.empty:
        return {}
    values = curves[["q25", "median", "q75"]].to_numpy(float)
    values = values[np.isfinite(values) & (values > 0)]
    domain = [values.min(), values.max()]
    colours, dashes = zip(*palette([revision.name for revision in revisions]).values(), strict=True)
    specs = {}
    for model, rows in curves.groupby("model", sort=False):
        spec = json.loads(LOSSES.read_text(encoding="utf-8"))
        csv = rows.to_csv(index=False, float_format="%.4g", lineterminator="\n")
        spec["data"] = {"values": csv, "format": spec["data"]["format"] | {"type": "csv"}}
        spec["title"]["text"] = model
        spec["height"] = 300
        spec["encoding"]["x"] |= {"title": "epochs", "scale": {"domain": [0, int(curves["epoch"].max())]}}
        spec["encoding"]["color"] = _by_revision(revisions, colours)
        _, top = spec["params"]
        top["value"] = domain[1]
        _, band, line, hover = spec["layer"]
        band["encoding"]["y"] |= {"title": "training MSE"}
        band["encoding"]["y"]["scale"] |= {"domain": domain, "nice": False}
        line["encoding"]["strokeDash"] = _by_revision(revisions, dashes)
        spec["layer"] = [band, line, hover]  # without the colours of models
        specs[str(model)] = spec
    return specs


def forest(revisions: Sequence[Revision], pair: str) -> dict[str, Any]:
    """Return the forest plot: a row a revision, how often the first of `pair` beats the second on test data."""
    first, second = split_pair(pair)
    rows = list(_estimates(revisions, pair))
    colours = [colour for colour, _ in palette([revision.name for revision in revisions]).values()]
    spec = json.loads(FOREST.read_text(encoding="utf-8"))
    spec["height"] = 52 * len(rows)
    _, estimates = spec["layer"]
    estimates["data"] = {"values": rows}
    estimates["encoding"]["x"]["title"] = f"probability that {first} beats {second}, with its interval"
    estimates["encoding"]["color"] = _by_revision(revisions, colours)
    return spec


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


def _by_revision(revisions: Sequence[Revision], looks: Sequence[Any]) -> dict[str, Any]:
    """Return how a revision looks as an encoding, without a legend: the page has one for all charts."""
    names = [revision.name for revision in revisions]
    return {
        "field": "rev",
        "type": "nominal",
        "legend": None,
        "scale": {"domain": names, "range": list(looks)},
    }


def _estimates(revisions: Sequence[Revision], pair: str) -> Iterator[dict[str, Any]]:
    """Yield the rows of the forest plot; a revision without the pair has none."""
    for revision in revisions:
        if pair in revision.results.pairs:
            test = revision.results.pairs[pair].last.test
            changed = compare.differences(revision, revisions[0])
            yield {
                "rev": revision.name,
                "label": f"{revision.name}: {changed}" if changed else revision.name,
                "changed": changed or "as the first",
                "p": test.p.value,
                "low": test.p.low,
                "high": test.p.high,
                "outcome": words.outcome(test),
            }
