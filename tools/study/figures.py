"""The figures of a study of depths; each draws from a table beside it."""

from collections.abc import Iterable
from itertools import product

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from stages import words
from stages.plot.figures import COLOURS, DOTS, NEUTRAL, OTHERS, WIDTH, with_title
from stages.words import count_of

MARKERS = "osD^"


def looks(depths: Iterable[int], values: pd.Series, first: int = 0) -> dict[int, tuple[str, str, float]]:
    """Return a colour and a marker for each depth, and how far aside its points are, so that no interval is covered.

    One and two layers have the colours of `single` and `stacked`; the lowest depth has those at place `first`.
    """
    colours = (COLOURS["single"], COLOURS["stacked"], COLOURS["wide"], *OTHERS)
    depths, across = sorted(set(depths)), np.unique(values)
    step = float(np.diff(across).min()) if len(across) > 1 else 1.0
    return {
        depth: (
            colours[i + first],
            MARKERS[(i + first) % len(MARKERS)],
            0.1 * step * (i - (len(depths) - 1) / 2),
        )
        for i, depth in enumerate(depths)
    }


def solved(table: pd.DataFrame, knob: str, solved_r2: float) -> Figure:
    """Draw the share of replicates that have solved the task against what the study varies; `table` is solved.csv.

    Its column `reach` is the longest delay that linear layers answer exactly, or empty.
    """
    figure, panels = _panels(table, knob, "solved")
    look = looks(table["num_layers"], table["value"])
    for axes, rows in panels:
        for depth, of_depth in rows.groupby("num_layers"):
            _line(axes, of_depth, look[depth], count_of(depth, "layer"))
            for reach in of_depth["reach"].dropna().unique():
                axes.axvline(reach, color=look[depth][0], linestyle=DOTS, linewidth=1.5)
    task = f"Replicates that have solved the task (test R2 of {solved_r2:g} or more)"
    title = f"{task}, with {words.CONFIDENCE} intervals"
    if table["reach"].notna().any():
        title += f"\nDotted: the longest {knob} that so many linear layers of this size answer exactly"
    return _finish(figure, title)


def improvement(table: pd.DataFrame, knob: str, level: float) -> Figure:
    """Draw how often a deeper network beats the shallowest, against what is varied; `table` is improvement.csv."""
    figure, panels = _panels(table, knob, "deeper beats shallower")
    # The shallowest, which is not drawn, has place 0.
    look = looks(table["num_layers"], table["value"], first=1)
    for axes, rows in panels:
        axes.axhline(0.5, color=NEUTRAL, linestyle=DOTS)
        for (depth, against), of_depth in rows.groupby(["num_layers", "against"]):
            _line(axes, of_depth, look[depth], f"{count_of(depth, 'layer')} against {against}")
    title = f"How often a replicate of the deeper network has the lower test MSE, with {words.level(level)} intervals"
    return _finish(figure, f"{title}\nAbove the dotted line the deeper is ahead")


def _panels(table: pd.DataFrame, knob: str, up: str) -> tuple[Figure, list[tuple[Axes, pd.DataFrame]]]:
    """Return a figure with a column for each group of models and a row for each number of epochs, and their rows.

    One group has its panels side by side.
    """
    groups = list(table[["cell", "wish"]].drop_duplicates().itertuples(index=False))
    epochs = sorted(table["epoch"].unique())
    rows, columns = (len(epochs), len(groups)) if len(groups) > 1 else (1, len(epochs))
    figure = Figure(figsize=(WIDTH, 2.9 * rows + 1.2), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
    panels, values = [], sorted(table["value"].unique())
    for axes, (epoch, (cell, wish)) in zip(grid.flat, product(epochs, groups), strict=True):
        chosen = (table["cell"] == cell) & (table["wish"] == wish) & (table["epoch"] == epoch)
        panels.append((axes, table[chosen]))
        axes.set_title(f"{cell}\nabout {wish:,} parameters\n{words.epochs(epoch)}", fontsize=11)
        axes.set_ylim(-0.03, 1.03)
        axes.yaxis.set_major_formatter(PercentFormatter(1))
        axes.set_xticks(values)
        if len(values) == 1:  # else its points fill the panel's width
            axes.set_xlim(values[0] - 1, values[0] + 1)
    for axes in grid[-1]:
        axes.set_xlabel(knob)
    for axes in grid[:, 0]:
        axes.set_ylabel(up)
    return figure, panels


def _line(axes: Axes, rows: pd.DataFrame, look: tuple[str, str, float], label: str) -> None:
    """Draw shares with their intervals."""
    colour, marker, aside = look
    x = rows["value"] + aside
    axes.vlines(x, rows["low"], rows["high"], color=colour, linewidth=1.3, alpha=0.7)
    axes.plot(x, rows["share"], color=colour, marker=marker, markersize=6, linewidth=1.6, label=label)


def _finish(figure: Figure, title: str) -> Figure:
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels), frameon=False)
    return with_title(figure, title)
