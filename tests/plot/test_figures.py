"""The figures draw what the tables say: read back from the drawn artists, not from the pixels."""

import numpy as np
import pandas as pd
import pytest
from matplotlib import colors
from matplotlib.figure import Figure

from stages.plot import figures


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


def test_twenty_models_still_get_a_style_each() -> None:
    names = [f"m{i}" for i in range(20)]
    assert list(figures.styles(names)) == names


def test_diverged_losses_leave_gaps() -> None:
    figure = figures.losses(curves(["single"], [0.1, np.inf, np.nan]), 0.1, 5)
    figure.canvas.draw()
    assert np.isfinite(figure.axes[0].get_ylim()).all()


@pytest.mark.parametrize("models", [1, 3, 4])
def test_predictions_have_a_panel_a_model_that_names_its_replicate(models: int) -> None:
    names = [f"m{i}" for i in range(models)]
    rows = [(name, 7, y, y + 0.1) for name in names for y in (0.4, 0.6)]
    points = pd.DataFrame(rows, columns=["model", "replicate", "y_true", "y_predicted"])
    panels = figures.predictions(points).axes
    assert [panel.get_title() for panel in panels] == [f"{name}, replicate 7" for name in names]
    offsets = np.asarray(panels[-1].collections[0].get_offsets())
    np.testing.assert_allclose(offsets, [[0.4, 0.5], [0.6, 0.7]])
