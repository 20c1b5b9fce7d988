"""The figures. Each function draws from a table of reports/ and returns a matplotlib Figure."""

from itertools import cycle
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

# The original's red and green, in shades that colour-blind readers can tell apart; the others are from
# Okabe and Ito's palette (jfly.uni-koeln.de/color). Dashes tell the lines apart in black and white.
STYLES: dict[str, tuple[str, Any]] = {
    "single": ("#c1121f", "-"),
    "stacked": ("#009e73", "--"),
    "wide": ("#0072b2", "-."),
}
# Thirty ways to look: each dash with every colour before the next.
OTHERS = [
    (colour, dash)
    for dash in (":", "-", "--", "-.", (0, (5, 1)), (0, (1, 4)))
    for colour in ("#e69f00", "#cc79a7", "#56b4e9", "#7a5195", "#5c4b00")
]
# Pairs in colours of their own, since a pair is no model.
PAIRS: list[tuple[str, Any]] = [
    ("#222222", "-"),
    ("#cc6677", "--"),
    ("#332288", "-."),
    ("#88a000", ":"),
    *OTHERS,
]
NEUTRAL = "#555555"
DOTS: Any = (0, (1, 2))
DASHES: Any = (0, (5, 3))

RC: dict[str, Any] = {
    "font.size": 13,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.25,
    "legend.frameon": False,
    "figure.dpi": 150,
}


def styles(models: list[str]) -> dict[str, tuple[str, Any]]:
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
    figure, axes = _one_panel(f"Training loss: median and quartiles of {replicates} replicates")
    _draw_bands(axes, curves, "epoch", ("median", "q25", "q75"))
    axes.axhline(constant, color=NEUTRAL, linestyle=DOTS, label="constant predictor")
    axes.set_yscale("log")
    axes.set_xlim(0, curves["epoch"].max())
    axes.set_xlabel("epochs")
    axes.set_ylabel("loss (training MSE)")
    axes.legend(loc="best")
    return figure


def improvement(comparisons: pd.DataFrame) -> Figure:
    """Draw the probability that the first model of each pair beats the second, against the epoch.

    Args:
        comparisons: reports/comparisons.csv (pair, epoch, p, p_low, p_high); no rows where no pair is complete.

    """
    figure, axes = _one_panel("How often one replicate beats another, on test MSE")
    pairs = list(comparisons["pair"].unique())
    for (name, rows), (colour, dash) in zip(
        comparisons.groupby("pair", sort=False), cycle(PAIRS), strict=False
    ):
        low, high = rows["p_low"].astype(float), rows["p_high"].astype(float)
        axes.fill_between(rows["epoch"], low, high, color=colour, alpha=0.15, linewidth=0)
        axes.plot(rows["epoch"], rows["p"], color=colour, linestyle=dash, linewidth=2, label=name)
    axes.axhline(0.5, color=NEUTRAL, linestyle=DOTS, label="no difference")
    axes.set_ylim(0, 1)
    axes.set_xlim(0, comparisons["epoch"].max() if pairs else 1)
    axes.set_xlabel("epochs")
    axes.set_ylabel("probability of improvement")
    # Below, since the bands leave no room.
    figure.legend(
        loc="outside lower center",
        ncols=min(len(pairs) + 1, 3),
        title="band: 95 % interval, each epoch by itself",
        title_fontsize=11,
    )
    return figure


def solved(progress: pd.DataFrame, solved_r2: float) -> Figure:
    """Draw the share of replicates that have solved the task, against the epoch, with its 95 % interval.

    Args:
        progress: reports/progress.csv (model, epoch, solved, solved_low, solved_high and more).
        solved_r2: from which test R2 on the task is solved.

    """
    figure, axes = _one_panel(
        f"Share of replicates that have solved the task (test R2 of {solved_r2:g} or more)"
    )
    _draw_bands(axes, progress, "epoch", ("solved", "solved_low", "solved_high"))
    axes.set_ylim(0, 1)
    axes.yaxis.set_major_formatter(PercentFormatter(1))
    axes.set_xlim(0, progress["epoch"].max())
    axes.set_xlabel("epochs")
    axes.set_ylabel("solved")
    axes.legend(loc="best", title="band: 95 % interval", title_fontsize=11)
    return figure


def final(outcomes: pd.DataFrame, threshold: float, constant: float) -> Figure:
    """Draw every replicate's final test MSE as a distribution function a model.

    Args:
        outcomes: reports/outcomes.csv (model, replicate, epoch, train_mse, test_mse), of which the last epoch is
            drawn; what is not finite stays above all.
        threshold: the test MSE up to which the task is solved, drawn where a log axis can show it.
        constant: test MSE of the constant predictor.

    """
    figure, axes = _one_panel("Every replicate after the last epoch: share with a test MSE of at most ...")
    outcomes = outcomes[outcomes["epoch"] == outcomes["epoch"].max()]
    models = list(outcomes["model"].unique())
    for name, (colour, dash) in styles(models).items():
        values = outcomes.loc[outcomes["model"] == name, "test_mse"].astype(float)
        finite = np.sort(values[np.isfinite(values)])
        steps = np.concatenate([finite[:1], finite])  # up from the axis
        shares = np.arange(len(steps)) / len(values)
        axes.step(steps, shares, where="post", color=colour, linestyle=dash, linewidth=2, label=name)
    if threshold > 0:
        axes.axvline(threshold, color=NEUTRAL, linestyle=DASHES, label="solved to the left")
    axes.axvline(constant, color=NEUTRAL, linestyle=DOTS, label="constant predictor")
    axes.set_xscale("log")
    axes.set_ylim(0, 1.02)
    axes.yaxis.set_major_formatter(PercentFormatter(1))
    axes.set_xlabel("test MSE")
    axes.set_ylabel("replicates")
    axes.legend(loc="best")
    return figure


def cost(progress: pd.DataFrame, constant: float) -> Figure:
    """Draw the median test MSE, with quartiles, against the multiply-adds spent on training one replicate.

    Args:
        progress: reports/progress.csv (model, multiply_adds, median, q25, q75 and more).
        constant: test MSE of the constant predictor.

    """
    figure, axes = _one_panel("Test loss for the work spent: median and quartiles over replicates")
    after_start = progress[progress["multiply_adds"] > 0]
    _draw_bands(axes, after_start, "multiply_adds", ("median", "q25", "q75"))
    axes.axhline(constant, color=NEUTRAL, linestyle=DOTS, label="constant predictor")
    axes.set_xscale("log")
    axes.set_yscale("log")
    # Not left to the lines, which may all have diverged.
    axes.set_xlim(0.8 * after_start["multiply_adds"].min(), 1.25 * after_start["multiply_adds"].max())
    axes.set_xlabel("multiply-adds spent on training a replicate")
    axes.set_ylabel("test MSE")
    axes.legend(loc="best")
    return figure


def predictions(points: pd.DataFrame, true_label: str, predicted_label: str) -> Figure:
    """Draw predicted against true, a panel a model, on the test data.

    Args:
        points: reports/predictions.csv (model, replicate, y_true, y_predicted).
        true_label: what y_true is.
        predicted_label: what y_predicted is.

    """
    models = list(points["model"].unique())
    columns = min(len(models), 3)
    rows = -(-len(models) // columns)
    figure = Figure(figsize=(3.6 * columns + 0.6, 3.9 * rows + 0.5), layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True).flat
    ends = (points["y_true"].min(), points["y_true"].max())
    for axes, (name, (colour, _)) in zip(panels, styles(models).items(), strict=False):
        of_model = points[points["model"] == name]
        axes.plot(ends, ends, color=NEUTRAL, linewidth=1)
        axes.scatter(of_model["y_true"], of_model["y_predicted"], s=8, color=colour, alpha=0.5, linewidths=0)
        axes.set_title(f"{name}, replicate {of_model['replicate'].iloc[0]:.0f}", fontsize=13)
        axes.set_aspect("equal")
    for axes in list(figure.axes)[len(models) :]:
        axes.remove()
    figure.supxlabel(true_label, fontsize=13)
    figure.supylabel(predicted_label, fontsize=13)
    figure.suptitle("Test data; of each model the replicate nearest the median test MSE", fontsize=13)
    return figure


def _one_panel(title: str) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(8.5, 4.8), layout="constrained")
    axes = figure.subplots()
    axes.set_title(title, fontsize=13)
    return figure, axes


def _draw_bands(axes: Axes, table: pd.DataFrame, x: str, columns: tuple[str, str, str]) -> None:
    """Draw, for each model of `table`, the first of `columns` as a line and the band between the other two."""
    middle, low, high = columns
    for name, (colour, dash) in styles(list(table["model"].unique())).items():
        rows = table[table["model"] == name]
        axes.fill_between(rows[x], rows[low], rows[high], color=colour, alpha=0.15, linewidth=0)
        axes.plot(rows[x], rows[middle], color=colour, linestyle=dash, linewidth=2, label=name)
