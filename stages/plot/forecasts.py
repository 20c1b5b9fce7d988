"""What the report of the task forecast has besides: its first sentence, its tables and its figure."""

from collections.abc import Iterator

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from stages import words
from stages.generate.tasks.forecast import of
from stages.plot.figures import DOTS, INK, NEUTRAL, QUIET, WIDTH, Run, colours, with_title
from stages.results import Estimate, Forecasts
from stages.words import number, percent

MOST_ROWS = 24  # of the table of what comes next; details.json has all
ACROSS = 70  # characters, for which a figure has room
MUCH_OUTSIDE = 0.25  # of the test part's targets, from which on a trend is likely; of sunspots it is 8 %
FEW_BLOCKS = 5  # of the test part, under which an interval over them is wide whatever the network


def sentence(found: Forecasts) -> str:
    """Return whether any network beats the best baseline, and by how much the best of those that do, or of all."""
    name = found.best_model()
    network, baseline = found.models[name], found.baselines[found.best].errors
    ahead, of_which = found.ahead(), f"the best network, {name},"
    if ahead:
        text = f"{words.listed(ahead)} {'beats' if len(ahead) == 1 else 'beat'} the {found.best}, the best baseline"
        of_which = "it" if len(ahead) == 1 else f"the best of them, {name},"
    elif any(one.verdict == "inconclusive" for one in found.models.values()):
        text = f"No network is shown to beat the {found.best}, the best baseline"
    else:
        text = f"No network beats the {found.best}, the best baseline"
    blocks, warnings = len(found.starts), ""
    if blocks < FEW_BLOCKS:
        warnings += f" A test part of {words.count_of(blocks, 'block')} can show little."
    if found.outside >= MUCH_OUTSIDE and not ahead:
        warnings += (
            f" {percent(found.outside)} of the test part is below or above all that was trained on, where networks "
            "seldom follow: forecast the changes from row to row instead."
        )
    return (
        f"{text}: {of_which} has an RMSE of {number(network.errors.rmse)} on the test part against "
        f"{number(baseline.rmse)}; its MSE is {_against(network.gain, found.level)}.{warnings}"
    )


def section(found: Forecasts) -> str:
    """Return the tables of errors and of what comes next."""
    return (
        f"{words.records(_errors(found))}\n\nErrors are of the test part, in the series' own unit, each "
        "network's of its replicate nearest the median; the intervals are over "
        f"{len(found.starts)} consecutive blocks of the test part, since errors that follow each other are alike, and "
        f"together right 19 times in 20.\n\nAfter {found.times[-1]} comes, with the middle half of the replicates:\n\n"
        f"{words.records(_ahead(found))}"
    )


def _of_run(run: Run) -> Figure:
    assert run.results.forecasts is not None, "the task is to forecast"
    return figure(run.results.forecasts, of(run.params.data).column)


# In place of those of the same names.
FIGURES = {
    "predictions": (
        "The end of the series with each network's forecasts and those of the best baseline, and errors by time",
        _of_run,
    )
}


def figure(found: Forecasts, column: str) -> Figure:
    """Draw the last part of the series with every network's forecasts, a panel each, and below them errors by time."""
    look, shown = colours(list(found.models)), len(found.times)
    heights = [*(2.0 for _ in look), 2.4]
    drawing = Figure(figsize=(WIDTH, sum(heights) + 0.6), layout="constrained")
    *panels, by_time = drawing.subplots(len(heights), 1, gridspec_kw={"height_ratios": heights})
    best = found.baselines[found.best]
    # What comes next goes on from the last forecast.
    x = np.arange(shown + len(best.next))
    for axes, (name, colour) in zip(panels, look.items(), strict=True):
        one = found.models[name]
        median, low, high = (
            np.array(last + ahead, float) for last, ahead in zip(one.last, one.next, strict=True)
        )
        low, high = (np.where(np.isfinite(end), end, np.nan) for end in (low, high))
        axes.plot(x[:shown], found.true, color=INK, linewidth=1.2, label=column)
        axes.plot(x, best.last + best.next, color=NEUTRAL, linestyle=DOTS, label=found.best)
        axes.fill_between(x, low, high, color=colour, alpha=0.25, linewidth=0)
        axes.plot(x, median, color=colour, linewidth=1.8, label=name)
        axes.plot(x[shown:], median[shown:], ".", color=colour)
        axes.axvspan(shown - 0.5, x[-1] + 0.5, color=QUIET, alpha=0.3, linewidth=0)
        axes.set_xlim(0, x[-1] + 0.5)
        _mark(axes, found.times)
        axes.legend(loc="upper left", ncols=3, fontsize=9, frameon=False, borderaxespad=0)
    low, high = (end(axes.get_ylim()[i] for axes in panels) for i, end in enumerate((min, max)))
    for axes in panels:
        axes.set_ylim(low, low + 1.25 * (high - low))  # room for the legend
    starts = np.arange(len(found.starts))
    by_time.plot(starts, best.errors.blocks, "o", color=NEUTRAL, linestyle=DOTS, label=found.best)
    for name, colour in look.items():
        by_time.plot(starts, found.models[name].errors.blocks, "o-", color=colour, label=name)
    _mark(by_time, [f"from {start}" for start in found.starts])
    by_time.set_ylim(bottom=0)
    by_time.set_title("RMSE of consecutive blocks of the test part")
    by_time.legend(ncols=4, fontsize=9, frameon=False)
    return with_title(
        drawing,
        f"{column} at the end of the test part, and what comes next (grey)\n"
        "Forecasts: the median of the replicates, and the band that holds their middle half",
    )


def _mark(axes: Axes, texts: list[str]) -> None:
    """Write on the horizontal axis what stands at 0, 1, ... as often as there is room."""
    most = max(2, min(10, ACROSS // (2 + max(map(len, texts)))))
    every = -(-len(texts) // most)
    axes.set_xticks(range(0, len(texts), every), texts[::every])


def _errors(found: Forecasts) -> Iterator[dict[str, str]]:
    """Yield a row for each baseline and model."""
    for name, of_one in found.errors().items():
        model = found.models.get(name)
        against = "the best" if name == found.best else ""
        yield {
            "forecaster": name,
            "RMSE": number(of_one.rmse),
            "MAE": number(of_one.mae),
            "MASE": number(of_one.mase),
            "MSE against the best baseline's": _against(model.gain, found.level) if model else against,
            "verdict": model.verdict if model else "",
        }


def _ahead(found: Forecasts) -> Iterator[dict[str, str]]:
    """Yield a row for each of the next steps."""
    for step in range(min(len(found.baselines[found.best].next), MOST_ROWS)):
        row = {"rows ahead": f"{step + 1}"}
        row |= {name: number(one.next[step]) for name, one in found.baselines.items()}
        for name, one in found.models.items():
            median, low, high = (number(values[step]) for values in one.next)
            row[name] = f"{median} ({low} to {high})"
        yield row


def _against(gained: Estimate | None, level: float) -> str:
    """Return "39 % above it (98.3 % interval 42 % below to 121 % above)"."""
    if gained is None:
        return "undefined"
    if gained.low is None or gained.high is None:
        return f"{_below(gained.value)} (no interval: too few rows)"
    return f"{_below(gained.value)} ({words.level(level)} interval {_below(gained.high)} to {_below(gained.low)})"


def _below(gain: float) -> str:
    return f"{percent(abs(gain))} {'below' if gain > 0 else 'above'}"
