"""The figures draw what the tables say: read back from the drawn artists, not from the pixels."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib import colors
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from stages.generate.tasks import mean
from stages.params import load_params
from stages.plot import __main__ as plot
from stages.plot import figures
from stages.plot.figures import FIGURES
from stages.results import read
from tests.conftest import TOP


def curves(models: list[str], median: list[float]) -> pd.DataFrame:
    rows = [(name, e, m, m / 2, m * 2) for name in models for e, m in enumerate(median)]
    return pd.DataFrame(rows, columns=["model", "epoch", "median", "q25", "q75"])


def own_line(axes: Axes) -> Line2D:
    """Return a panel's own line, the one in a colour."""
    (line,) = (line for line in axes.get_lines() if line.get_linewidth() == 2)
    return line


def words_in(figure: Figure) -> list[str]:
    return [text.get_text() for axes in figure.axes for text in axes.texts if text.get_text()]


def test_a_panel_has_its_own_median_and_band_in_colour_the_others_in_grey_and_the_constant() -> None:
    figure = figures.losses(curves(["single", "stacked"], [0.1, 0.01, 0.001]), constant=0.004, replicates=5)
    assert [axes.get_title() for axes in figure.axes] == ["single", "stacked"]
    for axes in figure.axes:
        assert axes.get_yscale() == "log"
        assert own_line(axes).get_color() == figures.COLOURS[axes.get_title()]
        np.testing.assert_array_equal(own_line(axes).get_ydata(), [0.1, 0.01, 0.001])
        assert [line.get_color() for line in axes.get_lines()].count(figures.QUIET) == 2
        assert any(set(np.asarray(line.get_ydata())) == {0.004} for line in axes.get_lines())
        band = np.asarray(axes.collections[0].get_paths()[0].vertices)
        assert (band[:, 1].min(), band[:, 1].max()) == (0.0005, 0.2)
    assert words_in(figure) == ["constant predictor"]


def test_dvcs_own_page_has_the_words_and_the_order_of_the_report() -> None:
    page = (TOP / ".dvc/plots/page.html").read_text(encoding="utf-8")
    found = dict(re.findall(r'^  (\w+): "(.*)",$', page, re.MULTILINE))
    assert list(found.items()) == [(name, text) for name, (text, _) in FIGURES.items()]


def test_single_is_red_and_stacked_green_whatever_else_is_compared() -> None:
    for models in (["single", "stacked"], ["another", "stacked", "wide", "single"]):
        found = figures.colours(models)
        red, green = colors.to_rgb(found["single"]), colors.to_rgb(found["stacked"])
        assert red.index(max(red)) == 0
        assert green.index(max(green)) == 1
        assert len(set(found.values())) == len(models)


@pytest.mark.parametrize("models", [1, 3, 11])
def test_every_figure_has_a_panel_a_model(models: int) -> None:
    names = [f"m{i}" for i in range(models)]
    outcomes = pd.DataFrame(
        [(name, r, 1, 0.0, 0.1 + r) for name in names for r in range(3)],
        columns=["model", "replicate", "epoch", "train_mse", "test_mse"],
    )
    of_models = pd.concat([progress().assign(model=name) for name in names])
    for figure in (
        figures.losses(curves(names, [0.1, 0.2]), 0.1, 5),
        figures.solved(of_models, 0.9),
        figures.cost(of_models, 0.1),
        figures.final(outcomes, 0.01, 0.1),
    ):
        assert [axes.get_title() for axes in figure.axes] == names
        assert figure.get_figwidth() == figures.WIDTH


def test_diverged_losses_leave_gaps() -> None:
    figure = figures.losses(curves(["single"], [0.1, np.inf, np.nan]), 0.1, 5)
    figure.canvas.draw()
    assert np.isfinite(figure.axes[0].get_ylim()).all()


@pytest.mark.parametrize("models", [1, 3, 4])
def test_predictions_have_a_panel_a_model_that_names_its_replicate(models: int) -> None:
    names = [f"m{i}" for i in range(models)]
    rows = [(name, 7, y, y + 0.1) for name in names for y in (0.4, 0.6)]
    points = pd.DataFrame(rows, columns=["model", "replicate", "y_true", "y_predicted"])
    figure = figures.predictions(points, "true", "predicted")
    panels = figure.axes
    assert [panel.get_title() for panel in panels] == names
    assert words_in(figure) == ["replicate 7"] * models
    offsets = np.asarray(panels[-1].collections[0].get_offsets())
    np.testing.assert_allclose(offsets, [[0.4, 0.5], [0.6, 0.7]])


def test_improvement_has_a_panel_a_pair_that_says_which_side_favours_whom() -> None:
    rows = [("a vs b", e, 0.6, 0.4, 0.8) for e in (0, 10)] + [("a vs c", e, 0.5, 0.3, 0.7) for e in (0, 10)]
    figure = figures.improvement(pd.DataFrame(rows, columns=["pair", "epoch", "p", "p_low", "p_high"]))
    assert {axes.get_title(): set(np.asarray(own_line(axes).get_ydata())) for axes in figure.axes} == {
        "a vs b": {0.6},
        "a vs c": {0.5},
    }
    for axes in figure.axes:
        up, down = (text for text in axes.texts if text.get_text())
        assert (up.get_text(), down.get_text()) == ("a ahead", f"{axes.get_title()[-1]} ahead")
        assert any(set(np.asarray(line.get_ydata())) == {0.5} for line in axes.get_lines())
        low, high = axes.get_ylim()
        assert low < 0 and high > 1


def test_improvement_without_a_pair_or_an_interval_is_still_a_figure() -> None:
    columns = ["pair", "epoch", "p", "p_low", "p_high"]
    for rows in ([], [("a vs b", 0, 1.0, np.nan, np.nan), ("a vs b", 10, 0.0, np.nan, np.nan)]):
        figures.improvement(pd.DataFrame(rows, columns=columns)).canvas.draw()


def progress() -> pd.DataFrame:
    rows = [("single", e, 1000 * e, 0.1 / (e + 1), 0.01, np.inf, e / 20, 0.0, 0.9) for e in (0, 10, 20)]
    names = ["model", "epoch", "multiply_adds", "median", "q25", "q75", "solved", "solved_low", "solved_high"]
    return pd.DataFrame(rows, columns=names)


def test_solved_is_a_share_against_the_epoch() -> None:
    axes = figures.solved(progress(), 0.9).axes[0]
    np.testing.assert_array_equal(own_line(axes).get_ydata(), [0, 0.5, 1])
    low, high = axes.get_ylim()
    assert low < 0 and high > 1, "a line on 0 or on 100 % is seen"


def test_cost_is_test_mse_against_work_from_the_first_step_on() -> None:
    axes = figures.cost(progress(), 0.1).axes[0]
    np.testing.assert_array_equal(own_line(axes).get_xdata(), [10_000, 20_000])
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
    all_diverged = progress().assign(median=np.inf, q25=np.inf)
    figures.cost(all_diverged, 0.1).canvas.draw()


def test_final_counts_every_replicate_and_never_reaches_one_where_some_diverged() -> None:
    table = pd.DataFrame(
        [
            ("single", r, epoch, 0.0, mse / epoch)
            for r, mse in enumerate([0.6, 0.2, np.inf, np.nan])
            for epoch in (1, 2)
        ],
        columns=["model", "replicate", "epoch", "train_mse", "test_mse"],
    )
    figure = figures.final(table, 0.01, 0.1)
    (axes,) = figure.axes
    np.testing.assert_array_equal(own_line(axes).get_xdata(), [0.1, 0.1, 0.3])
    np.testing.assert_array_equal(own_line(axes).get_ydata(), [0, 0.25, 0.5])
    assert any(set(np.asarray(line.get_xdata())) == {0.1} for line in axes.get_lines())
    shaded = axes.patches[0].get_extents().transformed(axes.transData.inverted())
    assert shaded.x1 == pytest.approx(0.01)
    assert words_in(figure) == ["solved", "constant predictor"]
    all_diverged = table.assign(test_mse=np.inf)
    figures.final(all_diverged, 0, 0.1).canvas.draw()


def test_the_stage_draws_each_table_with_its_own_numbers(
    finished_project: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder = shutil.copytree(finished_project, tmp_path / "project", symlinks=True)
    monkeypatch.chdir(folder)
    drawn: dict[str, tuple[Any, ...]] = {}

    def record(name: str, draw: Callable[..., Figure]) -> Callable[..., Figure]:
        def recorded(*arguments: Any) -> Figure:
            drawn[name] = arguments
            figure = draw(*arguments)
            assert figure.get_supxlabel() and figure.get_supylabel() and figure.get_suptitle()
            return figure

        return recorded

    tables, baseline = plot.read_tables(read(), load_params()), read().baseline
    expected = {
        "losses": (tables["losses"], baseline.mean.train, 3),
        "improvement": (tables["comparisons"],),
        "solved": (tables["progress"], 0.9),
        "final": (tables["outcomes"], pytest.approx(0.1 * baseline.variance.test), baseline.mean.test),
        "cost": (tables["progress"], baseline.mean.test),
        "predictions": (tables["predictions"], mean.TRUE_LABEL, mean.PREDICTED_LABEL),
    }
    assert expected.keys() == FIGURES.keys()
    for name in expected:
        monkeypatch.setattr(figures, name, record(name, getattr(figures, name)))
    plot.main()
    for name, (table, *numbers) in expected.items():
        assert drawn[name][0].equals(table)
        assert drawn[name][1:] == tuple(numbers)


@pytest.mark.filterwarnings("error")
def test_levels_of_zero_have_no_place_on_a_logarithmic_axis() -> None:
    """A constant target, on which the constant predictor and perhaps a network are exact."""
    for median in (0.0, np.inf):
        figures.losses(curves(["single"], [median, median]), 0.0, 5).canvas.draw()
        figures.cost(progress().assign(median=median), 0.0).canvas.draw()
        outcomes = pd.DataFrame({"model": "single", "replicate": [0, 1], "epoch": 1, "test_mse": median})
        figures.final(outcomes, 0.0, 0.0).canvas.draw()


def test_every_column_of_panels_has_its_numbers_below() -> None:
    names = [f"m{i}" for i in range(13)]
    figure = figures.losses(curves(names, [0.1, 0.2]), 0.1, 5)
    labelled = [axes.get_title() for axes in figure.axes if axes.xaxis.get_tick_params()["labelbottom"]]
    assert labelled == ["m8", "m9", "m10", "m11", "m12"]


def test_long_curves_are_thinned_where_they_are_grey() -> None:
    figure = figures.losses(curves(["single", "wide"], [0.1] * 5001), 0.1, 5)
    quiet, loud = (
        {np.size(line.get_xdata()) for line in figure.axes[0].get_lines() if line.get_color() == colour}
        for colour in (figures.QUIET, figures.COLOURS["single"])
    )
    assert (quiet, loud) == ({1001}, {5001})
