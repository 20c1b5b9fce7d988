"""The tables of reports/ beside metrics.json."""

from collections.abc import Iterator, Sequence

import numpy as np

from stages.evaluate import statistics
from stages.evaluate.metrics import LEVEL
from stages.evaluate.outcomes import Outcomes
from stages.files import Losses


def quantile(values: np.ndarray, q: float) -> np.ndarray:
    """Return the q-quantile over the first axis: (replicates, ...) -> (...), float64; nan counts as inf.

    Linear between order statistics as `np.quantile` has it, but inf beside a number gives inf, not nan.
    """
    ordered = np.sort(np.where(np.isnan(values), np.inf, values.astype(np.float64)), axis=0)
    position = q * (len(ordered) - 1)
    low, high = ordered[int(np.floor(position))], ordered[int(np.ceil(position))]
    with np.errstate(invalid="ignore"):
        between = low + (high - low) * (position - np.floor(position))
    return np.where((low == high) | (position == np.floor(position)), low, between)


def losses(name: str, train_mse: np.ndarray) -> Iterator[tuple]:
    """Yield the rows of losses.csv for one model, from (replicates, epochs + 1)."""
    quartiles = (quantile(train_mse, q) for q in (0.5, 0.25, 0.75))
    for epoch, row in enumerate(zip(*quartiles, strict=True)):
        yield name, epoch, *row


def progress(name: str, outcomes: Outcomes, multiply_adds_an_epoch: int) -> Iterator[tuple]:
    """Yield the rows of progress.csv for one model: test MSE and share solved against the work spent on training."""
    quartiles = [quantile(outcomes.test, q) for q in (0.5, 0.25, 0.75)]
    replicates = len(outcomes.solved)
    for column, epoch in enumerate(outcomes.epochs):
        solved = int(outcomes.solved[:, column].sum())
        interval = statistics.share_interval(solved, replicates, LEVEL) if replicates > 1 else ("", "")
        spent = int(epoch) * multiply_adds_an_epoch
        yield name, epoch, spent, *(values[column] for values in quartiles), solved / replicates, *interval


def comparisons(pair: str, a: Outcomes, b: Outcomes) -> Iterator[tuple]:
    """Yield the rows of comparisons.csv for one pair on the test MSE, each epoch's interval at 95 %, not widened."""
    for column, epoch in enumerate(a.epochs):
        ours, theirs = a.test[:, column], b.test[:, column]
        interval = statistics.probability_of_improvement_interval(ours, theirs, LEVEL)
        p = statistics.probability_of_improvement(ours, theirs)
        yield pair, epoch, p, *(interval or ("", ""))


def outcomes(name: str, losses: Losses, epochs: Sequence[int]) -> Iterator[tuple]:
    """Yield the rows of outcomes.csv for one model: every replicate's losses after each of `epochs`; nan as inf."""
    for replicate, curves in enumerate(zip(losses.train_mse, losses.test_mse, strict=True)):
        for epoch in epochs:
            yield name, replicate, epoch, *(np.inf if np.isnan(mse[epoch]) else mse[epoch] for mse in curves)


def nearest_median(values: np.ndarray) -> int:
    """Return the index of the value nearest to the median of (replicates,), none nan; the first of equals."""
    median = quantile(values, 0.5)
    if not np.isfinite(median):
        return int(np.argmax(~np.isfinite(values)))
    return int(np.argmin(np.abs(values - median)))
