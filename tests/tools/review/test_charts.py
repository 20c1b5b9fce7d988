import io
import json
import re
from typing import Any

import numpy as np
import pandas as pd
import pytest
import vl_convert

from stages.plot import figures
from tests.tools.conftest import LOSSES, Revise
from tools.review import charts


def rows(spec: dict[str, Any]) -> pd.DataFrame:
    return pd.read_csv(io.StringIO(spec["data"]["values"]))


def test_a_chart_a_model_with_every_revision_on_one_scale(revise: Revise) -> None:
    specs = charts.losses([revise(), revise("idea", losses=LOSSES.assign(median=0.5, q75=0.9))])
    assert list(specs) == ["single", "stacked"]
    for model, spec in specs.items():
        table = rows(spec)
        assert table["rev"].tolist() == ["main"] * 3 + ["idea"] * 3
        assert table["model"].unique().tolist() == [model]
        assert spec["layer"][0]["encoding"]["y"]["scale"]["domain"] == [0.005, 0.9]
        assert spec["encoding"]["x"]["scale"]["domain"] == [0, 2]


@pytest.mark.parametrize(("epochs", "scale", "first"), [(10, "linear", 0), (11, "log", 1)])
def test_beside_a_far_longer_run_the_axis_of_epochs_is_logarithmic(
    epochs: int, scale: str, first: int, revise: Revise
) -> None:
    columns = dict.fromkeys(("median", "q25", "q75"), 0.1)
    longer = pd.DataFrame({"model": "single", "epoch": range(epochs + 1)}).assign(**columns)
    spec = charts.losses([revise(), revise("longer", losses=longer)])["single"]
    across = spec["encoding"]["x"]
    assert (across["scale"]["type"], across["scale"]["domain"]) == (scale, [first, epochs])
    assert ("log" in across["title"]) == (scale == "log")
    assert rows(spec).groupby("rev")["epoch"].min().tolist() == [first, first]


def test_a_model_that_one_revision_lacks_is_drawn_from_the_other(revise: Revise) -> None:
    single = LOSSES[LOSSES["model"] == "single"]
    assert (
        rows(charts.losses([revise(losses=single), revise("idea")])["stacked"])["rev"].tolist()
        == ["idea"] * 3
    )


def bands(spec: dict[str, Any]) -> list[list[tuple[float, float]]]:
    """Return the corners (x, y) of each band as Vega draws it, the chart's top at y = 0."""
    svg = vl_convert.vegalite_to_svg(json.dumps(spec | {"width": 300}))
    paths = re.findall(r'aria-roledescription="area mark" d="M([-\d.,L]+)Z"', svg)
    return [[(float(x), float(y)) for x, y in re.findall(r"(-?[\d.]+),(-?[\d.]+)", path)] for path in paths]


def test_diverged_replicates_end_the_band_at_the_top_and_a_diverged_median_the_curve(revise: Revise) -> None:
    losses = LOSSES.assign(q75=[np.inf, np.nan, 0.03, 0.3, 0.07, 0.02])
    losses.loc[2, "median"] = np.inf
    spec = charts.losses([revise(losses=losses)])["single"]
    assert rows(spec)["epoch"].tolist() == [0, 1]
    (band,) = bands(spec)
    assert len(band) == 4
    assert [y for _, y in band[2:]] == [0, 0]


def test_in_dvcs_chart_a_model_has_the_colour_of_the_figures_and_no_revision_one_of_theirs() -> None:
    template = json.loads(charts.LOSSES.read_text())
    for models in (["stacked", "single"], ["deep", "wide", "a", "b"], [*figures.COLOURS, *"abcde"]):
        values = [
            {"rev": "main", "model": model, "epoch": str(epoch), "median": "0.5", "q25": "0.1", "q75": "inf"}
            for model in models
            for epoch in (0, 1)
        ]
        template["data"]["values"] = values
        svg = vl_convert.vegalite_to_svg(json.dumps(template | {"width": 300}))
        lines = re.findall(r'model: (\w+);[^>]*"line mark"[^>]* stroke="([^"]+)"', svg)
        assert dict(lines) == figures.colours(models)
    assert {*figures.COLOURS.values(), *figures.OTHERS}.isdisjoint(charts.COLOURS)


def test_in_dvcs_chart_the_epochs_of_revisions_do_not_add_up() -> None:
    # Vega-Lite 5.2, which DVC's page loads and nothing here carries, would stack those of the bands.
    assert json.loads(charts.LOSSES.read_text())["encoding"]["x"]["stack"] is None


def test_a_revision_without_losses_is_left_out(revise: Revise) -> None:
    spec = charts.losses([revise(), revise("none", losses=LOSSES[:0])])["single"]
    assert rows(spec)["rev"].unique().tolist() == ["main"]


def test_when_everything_diverged_there_is_no_chart(revise: Revise) -> None:
    assert charts.losses([revise(losses=LOSSES.assign(median=np.inf))]) == {}


@pytest.mark.parametrize("epochs", [0, 1, charts.POINTS - 1, charts.POINTS, 1000])
def test_thinned_curves_keep_their_ends_and_are_even(epochs: int) -> None:
    columns = dict.fromkeys(("median", "q25", "q75"), 1.0)
    curve = pd.DataFrame({"epoch": range(epochs + 1)}).assign(**columns)
    kept = charts.thin(curve, log=False)["epoch"].tolist()
    assert (kept[0], kept[-1]) == (0, epochs)
    assert len(kept) == min(epochs + 1, charts.POINTS)
    assert np.ptp(np.diff(kept)) <= 1 if epochs else True


def test_on_a_log_axis_thinned_curves_keep_the_first_epochs() -> None:
    kept = charts.thin(pd.DataFrame({"epoch": range(1001)}), log=True)["epoch"].tolist()
    assert kept[:9] == list(range(1, 10))
    assert kept[-1] == 1000
    assert len(kept) <= charts.POINTS
    assert max(np.diff(np.log(kept[20:]))) < 0.1


def test_no_two_of_many_revisions_look_alike(revise: Revise) -> None:
    revisions = [revise(f"exp-{index}") for index in range(20)]
    curves = charts.losses(revisions)["single"]
    colours, dashes = curves["encoding"]["color"], curves["layer"][1]["encoding"]["strokeDash"]
    names = [revision.name for revision in revisions]
    assert colours["scale"]["domain"] == dashes["scale"]["domain"] == names
    looks = zip(colours["scale"]["range"], map(tuple, dashes["scale"]["range"]), strict=True)
    assert len(set(looks)) >= 20


def test_vega_draws_each_curve_and_its_band(revise: Revise) -> None:
    specs = charts.losses([revise(), revise("idea", losses=LOSSES.assign(median=0.04))])
    svg = vl_convert.vegalite_to_svg(json.dumps(specs["single"] | {"width": 300}))
    assert svg.count('aria-roledescription="line mark"') == 2
    assert svg.count('aria-roledescription="area mark"') == 2
