"""The page of the study `mean`: its answer, its figure, its tables, and what other data sets say."""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from stages import words
from stages.files import write_text
from stages.params import split_pair
from stages.plot.figures import DOTS, INK, NEUTRAL, WIDTH, save, with_title
from stages.results import ModelOutcome, Results, write_csv
from stages.words import number, percent
from tools.study.data_sets import mean_interval, shares_of_spread
from tools.study.experiments import Experiment, Ran
from tools.study.studies import ORIGINAL_LR

SWEEP = (
    "run", "model", "lr", "test_median", "test_iqm", "test_iqm_low", "test_iqm_high", "solved", "solved_low",
    "solved_high", "diverged",
)  # fmt: skip
COMPARISONS = ("run", "pair", "epoch", "p", "p_low", "p_high")
REPORTED = "each model's best"


def write(ran: Ran, folder: Path) -> str:
    """Write the page, its tables and its figure; return the answer."""
    write_csv(folder / "sweep.csv", SWEEP, sweep_rows(ran))
    write_csv(folder / "comparisons.csv", COMPARISONS, comparison_rows(titled(ran)))
    draw(folder)
    write_text(folder / "README.md", report(ran))
    return sentences(ran)


def titled(ran: Ran) -> dict[str, Experiment]:
    """Return the runs of the sweep and the one that is reported, by what they are called."""
    return {f"step size {lr:g}": one for lr, one in ran.sweep().items()} | {REPORTED: ran.experiments["best"]}


def elsewhere(ran: Ran) -> dict[str, list[Experiment]]:
    """Return the runs on other data sets, by the settings that they were at."""
    found: dict[str, list[Experiment]] = {}
    for run in ran.study.runs:
        if "data.seed" in run.changes:
            settings = "the default settings" if run.lr == "own" else "each model's best step size"
            found.setdefault(settings, []).append(ran.experiments[run.name])
    return found


def draw(folder: Path) -> None:
    """Draw answer.png from the table beside it."""
    save(folder / "answer.png", lambda: figure(pd.read_csv(folder / "comparisons.csv")))


def sweep_rows(ran: Ran) -> Iterator[tuple]:
    """Yield the rows of SWEEP: a model in a run."""
    runs = [
        (f"lr {lr}, selection seeds", one, dict.fromkeys(ran.best, lr)) for lr, one in ran.sweep().items()
    ]
    runs.append(("best, fresh seeds", ran.experiments["best"], dict(ran.best)))
    for title, one, lrs in runs:
        for name, lr in lrs.items():
            last = one.results.models[name].last
            yield title, name, lr, last.test.median, *last.test.iqm, *last.solved, last.diverged


def comparison_rows(runs: Mapping[str, Experiment]) -> Iterator[tuple]:
    """Yield the rows of COMPARISONS: a pair in a run after an epoch, with the 95 % interval by itself."""
    for title, one in runs.items():
        for row in one.comparisons.itertuples(index=False):
            yield title, *row


def sentences(ran: Ran) -> str:
    """Return the answer: at the original's settings, with each model's best step size, and against the control."""
    original, fresh = ran.sweep()[ORIGINAL_LR].results, ran.experiments["best"].results
    params, primary = ran.params, ran.params.evaluate.primary
    names = first, second = split_pair(primary)

    def beats(results: Results, pair: str) -> str:
        return words.beats(pair, results.pairs[pair].last.test)

    early = "".join(
        f"after {words.epochs(epoch)} {percent(original.models[first].at(epoch).solved.value)} of {first} and "
        f"{percent(original.models[second].at(epoch).solved.value)} of {second} replicates have solved the task, and "
        for epoch in original.models[first].earlier
    )
    steps = ", ".join(f"{lr:g} for {name}" for name, lr in ran.best.items())
    a, b = (fresh.models[name].last for name in names)
    text = [
        f"With the original's step size of {ORIGINAL_LR:g}, {early}after {words.epochs(params.train.epochs)} "
        f"{beats(original, primary)}.",
        f"With each model's best step size ({steps}; chosen on other seeds), {percent(a.solved.value)} of the {first} "
        f"and {percent(b.solved.value)} of the {second} replicates have solved it (IQM of the test MSE "
        f"{number(a.test.iqm.value)} and {number(b.test.iqm.value)}), and {beats(fresh, primary)}.",
    ]
    for pair in params.evaluate.compare:
        if pair != primary:
            text.append(f"Against {split_pair(pair)[1]}, the control, {beats(fresh, pair)}.")
    return " ".join(text)


def elsewhere_sentence(ran: Ran) -> str:
    """Return how often each pair's first model beats the second on other data sets, by the settings of the runs."""

    def beats(ones: Sequence[Experiment], pair: str) -> str:
        mean = mean_interval([one.results.pairs[pair].last.test.p.value for one in ones])
        first, second = split_pair(pair)
        return (
            f"{first} beats {second} in {percent(mean.value)} of pairs ({words.interval(mean, words.chance)})"
        )

    parts = (
        f"at {settings} {' and '.join(beats(ones, pair) for pair in ran.params.evaluate.compare)}"
        for settings, ones in elsewhere(ran).items()
    )
    one, *others = next(iter(elsewhere(ran).values()))
    replicates = f"{one.replicates()} replicates a model each"
    return f"On {1 + len(others)} other data sets, {replicates}: {'; '.join(parts)}."


def figure(comparisons: pd.DataFrame) -> Figure:
    """Draw, a panel a pair and a row a run, how often the first model beats the second after the last epoch.

    The run named `REPORTED` is set apart; `comparisons` is comparisons.csv.
    """
    last = comparisons[comparisons["epoch"] == comparisons["epoch"].max()]
    groups = dict(list(last.groupby("pair", sort=False)))
    drawing = Figure(figsize=(WIDTH, 4.2), layout="constrained")
    panels = drawing.subplots(1, len(groups), squeeze=False, sharey=True, gridspec_kw={"wspace": 0.08})[0]
    for axes, (pair, rows) in zip(panels, groups.items(), strict=True):
        reported = rows["run"] == REPORTED
        y = np.arange(len(rows)) + 0.5 * reported
        axes.hlines(y, rows["p_low"], rows["p_high"], color=INK, linewidth=np.where(reported, 4, 1.5))
        axes.plot(rows["p"], y, "o", color=INK, markersize=8)
        axes.axvline(0.5, color=NEUTRAL, linestyle=DOTS)
        axes.set_title(pair)
        axes.set_xlim(0, 1)
        axes.set_xticks((0, 0.25, 0.5, 0.75, 1))
        axes.xaxis.set_major_formatter(PercentFormatter(1))
        names = rows["run"].where(~reported, f"reported: {REPORTED}\nstep size, fresh seeds")
        axes.set_yticks(y, names)
        axes.set_ylim(len(rows), -0.9)
        first, second = split_pair(pair)
        word = partial(axes.text, fontsize=10, color=NEUTRAL, va="center")
        word(0.02, -0.6, f"{second} ahead")
        word(0.98, -0.6, f"{first} ahead", ha="right")
    return with_title(
        drawing,
        "How often a replicate of the first has the lower final test MSE, "
        f"with {words.CONFIDENCE} intervals, each by itself\nDotted line: no difference",
    )


def report(ran: Ran) -> str:
    """Return the page."""
    names, runs, params, fresh = list(ran.best), titled(ran), ran.params, ran.experiments["best"]
    pairs, compared = params.evaluate.compare, fresh.results.epochs(params.train.epochs)
    first, _ = split_pair(params.evaluate.primary)
    questions = ["{} beats {}".format(*split_pair(pair)) for pair in pairs]
    return ran.page(
        replicates=fresh.replicates(),
        sentences=sentences(ran),
        questions=[questions[0], *(question.removeprefix(f"{first} beats ") for question in questions[1:])],
        outcomes=words.records(
            {"run": title}
            | {f"{name}: IQM of test MSE, solved": _outcome(one.results.models[name].last) for name in names}
            for title, one in runs.items()
        ),
        verdicts=words.records(
            {"run": title}
            | {
                f"{pair}, {words.epochs(epoch)}": words.outcome(one.results.pairs[pair].at(epoch).test)
                for pair in pairs
                for epoch in compared
            }
            for title, one in runs.items()
        ),
        elsewhere=elsewhere_sentence(ran),
        shares=words.records(
            {"at": settings} | {f"{name}: data set, weights": share for name, share in _shares(ones).items()}
            for settings, ones in elsewhere(ran).items()
        ),
    )


def _outcome(outcome: ModelOutcome) -> str:
    return f"{number(outcome.test.iqm.value)}, {percent(outcome.solved.value)}"


def _shares(ones: Sequence[Experiment]) -> dict[str, str]:
    last = [one.outcomes[one.outcomes["epoch"] == one.outcomes["epoch"].max()] for one in ones]
    return {name: ", ".join(map(percent, shares)) for name, shares in shares_of_spread(last).items()}
