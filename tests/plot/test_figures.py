"""The figures draw what the tables say: read back from the drawn artists, not from the pixels."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib import colors
from matplotlib.figure import Figure

from stages.generate import mean
from stages.plot import __main__ as plot
from stages.plot import figures
from stages.plot.report import ALT_TEXTS
from stages.results import read_table


def curves(models: list[str], median: list[float]) -> pd.DataFrame:
    rows = [(name, e, m, m / 2, m * 2) for name in models for e, m in enumerate(median)]
    return pd.DataFrame(rows, columns=["model", "epoch", "median", "q25", "q75"])


def lines(figure: Figure) -> dict[str, tuple[np.ndarray, str]]:
    return {
        str(line.get_label()): (np.asarray(line.get_ydata()), colors.to_hex(line.get_color()))
        for line in figure.axes[0].get_lines()
    }


def test_losses_show_medians_bands_the_constant_and_a_legend() -> None:
    figure = figures.losses(curves(["single", "stacked"], [0.1, 0.01, 0.001]), constant=0.004, replicates=5)
    axes = figure.axes[0]
    drawn = lines(figure)
    np.testing.assert_array_equal(drawn["single"][0], [0.1, 0.01, 0.001])
    assert set(drawn["constant predictor"][0]) == {0.004}
    assert (axes.get_yscale(), axes.get_xlabel(), axes.get_ylabel()) == (
        "log",
        "epochs",
        "loss (training MSE)",
    )
    band = np.asarray(axes.collections[0].get_paths()[0].vertices)
    assert (band[:, 1].min(), band[:, 1].max()) == (0.0005, 0.2)
    legend = axes.get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == ["single", "stacked", "constant predictor"]


def test_single_is_red_and_stacked_green_whatever_else_is_compared() -> None:
    for models in (["single", "stacked"], ["another", "stacked", "wide", "single"]):
        drawn = lines(figures.losses(curves(models, [0.1, 0.2]), 0.1, 5))
        red, green = colors.to_rgb(drawn["single"][1]), colors.to_rgb(drawn["stacked"][1])
        assert red.index(max(red)) == 0
        assert green.index(max(green)) == 1
    assert len({colour for colour, _ in figures.styles(["single", "stacked", "wide"]).values()}) == 3


def test_twenty_models_still_get_a_style_each() -> None:
    names = [f"m{i}" for i in range(20)]
    found = figures.styles([*names, "single", "stacked", "wide"])
    assert len(set(found.values())) == len(found) == 23


def test_diverged_losses_leave_gaps() -> None:
    figure = figures.losses(curves(["single"], [0.1, np.inf, np.nan]), 0.1, 5)
    figure.canvas.draw()
    assert np.isfinite(figure.axes[0].get_ylim()).all()


@pytest.mark.parametrize("models", [1, 3, 4])
def test_predictions_have_a_panel_a_model_that_names_its_replicate(models: int) -> None:
    names = [f"m{i}" for i in range(models)]
    rows = [(name, 7, y, y + 0.1) for name in names for y in (0.4, 0.6)]
    points = pd.DataFrame(rows, columns=["model", "replicate", "y_true", "y_predicted"])
    panels = figures.predictions(points, "true", "predicted").axes
    assert [panel.get_title() for panel in panels] == [f"{name}, replicate 7" for name in names]
    offsets = np.asarray(panels[-1].collections[0].get_offsets())
    np.testing.assert_allclose(offsets, [[0.4, 0.5], [0.6, 0.7]])


def test_improvement_has_a_line_and_a_band_a_pair_and_the_line_of_no_difference() -> None:
    rows = [("a vs b", e, 0.6, 0.4, 0.8) for e in (0, 10)] + [("a vs c", e, 0.5, 0.3, 0.7) for e in (0, 10)]
    axes = figures.improvement(pd.DataFrame(rows, columns=["pair", "epoch", "p", "p_low", "p_high"])).axes[0]
    assert {line.get_label(): set(np.asarray(line.get_ydata())) for line in axes.get_lines()} == {
        "a vs b": {0.6},
        "a vs c": {0.5},
        "no difference": {0.5},
    }
    assert len(axes.collections) == 2
    assert axes.get_ylim() == (0, 1)


def test_improvement_without_a_pair_or_an_interval_is_still_a_figure() -> None:
    columns = ["pair", "epoch", "p", "p_low", "p_high"]
    for rows in ([], [("a vs b", 0, 1.0, None, None), ("a vs b", 10, 0.0, None, None)]):
        figures.improvement(pd.DataFrame(rows, columns=columns)).canvas.draw()


def progress() -> pd.DataFrame:
    rows = [("single", e, 1000 * e, 0.1 / (e + 1), 0.01, np.inf, e / 20, 0.0, 0.9) for e in (0, 10, 20)]
    names = ["model", "epoch", "multiply_adds", "median", "q25", "q75", "solved", "solved_low", "solved_high"]
    return pd.DataFrame(rows, columns=names)


def test_solved_is_a_share_against_the_epoch() -> None:
    axes = figures.solved(progress(), 0.9).axes[0]
    np.testing.assert_array_equal(axes.get_lines()[0].get_ydata(), [0, 0.5, 1])
    assert axes.get_ylim() == (0, 1)


def test_cost_is_test_mse_against_work_from_the_first_step_on() -> None:
    axes = figures.cost(progress(), 0.1).axes[0]
    np.testing.assert_array_equal(axes.get_lines()[0].get_xdata(), [10_000, 20_000])
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
    line, solved, constant = figures.final(table, 0.01, 0.1).axes[0].get_lines()
    assert (set(np.asarray(solved.get_xdata())), solved.get_label()) == ({0.01}, "solved to the left")
    assert (set(np.asarray(constant.get_xdata())), constant.get_label()) == ({0.1}, "constant predictor")
    np.testing.assert_array_equal(line.get_xdata(), [0.1, 0.1, 0.3])
    np.testing.assert_array_equal(line.get_ydata(), [0, 0.25, 0.5])
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
            labels = [(axes.get_xlabel(), axes.get_ylabel()) for axes in figure.axes]
            assert name == "predictions" or all(all(pair) for pair in labels)
            return figure

        return recorded

    for name in ALT_TEXTS:
        monkeypatch.setattr(figures, name, record(name, getattr(figures, name)))
    plot.main()
    baseline = json.loads(Path("reports/metrics.json").read_text())["baseline"]
    solved = 0.1 * baseline["variance"]["test"]
    assert {name: arguments[1:] for name, arguments in drawn.items()} == {
        "losses": (baseline["mean"]["train"], 3),
        "improvement": (),
        "solved": (0.9,),
        "final": (pytest.approx(solved), baseline["mean"]["test"]),
        "cost": (baseline["mean"]["test"],),
        "predictions": (mean.TRUE_LABEL, mean.PREDICTED_LABEL),
    }
    tables = ["losses", "comparisons", "progress", "outcomes", "progress", "predictions"]
    for name, table in zip(ALT_TEXTS, tables, strict=True):
        assert drawn[name][0].equals(read_table(table))
