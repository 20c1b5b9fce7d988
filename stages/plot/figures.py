"""The figures. Each function draws from a table of reports/ and returns a matplotlib Figure."""

from itertools import cycle
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

# The original's red and green, in shades that colour-blind readers can tell apart; the others are from
# Okabe and Ito's palette (jfly.uni-koeln.de/color). Dashes tell the lines apart in black and white.
STYLES = {"single": ("#c1121f", "-"), "stacked": ("#009e73", "--"), "wide": ("#0072b2", "-.")}
OTHERS = [("#e69f00", ":"), ("#cc79a7", "-"), ("#56b4e9", "--"), ("#7a5195", "-."), ("#5c4b00", ":")]
CONSTANT = "#555555"

RC: dict[str, Any] = {
    "font.size": 13,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.25,
    "legend.frameon": False,
    "figure.dpi": 150,
}


def styles(models: list[str]) -> dict[str, tuple[str, str]]:
    """Return a colour and a dash for each model; those of `STYLES` keep theirs whatever else is compared."""
    others = cycle(OTHERS)
    return {name: STYLES.get(name) or next(others) for name in models}


def losses(curves: pd.DataFrame, constant: float, replicates: int) -> Figure:
    """Draw the training MSE against the epoch: the median over replicates and the band between the quartiles.

    Args:
        curves: reports/losses.csv (model, epoch, median, q25, q75).
        constant: training MSE of the constant predictor.
        replicates: how many the quartiles are of.

    """
    figure = Figure(figsize=(8.5, 4.8), layout="constrained")
    axes = figure.subplots()
    models = list(curves["model"].unique())
    for name, (colour, dash) in styles(models).items():
        curve = curves[curves["model"] == name]
        axes.fill_between(curve["epoch"], curve["q25"], curve["q75"], color=colour, alpha=0.15, linewidth=0)
        axes.plot(curve["epoch"], curve["median"], color=colour, linestyle=dash, linewidth=2, label=name)
    axes.axhline(constant, color=CONSTANT, linestyle=(0, (1, 2)), label="constant predictor")
    axes.set_yscale("log")
    axes.set_xlim(0, curves["epoch"].max())
    axes.set_xlabel("epochs")
    axes.set_ylabel("loss (training MSE)")
    axes.set_title(f"Training loss: median and quartiles of {replicates} replicates", fontsize=13)
    axes.legend(loc="upper right")
    return figure


def predictions(points: pd.DataFrame) -> Figure:
    """Draw predicted against true, a panel a model, on the test data.

    Args:
        points: reports/predictions.csv (model, replicate, y_true, y_predicted).

    """
    models = list(points["model"].unique())
    columns = min(len(models), 3)
    rows = -(-len(models) // columns)
    figure = Figure(figsize=(3.6 * columns + 0.6, 3.9 * rows + 0.5), layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True).flat
    ends = (points["y_true"].min(), points["y_true"].max())
    for axes, (name, (colour, _)) in zip(panels, styles(models).items(), strict=False):
        of_model = points[points["model"] == name]
        axes.plot(ends, ends, color=CONSTANT, linewidth=1)
        axes.scatter(of_model["y_true"], of_model["y_predicted"], s=8, color=colour, alpha=0.5, linewidths=0)
        axes.set_title(f"{name}, replicate {of_model['replicate'].iloc[0]}", fontsize=13)
        axes.set_aspect("equal")
    for axes in list(figure.axes)[len(models) :]:
        axes.remove()
    figure.supxlabel("true mean of the sequence", fontsize=13)
    figure.supylabel("predicted mean", fontsize=13)
    figure.suptitle("Test data; of each model the replicate nearest the median test MSE", fontsize=13)
    return figure
