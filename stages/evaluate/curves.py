"""The tables of reports/: the rows of each, model by model or pair by pair."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from stages.architecture import STEP_COST
from stages.data import Losses
from stages.evaluate import statistics
from stages.evaluate.outcomes import Outcomes
from stages.params import split_pair
from stages.results import LEVEL


def losses(losses: Mapping[str, Losses]) -> Iterator[tuple]:
    """Yield the rows of losses.csv: the quartiles of the training MSE after each epoch."""
    for name, of_model in losses.items():
        for epoch, row in enumerate(zip(*quartiles(of_model.train_mse), strict=True)):
            yield name, epoch, *row


def progress(outcomes: Mapping[str, Outcomes], multiply_adds: Mapping[str, int]) -> Iterator[tuple]:
    """Yield the rows of progress.csv: quartiles of the test MSE and share solved against the work spent on training.

    `multiply_adds` are what each model needs to predict the training data once.
    """
    for name, of_model in outcomes.items():
        of_test, replicates = quartiles(of_model.test), len(of_model.solved)
        for column, epoch in enumerate(of_model.epochs):
            solved = int(of_model.solved[:, column].sum())
            spent = int(epoch) * STEP_COST * multiply_adds[name]
            share = statistics.share(solved, replicates, LEVEL)
            yield name, epoch, spent, *(mse[column] for mse in of_test), *share


def comparisons(outcomes: Mapping[str, Outcomes], pairs: Sequence[str]) -> Iterator[tuple]:
    """Yield the rows of comparisons.csv, on the test MSE, each epoch's interval at 95 % and not widened."""
    for pair in pairs:
        a, b = (outcomes[name] for name in split_pair(pair))
        for column, epoch in enumerate(a.epochs):
            p = statistics.probability_of_improvement(a.test[:, column], b.test[:, column], LEVEL)
            yield pair, epoch, *p


def outcomes(losses: Mapping[str, Losses], epochs: Sequence[int]) -> Iterator[tuple]:
    """Yield the rows of outcomes.csv: every replicate's losses after each of `epochs`; nan as inf."""
    for name, of_model in losses.items():
        for replicate, curves in enumerate(zip(of_model.train_mse, of_model.test_mse, strict=True)):
            for epoch in epochs:
                mse = (curve[epoch] for curve in curves)
                yield name, replicate, epoch, *(np.inf if np.isnan(value) else value for value in mse)


def predictions(shown: Mapping[str, tuple[int, np.ndarray]], y: np.ndarray) -> Iterator[tuple]:
    """Yield the rows of predictions.csv: what one replicate of each model predicts.

    What a diverged network predicts is blank where it is no number. `shown` has, of each model, a replicate and what it
    predicts on the test data, (N,), whose targets are `y`, (N, 1).
    """
    for name, (replicate, predicted) in shown.items():
        for y_true, y_predicted in zip(y[:, 0], predicted, strict=True):
            yield name, replicate, y_true, "" if np.isnan(y_predicted) else y_predicted


def quartiles(values: np.ndarray) -> list[np.ndarray]:
    """Return the median, the lower and the upper quartile over the first axis, each as `quantile` has it."""
    return [quantile(values, q) for q in (0.5, 0.25, 0.75)]


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


def nearest_median(values: np.ndarray) -> int:
    """Return the index of the value nearest to the median of (replicates,); the first of equals; nan counts as inf."""
    values = np.where(np.isnan(values), np.inf, values)
    median = quantile(values, 0.5)
    if not np.isfinite(median):
        return int(np.argmax(~np.isfinite(values)))
    return int(np.argmin(np.abs(values - median)))
