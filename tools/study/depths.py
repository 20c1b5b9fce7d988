"""The page of a study of depths: where deeper networks of the same size solve more, its tables and its figures."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import product
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from stages import words
from stages.architecture import STEP_COST
from stages.data import Losses
from stages.evaluate import metrics, statistics
from stages.evaluate.outcomes import Outcomes, outcomes
from stages.files import write_text
from stages.generate.tasks.recall import linear_reach
from stages.params import split_pair
from stages.plot.figures import save
from stages.results import LEVEL, Estimate, PairMeasure, Verdict, write_csv
from stages.streams import stream
from stages.words import count_of, percent
from tools.study import figures
from tools.study.anchors import ANCHORS, Anchor
from tools.study.experiments import Experiment, Ran
from tools.study.matching import spread
from tools.study.studies import FRESH_SEED, Group, Knob, Study

OF_GROUP = ("value", "epoch", "cell", "wish", "num_layers")
SOLVED = (*OF_GROUP, "model", "share", "low", "high", "test_iqm", "diverged", "reach")
IMPROVEMENT = (*OF_GROUP, "against", "pair", "share", "low", "high", "verdict")
SPANS = ("model", "epoch", "span", "low", "high")
STEPS = ("model", "lr", "test_iqm", "solved", "chosen")


class Grid(NamedTuple):
    """What a study of depths came to."""

    study: Study
    knob: Knob
    values: tuple[int, ...]
    epochs: tuple[int, ...]  # the last one last
    outcomes: Mapping[int, Mapping[str, Outcomes]]  # by value and model

    @property
    def recall(self) -> bool:
        """Whether the task is recall, of which it is known what linear layers can do."""
        return self.study.changes["data.task"] == "recall"

    def rows(self) -> Iterator[tuple[int, int, Group]]:
        """Yield every value, number of epochs and group of models."""
        return product(self.values, self.epochs, self.study.groups)

    def share(self, model: str, value: int, epoch: int) -> float:
        """Return the share of a model's replicates that have solved the task."""
        return float(self.outcomes[value][model].at(epoch).solved.mean())

    def improvement(self, pair: str, value: int, epoch: int) -> PairMeasure:
        """Return how often the first of a pair beats the second; its interval is widened for the number of values."""
        a, b = (self.outcomes[value][name].at(epoch).test for name in split_pair(pair))
        return metrics.pair_measure(a, b, self.level)

    def verdicts(self, pair: str, epoch: int) -> list[Verdict]:
        """Return a pair's verdict at every value."""
        return [self.improvement(pair, value, epoch).verdict for value in self.values]

    @property
    def level(self) -> float:
        """The level of each interval that is widened."""
        return statistics.widened(LEVEL, len(self.values))

    def span(self, model: str, epoch: int) -> Estimate:
        """Return the longest value that at least half of a model's replicates solve, 0 for none, with its interval.

        Percentiles of 10,000 bootstrap samples of the replicates; one has the same initial weights at every value.
        """
        solved = np.array([self.outcomes[value][model].at(epoch).solved for value in self.values])
        rng = stream(FRESH_SEED, "memory span", model)
        draws = rng.integers(solved.shape[1], size=(statistics.RESAMPLES, solved.shape[1]))
        spans = np.sort([self._longest(solved[:, draw].mean(axis=1)) for draw in draws])
        low, high = (int(spans[int(q * (len(spans) - 1))]) for q in ((1 - LEVEL) / 2, (1 + LEVEL) / 2))
        return Estimate(self._longest(solved.mean(axis=1)), low, high)

    def _longest(self, shares: np.ndarray) -> int:
        return max(
            (value for value, share in zip(self.values, shares, strict=True) if share >= 0.5), default=0
        )

    def span_text(self, span: float) -> str:
        """Return a span for people, who should know where what was tried ends."""
        if span == 0:
            return f"under {self.values[0]}"
        return f"{span:g}{' or more' if span == self.values[-1] else ''}"


def grid(ran: Ran) -> Grid:
    """Return what the runs that are reported came to."""
    knob, solved_r2 = ran.study.knob, ran.params.evaluate.solved_r2
    assert knob is not None
    reported = ran.reported(knob.key, knob.middle)
    came_to = {value: dict(_outcomes(one, solved_r2)) for value, one in reported.items()}
    epochs = next(iter(next(iter(came_to.values())).values())).epochs
    return Grid(ran.study, knob, tuple(reported), tuple(map(int, epochs)), came_to)


def _outcomes(experiment: Experiment, solved_r2: float) -> Iterator[tuple[str, Outcomes]]:
    for name, rows in experiment.outcomes.groupby("model", sort=False):
        tables = [
            rows.pivot(index="replicate", columns="epoch", values=f"{part}_mse") for part in ("train", "test")
        ]
        epochs = tables[0].columns.to_numpy()
        train, test = (table.to_numpy(float) for table in tables)
        losses = Losses(train, test, np.ones(len(epochs), bool))
        yield str(name), outcomes(losses, experiment.results.baseline, solved_r2)._replace(epochs=epochs)


def write(ran: Ran, folder: Path) -> str:
    """Write the page, its tables and its figures; return the answer."""
    found = grid(ran)
    spans = {(name, epoch): found.span(name, epoch) for name in ran.study.models() for epoch in found.epochs}
    write_csv(folder / "solved.csv", SOLVED, solved_rows(found))
    write_csv(folder / "improvement.csv", IMPROVEMENT, improvement_rows(found))
    write_csv(folder / "spans.csv", SPANS, ((*key, *span) for key, span in spans.items()))
    write_csv(folder / "steps.csv", STEPS, step_rows(ran))
    draw(folder, found.knob.word, ran.params.evaluate.solved_r2, found.level)
    answer = sentences(found, spans)
    write_text(folder / "README.md", report(ran, found, spans, answer))
    return answer


def draw(folder: Path, knob: str, solved_r2: float, level: float) -> None:
    """Draw the figures from the tables beside them."""
    solved, improvement = (pd.read_csv(folder / f"{name}.csv") for name in ("solved", "improvement"))
    save(folder / "solved.png", partial(figures.solved, solved, knob, solved_r2))
    save(folder / "improvement.png", partial(figures.improvement, improvement, knob, level))


def solved_rows(found: Grid) -> Iterator[tuple]:
    """Yield the rows of SOLVED: a model at a value after an epoch, with the 95 % interval by itself."""
    for value, epoch, group in found.rows():
        for name, one in group.models().items():
            now = found.outcomes[value][name].at(epoch)
            yield (
                value, epoch, group.cell, group.wish, one.num_layers, name,
                *statistics.share(int(now.solved.sum()), len(now.solved), LEVEL),
                statistics.interquartile_mean(now.test), float(now.diverged.mean()),
                linear_reach(one.hidden_size, one.num_layers) if found.recall else "",
            )  # fmt: skip


def improvement_rows(found: Grid) -> Iterator[tuple]:
    """Yield the rows of IMPROVEMENT: a deeper network against the shallowest, its interval widened."""
    for value, epoch, group in found.rows():
        low, *deeper = group.architectures
        for one, pair in zip(deeper, group.pairs(), strict=True):
            measure = found.improvement(pair, value, epoch)
            place = value, epoch, group.cell, group.wish, one.num_layers
            yield *place, low.num_layers, pair, *measure.p, measure.verdict


def step_rows(ran: Ran) -> Iterator[tuple]:
    """Yield the rows of STEPS: a model at a step size that was tried."""
    for name in ran.study.models():
        for lr, one in ran.sweep().items():
            last = one.results.models[name].last
            yield name, lr, last.test.iqm.value, last.solved.value, int(lr == ran.best[name])


def conclusion(early: Sequence[Verdict], last: Sequence[Verdict]) -> str:
    """Return what a deeper network's verdicts, one a value, say: whether it ends ahead or behind, or learns sooner."""
    late = ", seen in the long run alone"
    if "better" in last and "worse" in last:
        return "the deeper ends ahead at some and behind at others"
    if "better" in last:
        return "the deeper ends ahead" + ("" if "better" in early else late)
    if "worse" in last:
        return "the deeper ends behind" + ("" if "worse" in early else late)
    if "better" in early:
        return "the deeper learns sooner, and does not end ahead"
    if "worse" in early:
        return "the deeper learns later, and does not end behind"
    return "inconclusive"


def tally(verdicts: Sequence[Verdict]) -> tuple[int, int]:
    """Return how many of them are better and how many worse."""
    return verdicts.count("better"), verdicts.count("worse")


def counts(verdicts: Sequence[Verdict], knob: str) -> str:
    """Return "ahead at 1 and behind at 2 of 7 delays"."""
    ahead, behind = tally(verdicts)
    return f"ahead at {ahead} and behind at {behind} of {count_of(len(verdicts), knob)}"


def sentences(found: Grid, spans: Mapping[tuple[str, int], Estimate]) -> str:
    """Return the answer: spans, then what each depth is worth, early and at the end."""
    early, last = found.epochs[0], found.epochs[-1]
    text = []
    for group in found.study.groups:
        reach = [
            f"{_span(found, spans[name, last])} with {count_of(one.num_layers, 'layer')} of {one.hidden_size} units"
            for name, one in group.models().items()
        ]
        lines = [str(linear_reach(one.hidden_size, one.num_layers)) for one in group.architectures]
        text.append(
            f"After {words.epochs(last)}, the longest {found.knob.word} that at least half of the replicates of "
            f"{group.cell} networks with about {group.wish:,} parameters solve is {words.listed(reach)}"
            + (f", where linear layers of these sizes end at {words.listed(lines)}." if found.recall else ".")
        )
        low = group.architectures[0].num_layers
        for pair, one in zip(group.pairs(), group.architectures[1:], strict=True):
            at_first, at_last = found.verdicts(pair, early), found.verdicts(pair, last)
            text.append(
                f"Against {count_of(low, 'layer')}, {one.num_layers} are {counts(at_last, found.knob.word)}, and after "
                f"{words.epochs(early)} {counts(at_first, found.knob.word)}: {conclusion(at_first, at_last)}."
            )
    return " ".join(text)


def _span(found: Grid, span: Estimate) -> str:
    assert span.low is not None
    assert span.high is not None
    value, low, high = (found.span_text(number) for number in (span.value, span.low, span.high))
    return value if low == high else f"{value} ({words.level(LEVEL)} interval {low} to {high})"


def report(ran: Ran, found: Grid, spans: Mapping[tuple[str, int], Estimate], answer: str) -> str:
    """Return the page."""
    data, study, word = ran.params.data, ran.study, found.knob.word
    replicates = len(next(iter(found.outcomes[found.values[0]].values())).solved)
    names = list(study.models())
    pairs = [pair for group in study.groups for pair in group.pairs()]
    cost = STEP_COST * data.num_samples * ran.params.train.epochs
    levels = LEVEL, found.level
    detectable = [statistics.detectable_probability(replicates, replicates, level) for level in levels]

    def by_value(columns: Sequence[str], cell: Callable[[str, int, int], str]) -> list[str]:
        """Return a table for each number of epochs, a row a value."""
        return [
            words.records(
                {word: str(value)} | {name: cell(name, value, epoch) for name in columns}
                for value in found.values
            )
            for epoch in found.epochs
        ]

    return ran.page(
        answer=answer,
        knob=found.knob,
        epochs=[words.epochs(epoch) for epoch in found.epochs],
        replicates=replicates,
        level=words.level(found.level),
        diverged=diverged(found),
        detectable=["no share is enough" if p is None else percent(p) for p in detectable],
        groups=[
            f"{group.cell}, about {group.wish:,}: {percent(spread(group.architectures))}"
            for group in study.groups
        ],
        models=words.records(
            {
                "model": name,
                "parameters": f"{one.parameters():,}",
                "10^9 multiply-adds to train": f"{cost * one.multiply_adds(data.seq_length) / 1e9:.3g}",
                "step size": f"{ran.best[name]:g}",
                "span": _span(found, spans[name, found.epochs[-1]]),
            }
            for name, one in study.models().items()
        ),
        shares=by_value(names, lambda name, *at: percent(found.share(name, *at))),
        verdicts=by_value(pairs, lambda pair, *at: words.outcome(found.improvement(pair, *at))),
        anchors=[(one, agreement(one, found)) for one in ANCHORS.get(data.task, ())],
    )


def diverged(found: Grid) -> list[str]:
    """Return "5 % of lstm-2x8 at 30" for each model and value of which replicates have diverged in the end."""
    return [
        f"{percent(share)} of {name} at {value}"
        for value in found.values
        for name, outcomes in found.outcomes[value].items()
        if (share := float(outcomes.at(found.epochs[-1]).diverged.mean()))
    ]


def _memory(found: Grid, pair: str, value: int, epoch: int) -> Verdict:
    """Return a pair's verdict where the shares solved say the same: a lower MSE alone is no longer memory."""
    deeper, low = (found.share(name, value, epoch) for name in split_pair(pair))
    verdict = found.improvement(pair, value, epoch).verdict
    alike = {"better": deeper > low, "worse": deeper < low, "inconclusive": True}
    return verdict if alike[verdict] else "inconclusive"


def agreement(anchor: Anchor, found: Grid) -> str:
    """Return whether what was found here agrees with what others found."""
    groups, last = found.study.groups, found.epochs[-1]
    if anchor.deeper_ahead is not None:
        compared = list(product((pair for group in groups for pair in group.pairs()), found.values))
        ahead, behind = tally([_memory(found, pair, value, last) for pair, value in compared])
        text = (
            f"deeper ahead in {ahead}, behind in {behind} of {len(compared)} comparisons, "
            "by test MSE and share solved alike"
        )
        if anchor.deeper_ahead:
            return f"{text}: {f'agrees in {ahead}' if ahead else 'not seen'}"
        return f"{text}: {f'disagrees in {ahead}' if ahead else 'agrees'}"
    if anchor.solves is not None:
        value = found.values[-1]
        parts = []
        for cell, theirs in anchor.solves.items():
            solved = [
                found.share(name, value, last)
                for group in groups
                if group.cell == cell
                for name in group.models()
            ]
            if solved:
                ours = max(solved) >= 0.5
                parts.append(
                    f"{cell} solved by up to {percent(max(solved))}, {'as' if ours == theirs else 'unlike'} theirs"
                )
        return f"at a {found.knob.word} of {value}: {'; '.join(parts)}"
    return "nothing to compare"
