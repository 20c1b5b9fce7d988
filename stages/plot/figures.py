"""The figures. Each function draws from the table of reports/ that its first argument is named for.

A panel a model, or a pair: its own line in colour, the others in grey behind it, so that forty can be told apart as
well as two. What a line that is no model's means stands beside it.
"""

import math
from collections.abc import Callable, Iterable, Mapping
from itertools import cycle
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from matplotlib import style
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullFormatter, PercentFormatter

from stages import words
from stages.files import replacing
from stages.generate.tasks import task
from stages.params import Params, split_pair
from stages.results import Results


class Run(NamedTuple):
    """What the figures of a run draw from: all that was found, and the tables of reports/."""

    results: Results
    params: Params
    tables: Mapping[str, pd.DataFrame]

    @property
    def solved_r2(self) -> float:
        """The R2 on the test data from which on a replicate has solved the task."""
        forecasts = self.results.forecasts
        return forecasts.solved_r2 if forecasts else self.params.evaluate.solved_r2


# In the report's order: what each shows, for those who cannot see it, and how it is drawn.
FIGURES: dict[str, tuple[str, Callable[[Run], Figure]]] = {
    "losses": (
        "Training loss against the epoch, a panel a model",
        lambda run: losses(
            run.tables["losses"], run.results.baseline.mean.train, run.params.train.replicates
        ),
    ),
    "improvement": (
        "How often one model beats another against the epoch, a panel a pair",
        lambda run: improvement(run.tables["comparisons"]),
    ),
    "solved": (
        "Share of replicates that have solved the task against the epoch, a panel a model",
        lambda run: solved(run.tables["progress"], run.solved_r2),
    ),
    "final": (
        "Distribution of the final test MSE over replicates, a panel a model",
        lambda run: final(
            run.tables["outcomes"],
            (1 - run.solved_r2) * run.results.baseline.variance.test,
            run.results.baseline.mean.test,
        ),
    ),
    "cost": (
        "Test MSE against the multiply-adds spent on training, a panel a model",
        lambda run: cost(run.tables["progress"], run.results.baseline.mean.test),
    ),
    "predictions": (
        "Predicted against true targets of the test sequences, a panel a model",
        lambda run: predictions(
            run.tables["predictions"],
            task(run.params.data.task).TRUE_LABEL,
            task(run.params.data.task).PREDICTED_LABEL,
        ),
    ),
}

# The original's red and green, in shades that colour-blind readers can tell apart; the others are from
# Okabe and Ito's palette (jfly.uni-koeln.de/color).
COLOURS = {"single": "#c1121f", "stacked": "#009e73", "wide": "#0072b2"}
OTHERS = ("#e69f00", "#cc79a7", "#56b4e9", "#7a5195", "#5c4b00")
INK, NEUTRAL, QUIET = "#222222", "#555555", "#bbbbbb"
DOTS: Any = (0, (1, 2))
QUIET_POINTS = 1000  # at least, of a line that is longer

WIDTH = 8.5  # inches
FEW = 9  # panels, up to which they are large
RC: dict[str, Any] = {
    "font.size": 12,
    "axes.titlesize": 12,
    "axes.titleweight": "bold",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.25,
    "figure.dpi": 150,
}


def save(path: Path, draw: Callable[[], Figure]) -> None:
    """Write what `draw` returns as PNG, without the version of matplotlib in it."""
    # From the defaults, since a user's own matplotlibrc must not change the bytes.
    with style.context(["default", RC]), replacing(path) as partial:
        draw().savefig(partial, format="png", metadata={"Software": None})


def with_title(figure: Figure, title: str) -> Figure:
    """Return the figure with a title above it."""
    figure.suptitle(title, fontsize=12, x=0.01, ha="left")
    return figure


def colours(models: list[str]) -> dict[str, str]:
    """Return a colour for each model; those of `COLOURS` keep theirs whatever else is compared."""
    others = cycle(OTHERS)
    return {name: COLOURS.get(name) or next(others) for name in models}


def losses(losses: pd.DataFrame, constant: float, replicates: int) -> Figure:
    """Draw the training MSE against the epoch, and that of the constant predictor."""
    figure, panels = _panels(
        losses,
        f"Training loss: the median of {replicates} replicates, and the band that holds their middle half",
        ("epoch", "epochs"),
        ("median", "training MSE"),
        ("q25", "q75"),
    )
    for axes in panels:
        _mse(axes, losses["median"], constant)
    return figure


def improvement(comparisons: pd.DataFrame) -> Figure:
    """Draw how often the first model of each pair beats the second, against the epoch; there may be no pair."""
    figure, panels = _panels(
        comparisons,
        "How often a replicate of the first has the lower test MSE; "
        f"band: {words.CONFIDENCE} interval, each epoch by itself",
        ("epoch", "epochs"),
        ("p", "first beats second"),
        ("p_low", "p_high"),
    )
    for axes in panels:
        _shares(axes)
        _level(axes, 0.5, "")
        if axes.get_title():
            first, second = split_pair(axes.get_title())
            for y, text in ((0.97, f"{first} ahead"), (0.03, f"{second} ahead")):
                _word(axes, y, text)
    return figure


def solved(progress: pd.DataFrame, solved_r2: float) -> Figure:
    """Draw the share of replicates that have solved the task, with a test R2 of `solved_r2`, against the epoch."""
    figure, panels = _panels(
        progress,
        f"Replicates that have solved the task (test R2 of {solved_r2:g} or more); band: {words.CONFIDENCE} interval",
        ("epoch", "epochs"),
        ("solved", "solved"),
        ("solved_low", "solved_high"),
    )
    for axes in panels:
        _shares(axes)
    return figure


def final(outcomes: pd.DataFrame, threshold: float, constant: float) -> Figure:
    """Draw how many replicates end with a test MSE of at most this: a distribution function a model.

    What is not finite stays above all. The task is solved up to `threshold`, which is drawn where a log axis can show
    it; `constant` is the constant predictor's.
    """
    last = outcomes[outcomes["epoch"] == outcomes["epoch"].max()]
    finite = last["test_mse"][np.isfinite(last["test_mse"])]
    known = [mse for mse in (*finite, constant, threshold / 3) if mse > 0] or [1.0]
    tables = []
    for name, rows in last.groupby("model", sort=False):
        mse = np.sort(rows["test_mse"].to_numpy(float))
        mse = mse[np.isfinite(mse)]
        steps = np.append(mse[:1], mse) if len(mse) else np.array([np.nan])  # up from the axis
        shares = np.arange(len(steps)) / len(rows) + 0 * steps
        tables.append(pd.DataFrame({"model": name, "mse": steps, "share": shares}))
    figure, panels = _panels(
        pd.concat(tables),
        "How many replicates end at or below a test MSE",
        ("mse", "test MSE after the last epoch"),
        ("share", "replicates"),
        drawstyle="steps-post",
    )
    for axes in panels:
        left = _log_across(axes, known)  # not left to the lines, which may all have diverged
        _shares(axes)
        if constant > 0:
            axes.axvline(constant, color=NEUTRAL, linestyle=DOTS)
        axes.axvspan(left, max(threshold, left), color=NEUTRAL, alpha=0.08, linewidth=0)
    _word(figure.axes[0], 0.97, "solved" if threshold > 0 else "")
    if constant > 0:
        figure.axes[0].annotate(words.CONSTANT, (constant, 0.03), (3, 0), textcoords="offset points",
                                rotation=90, fontsize=10, color=NEUTRAL, ha="left", va="bottom")  # fmt: skip
    return figure


def cost(progress: pd.DataFrame, constant: float) -> Figure:
    """Draw the test MSE against the multiply-adds spent on training one replicate, and the constant predictor's."""
    after_start = progress[progress["multiply_adds"] > 0]
    figure, panels = _panels(
        after_start,
        "Test loss for the work spent: the median, and the band that holds the middle half of the replicates",
        ("multiply_adds", "multiply-adds spent on training a replicate"),
        ("median", "test MSE"),
        ("q25", "q75"),
    )
    for axes in panels:
        _log_across(axes, after_start["multiply_adds"])
        _mse(axes, after_start["median"], constant)
    return figure


def predictions(predictions: pd.DataFrame, true_label: str, predicted_label: str) -> Figure:
    """Draw predicted against true on the test data; the labels say what these are."""
    names = list(predictions["model"].unique())
    figure, panels = _grid(
        len(names),
        "Test data, by the replicate of each model that is nearest the median test MSE",
        (true_label, predicted_label),
    )
    ends = predictions["y_true"].min(), predictions["y_true"].max()
    for axes, (name, colour) in zip(panels, colours(names).items(), strict=True):
        rows = predictions[predictions["model"] == name]
        axes.plot(ends, ends, color=NEUTRAL, linewidth=1)
        axes.scatter(rows["y_true"], rows["y_predicted"], s=8, color=colour, alpha=0.5, linewidths=0)
        axes.set_title(name, color=colour)
        _word(axes, 0.98, f"replicate {rows['replicate'].iloc[0]:.0f}")
    return figure


def _panels(
    table: pd.DataFrame,
    title: str,
    x: tuple[str, str],
    y: tuple[str, str],
    band: tuple[str, str] | None = None,
    **line: Any,
) -> tuple[Figure, list[Axes]]:
    """Return a figure with a panel for each name in the table's first column.

    Args:
        table: a row a name and x.
        title: of the figure.
        x: the column across, and its words.
        y: the column up, and its words.
        band: the columns that a band lies between.
        line: how lines are drawn.
    """
    (key, *_), groups = table.columns, dict(list(table.groupby(table.columns[0], sort=False)))
    figure, panels = _grid(max(len(groups), 1), title, (x[1], y[1]))
    look = colours(list(groups)) if key == "model" else dict.fromkeys(groups, INK)
    if not groups:
        _word(panels[0], 0.97, f"no {key} to draw")
    for axes, (name, rows) in zip(panels, groups.items(), strict=False):
        for other in groups.values():
            thinned = other.iloc[:: max(len(other) // QUIET_POINTS, 1)]
            axes.plot(thinned[x[0]], thinned[y[0]], color=QUIET, linewidth=0.7, **line)
        if band:
            axes.fill_between(
                rows[x[0]], *(rows[end] for end in band), color=look[name], alpha=0.2, linewidth=0
            )
        axes.plot(rows[x[0]], rows[y[0]], color=look[name], linewidth=2, clip_on=False, **line)
        axes.set_title(name, color=look[name])
        if not np.isfinite(rows[y[0]]).any():
            _word(axes, 0.3, "diverged")
    if x[0] == "epoch" and groups:
        for axes in panels:
            axes.set_xlim(0, table["epoch"].max())
            axes.xaxis.set_major_locator(MaxNLocator(4 if len(groups) <= FEW else 2, integer=True))
            axes.xaxis.set_major_formatter(FuncFormatter(lambda epoch, _: f"{epoch:,.0f}"))
    return figure, panels


def _grid(count: int, title: str, labels: tuple[str, str]) -> tuple[Figure, list[Axes]]:
    """Return a figure with so many panels that share their axes, under a title."""
    columns = min(count, 3 if count <= FEW else 5)
    rows = math.ceil(count / columns)
    height = {1: 4.2, 2: 3.4}.get(columns, WIDTH / columns)
    # Wide enough apart for the last number below a panel and the first below the next.
    between = ConstrainedLayoutEngine(w_pad=0.1)
    figure = Figure(figsize=(WIDTH, rows * height + 0.8), layout=between)
    panels = list(figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True).flat)
    for axes in panels[count:]:
        axes.remove()
    for axes in panels[max(count - columns, 0) : count]:
        axes.tick_params(labelbottom=True)  # where the panel below is none
    with_title(figure, title)
    figure.supxlabel(labels[0], fontsize=12)
    figure.supylabel(labels[1], fontsize=12)
    return figure, panels[:count]


def _mse(axes: Axes, drawn: pd.Series, constant: float) -> None:
    """Make the vertical axis a logarithmic one of MSEs, with the constant predictor's; it shows that where it can show
    nothing of what is `drawn`.
    """
    if not (np.isfinite(drawn) & (drawn > 0)).any():
        middle = constant if constant > 0 else 1
        axes.set_ylim(middle / 10, middle * 10)
    axes.set_yscale("log")
    if constant > 0:
        _level(axes, constant, words.CONSTANT)


def _log_across(axes: Axes, values: Iterable[float]) -> float:
    """Make the horizontal axis a logarithmic one that shows `values`; return its left end."""
    left, _ = axes.set_xlim(0.8 * min(values), 1.25 * max(values))
    axes.set_xscale("log")
    axes.xaxis.set_minor_formatter(NullFormatter())
    return left


def _shares(axes: Axes) -> None:
    """Make the vertical axis one of shares, with room for lines on 0 and on 100 %."""
    axes.set_ylim(-0.02, 1.02)
    axes.yaxis.set_major_formatter(PercentFormatter(1))


def _level(axes: Axes, value: float, text: str) -> None:
    """Draw a level that is no model's, and say in the first panel what it is."""
    axes.axhline(value, color=NEUTRAL, linestyle=DOTS)
    if axes is axes.figure.axes[0]:
        axes.annotate(text, (1, value), (0, 2), xycoords=("axes fraction", "data"), textcoords="offset points",
                      fontsize=10, color=NEUTRAL, ha="right", va="bottom")  # fmt: skip


def _word(axes: Axes, y: float, text: str) -> None:
    """Write at the left of a panel, at a fraction of its height."""
    va = "top" if y > 0.5 else "bottom"
    axes.text(0.02, y, text, transform=axes.transAxes, fontsize=10, color=NEUTRAL, va=va)
