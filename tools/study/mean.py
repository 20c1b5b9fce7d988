"""The page of the study `mean`: three sentences, one figure, and what other data sets say."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from stages import words
from stages.files import write_text
from stages.params import Params, split_pair
from stages.plot.figures import DOTS, INK, NEUTRAL, WIDTH
from stages.results import ModelOutcome, Results, write_csv
from stages.words import number, percent
from tools.study.data_sets import mean_interval, shares_of_spread
from tools.study.experiments import Experiment, Ran
from tools.study.figures import save
from tools.study.studies import FRESH_SEED, ORIGINAL_LR, SELECTION_SEED

SWEEP = (
    "run", "model", "lr", "test_median", "test_iqm", "test_iqm_low", "test_iqm_high", "solved", "solved_low",
    "solved_high", "diverged",
)  # fmt: skip
COMPARISONS = ("run", "pair", "epoch", "p", "p_low", "p_high")
REPORTED = "each model's best"


class Answers(NamedTuple):
    """What the study ran: `sweep` by step size, from which each model's `best` step size was chosen; `fresh`, the run
    with these that is reported; `elsewhere`, runs on other data sets, by the settings that they were at.
    """

    sweep: Mapping[float, Experiment]
    best: Mapping[str, float]
    fresh: Experiment
    elsewhere: Mapping[str, Sequence[Experiment]]

    def titled(self) -> dict[str, Experiment]:
        """Return the runs of the sweep and the one that is reported, by what they are called."""
        sweep = {f"step size {lr:g}": one for lr, one in self.sweep.items()}
        return sweep | {REPORTED: self.fresh}


def write(ran: Ran, folder: Path) -> str:
    """Write the page, its tables and its figure; return the answer."""
    elsewhere: dict[str, list[Experiment]] = {}
    for run in ran.study.runs:
        if "data.seed" in run.changes:
            elsewhere.setdefault(run.title, []).append(ran.experiments[run.name])
    study = Answers(ran.sweep(), ran.best, ran.experiments["best"], elsewhere)
    write_csv(folder / "sweep.csv", SWEEP, sweep_rows(study))
    write_csv(folder / "comparisons.csv", COMPARISONS, comparison_rows(study.titled()))
    draw(folder)
    write_text(folder / "README.md", report(study, ran.params))
    return sentences(study, ran.params)


def draw(folder: Path) -> None:
    """Draw answer.png from the table beside it."""
    save(folder / "answer.png", lambda: figure(pd.read_csv(folder / "comparisons.csv")))


def sweep_rows(study: Answers) -> Iterator[tuple]:
    """Yield the rows of SWEEP: a model in a run."""
    runs = [
        (f"lr {lr}, selection seeds", one, dict.fromkeys(study.best, lr)) for lr, one in study.sweep.items()
    ]
    runs.append(("best, fresh seeds", study.fresh, dict(study.best)))
    for title, one, lrs in runs:
        for name, lr in lrs.items():
            test, _, solved, diverged = one.results.models[name].last
            numbers = (test.median, *test.iqm, *solved, diverged)
            yield title, name, lr, *("" if value is None else value for value in numbers)


def comparison_rows(runs: Mapping[str, Experiment]) -> Iterator[tuple]:
    """Yield the rows of COMPARISONS: a pair in a run after an epoch, with the 95 % interval by itself."""
    for title, one in runs.items():
        for row in one.comparisons.itertuples(index=False):
            yield title, *row


def sentences(study: Answers, params: Params) -> str:
    """Return the answer: at the original's settings, with each model's best step size, and against the control."""
    original, fresh = study.sweep[ORIGINAL_LR].results, study.fresh.results
    primary = params.evaluate.primary
    names = first, second = split_pair(primary)
    early = "".join(
        f"after {words.epochs(epoch)} {percent(original.models[first].earlier[epoch].solved.value)} of {first} and "
        f"{percent(original.models[second].earlier[epoch].solved.value)} of {second} replicates have solved the task, "
        "and "
        for epoch in original.models[first].earlier
    )
    steps = ", ".join(f"{lr:g} for {name}" for name, lr in study.best.items())
    a, b = (fresh.models[name].last for name in names)
    text = [
        f"With the original's step size of {ORIGINAL_LR:g}, {early}after {words.epochs(params.train.epochs)} "
        f"{_beats(original, primary)}.",
        f"With each model's best step size ({steps}; chosen on other seeds), {percent(a.solved.value)} of the {first} "
        f"and {percent(b.solved.value)} of the {second} replicates have solved it (IQM of the test MSE "
        f"{number(a.test.iqm.value)} and {number(b.test.iqm.value)}), and {_beats(fresh, primary)}.",
    ]
    for pair in params.evaluate.compare:
        if pair != primary:
            text.append(f"Against {split_pair(pair)[1]}, the control, {_beats(fresh, pair)}.")
    return " ".join(text)


def elsewhere_sentence(elsewhere: Mapping[str, Sequence[Experiment]], params: Params) -> str:
    """Return how often each pair's first model beats the second on other data sets, by the settings of the runs."""

    def beats(ones: Sequence[Experiment], pair: str) -> str:
        mean = mean_interval([one.last(pair).value for one in ones])
        first, second = split_pair(pair)
        return (
            f"{first} beats {second} in {percent(mean.value)} of pairs ({words.interval(mean, words.chance)})"
        )

    parts = (
        f"at {title} {' and '.join(beats(ones, pair) for pair in params.evaluate.compare)}"
        for title, ones in elsewhere.items()
    )
    one, *others = next(iter(elsewhere.values()))
    replicates = f"{one.replicates()} replicates a model each"
    return f"On {1 + len(others)} other data sets, {replicates}: {'; '.join(parts)}."


def figure(comparisons: pd.DataFrame) -> Figure:
    """Draw, a panel a pair and a row a run, how often the first model beats the second after the last epoch.

    Args:
        comparisons: reports/study/comparisons.csv, of which the run named `REPORTED` is set apart.

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
        word(0.48, len(rows) - 1.25, "no difference", ha="right")
    drawing.suptitle(
        "How often a replicate of the first has the lower final test MSE; line: 95 % interval, each by itself",
        fontsize=12, x=0.01, ha="left",
    )  # fmt: skip
    return drawing


def report(study: Answers, params: Params) -> str:
    """Return reports/study/README.md."""
    names, runs, pairs = list(study.best), study.titled(), params.evaluate.compare
    earlier = study.fresh.results.models[names[0]].earlier
    compared = [
        *((words.epochs(epoch), epoch) for epoch in earlier),
        (words.epochs(params.train.epochs), None),
    ]
    first, _ = split_pair(params.evaluate.primary)
    questions = ["{} beats {}".format(*split_pair(pair)) for pair in pairs]
    return words.fill(
        Path(__file__).with_name("mean.md.jinja"),
        replicates=study.fresh.replicates(),
        lrs=", ".join(map(str, study.sweep)),
        seeds=(SELECTION_SEED, FRESH_SEED),
        sentences=sentences(study, params),
        questions=[questions[0], *(question.removeprefix(f"{first} beats ") for question in questions[1:])],
        epochs=words.epochs(params.train.epochs),
        primary=params.evaluate.primary,
        outcomes=words.table(
            ["run", *(f"{name}: IQM of test MSE, solved" for name in names)],
            [
                [title, *(_outcome(one.results.models[name].last) for name in names)]
                for title, one in runs.items()
            ],
        ),
        verdicts=words.table(
            ["run", *(f"{pair}, {epochs}" for pair in pairs for epochs, _ in compared)],
            [
                [title, *(_verdict(one.results, pair, at) for pair in pairs for _, at in compared)]
                for title, one in runs.items()
            ],
        ),
        elsewhere=elsewhere_sentence(study.elsewhere, params),
        shares=words.table(
            ["at", *(f"{name}: data set, weights" for name in names)],
            [[title, *_shares(ones, names)] for title, ones in study.elsewhere.items()],
        ),
    )


def _outcome(outcome: ModelOutcome) -> str:
    return f"{number(outcome.test.iqm.value)}, {percent(outcome.solved.value)}"


def _verdict(results: Results, pair: str, at: int | None) -> str:
    """Return how a pair compares after an epoch, None for the last."""
    compared = results.pairs[pair]
    return words.outcome((compared.last if at is None else compared.earlier[at]).test)


def _shares(ones: Sequence[Experiment], names: Iterable[str]) -> Iterator[str]:
    last = [one.outcomes[one.outcomes["epoch"] == one.outcomes["epoch"].max()] for one in ones]
    shares = shares_of_spread(last)
    for name in names:
        yield ", ".join(map(percent, shares[name]))


def _beats(results: Results, pair: str) -> str:
    test = results.pairs[pair].last.test
    text = words.beats(pair, test)
    if test.verdict != "inconclusive":
        return text
    if test.detectable is None:
        return f"{text}, with too few replicates to show anything"
    return f"{text}, where {words.detectable(test.detectable)} would have shown"
