"""The page's charts of losses: the template in Vega-Lite that DVC's own page has too, filled."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tools.revisions import Revision

LOSSES = Path(__file__).parents[2] / ".dvc/plots/losses.json"  # which `dvc plots` fills too
POINTS = 150  # of a curve: as many as a narrow chart can show
FAR_LONGER = 5  # times as many epochs as another revision: beside it that would be a sliver
# Paul Tol's muted palette (personal.sron.nl/~pault) after black, without what is too light for lines; not the colours
# of the figures, where each is a model's.
COLOURS = ("#222222", "#aa4499", "#999933", "#332288", "#cc6677", "#44aa99", "#882255")
DASHES = ([1, 0], [6, 3], [2, 2])
LOOKS = [(colour, dash) for dash in DASHES for colour in COLOURS]  # of revisions, in their order


def losses(revisions: Sequence[Revision]) -> dict[str, dict[str, Any]]:
    """Return a chart a model: the median training loss of each revision against the epoch, with its band."""
    lengths = [int(revision.losses["epoch"].max()) for revision in revisions if len(revision.losses)]
    if not lengths:
        return {}
    log = max(lengths) > FAR_LONGER * min(lengths)
    curves = pd.concat(
        thin(curve, log).assign(rev=revision.name)
        for revision in revisions
        for _, curve in revision.losses.groupby("model", sort=False)
    )
    curves = curves[np.isfinite(curves["median"]) & (curves["median"] > 0)]
    values = curves[["q25", "median", "q75"]].to_numpy()
    values = values[np.isfinite(values) & (values > 0)]
    specs = {}
    for model, rows in curves.groupby("model", sort=False):
        spec = json.loads(LOSSES.read_text(encoding="utf-8"))
        csv = rows.to_csv(index=False, float_format="%.4g", lineterminator="\n")
        spec["data"] = {"values": csv, "format": spec["data"]["format"] | {"type": "csv"}}
        spec["title"]["text"] = model
        spec["height"] = 300
        _, top = spec["params"]
        top["value"] = values.max()
        spec["encoding"]["x"] |= {
            "title": "epochs, log scale" if log else "epochs",
            "scale": {"type": "log" if log else "linear", "domain": [int(log), max(lengths)], "nice": False},
        }
        spec["encoding"]["color"] = _by_revision(revisions, [colour for colour, _ in LOOKS])
        _, band, line, hover = spec["layer"]
        band["encoding"]["y"] |= {"title": "training MSE"}
        band["encoding"]["y"]["scale"] |= {"domain": [values.min(), values.max()], "nice": False}
        line["encoding"]["strokeDash"] = _by_revision(revisions, [dash for _, dash in LOOKS])
        spec["layer"] = [band, line, hover]  # without the colours of models
        specs[str(model)] = spec
    return specs


def thin(curve: pd.DataFrame, log: bool) -> pd.DataFrame:
    """Return at most POINTS rows of a curve, evenly spaced on its axis, with both ends; a log axis has no epoch 0."""
    curve = curve[curve["epoch"] >= int(log)]
    last = max(len(curve) - 1, 0)
    rows = np.geomspace(1, last + 1, POINTS) - 1 if log else np.linspace(0, last, POINTS)
    return curve.iloc[np.unique(rows.round().astype(int))[: len(curve)]]


def _by_revision(revisions: Sequence[Revision], looks: Sequence[Any]) -> dict[str, Any]:
    """Return how a revision looks as an encoding, without a legend: the page has one for all charts."""
    names = [revision.name for revision in revisions]
    return {"field": "rev", "type": "nominal", "legend": None, "scale": {"domain": names, "range": looks}}
