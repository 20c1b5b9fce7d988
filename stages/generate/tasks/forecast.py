"""The task `forecast`: say what a column of a reader's own series is `data.series.horizon` rows ahead.

A window is `data.seq_length` rows; its target stands `horizon` rows after its last one. The rows are split by time:
training, then validation, on which step sizes are chosen, then test. No window reaches across a border. Every column is
scaled by the mean and the standard deviation of its training part.
"""

import math
import sys
from bisect import bisect_left
from collections.abc import Iterator
from functools import partial
from typing import NamedTuple

import numpy as np

from stages.data import Dataset, Forecast
from stages.errors import InputError
from stages.generate.series import Series, read_series
from stages.least_squares import normal_equations, predict, solve, with_ones
from stages.memory import check_memory
from stages.params import DataParams, SeriesParams

FEW = 10  # windows a coefficient, below which least squares has ridge beside it
PENALTIES = (0.1, 1.0, 10.0, 100.0, 1000.0)  # of ridge, on sums of squares of scaled numbers


class Split(NamedTuple):
    """Which rows each part has."""

    train: slice
    validation: slice
    test: slice


def split(rows: int, data: DataParams) -> Split:
    """Return the parts of so many rows, the last ones the test part.

    Raises:
        InputError: a part has no window, or the training part no season; the message says how many rows it takes.
    """
    series = of(data)
    test, validation = _part(rows, series.test_share), _part(rows, series.validation_share)
    first, second = rows - test - validation, rows - test
    parts = Split(slice(0, first), slice(first, second), slice(second, rows))
    sizes = _sizes(parts)
    longest, has_season = min(sizes) - series.horizon, sizes[0] > (series.season or 1)
    if longest < data.seq_length or not has_season:
        keys = f"data.seq_length {data.seq_length} and data.series.horizon {series.horizon}"
        if not has_season and series.season:
            keys = f"data.series.season {series.season}" + (f", {keys}" if longest < data.seq_length else "")
        shorter = f", or data.seq_length {longest} or less" if longest > 0 and has_season else ""
        if not has_season and longest >= data.seq_length:
            shorter = f", or data.series.season {sizes[0] - 1} or less"
        raise InputError(
            f"{series.path}: found {_said(parts)}; with {keys} it takes "
            f"{least_rows(data.seq_length, series):,} rows{shorter}"
        )
    return parts


def _sizes(parts: Split) -> list[int]:
    return [part.stop - part.start for part in parts]


def _said(parts: Split) -> str:
    """Return how many rows there are, and how many each part has, as a clause."""
    train, validation, test = _sizes(parts)
    return f"{parts.test.stop:,} rows, {train:,} to train on, {validation:,} to validate and {test:,} to test"


def least_rows(seq_length: int, series: SeriesParams) -> int:
    """Return how few rows give each part a window, and the training part a season and a row."""
    window, shares = seq_length + series.horizon, (series.validation_share, series.test_share)
    train = max(window, (series.season or 1) + 1)
    rows = max(bisect_left(range(10**18), window, key=partial(_part, share=share)) for share in shares)
    rows = max(rows, int((train - 2) / (1 - sum(shares))))  # each other part may be a row less than its share
    while rows - sum(_part(rows, share) for share in shares) < train:
        rows += 1
    return rows


def _part(rows: int, share: float) -> int:
    return int(rows * share)


def windows(values: np.ndarray, seq_length: int, horizon: int) -> tuple[np.ndarray, np.ndarray]:
    """Return every window of rows (R, I), (R - T - horizon + 1, T, I), and its target, (..., 1) of the first column."""
    return _windows(values[:-horizon], seq_length), values[seq_length - 1 + horizon :, :1]


def _windows(values: np.ndarray, seq_length: int) -> np.ndarray:
    return np.lib.stride_tricks.sliding_window_view(values, seq_length, axis=0).transpose(0, 2, 1)


def scaling(values: np.ndarray, names: list[str], path: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean and the standard deviation of each column of the training part (R, I), (I,) each.

    Sums are exact and rounded once, so that their order is no matter.

    Raises:
        InputError: a column is constant.
    """
    mean = np.array([math.fsum(column) / len(values) for column in values.T])
    deviations = values - mean
    std = np.sqrt([math.fsum(column * column) / len(values) for column in deviations.T])
    for name, low, high in zip(names, values.min(axis=0), values.max(axis=0), strict=True):
        if low == high:
            raise InputError(
                f"{path}: column {name}: found {low:g} in every row of the training part, rows 1 to {len(values)}; "
                "allowed: what varies there"
            )
    return mean, std


def naive_mae(y: np.ndarray, season: int) -> float:
    """Return the mean absolute error, in sample, of saying what stood a season (1 for none) before: (R,).

    The scale of MASE: Hyndman and Koehler (2006, International Journal of Forecasting 22, 679); seasonal: Hyndman and
    Athanasopoulos, Forecasting: Principles and Practice, 3rd edition, section 5.8.
    """
    return math.fsum(np.abs(y[season:] - y[:-season])) / (len(y) - season)


def cut(data: DataParams) -> tuple[Dataset, Forecast]:
    """Return what `make` returns, for the series in its file; say before how many rows it has, and what they take.

    Raises:
        InputError: it cannot be read, is too short, constant where it is trained on, or does not fit in memory.
    """
    params = of(data)
    series = read_series(params)
    rows, columns = series.values.shape
    # A number takes 4 bytes, and 16 more while least squares is fitted.
    needed = 20 * rows * (data.seq_length * columns + 1)
    print(
        f"{params.path}: {_said(split(rows, data))}; their windows take {max(needed / 1e6, 1):,.0f} MB; "
        "for a series that params.yaml names, make study STUDY=series chooses step sizes (data.series.lr)",
        file=sys.stderr,
    )
    check_memory("data.seq_length and data.series", needed)
    if series.steps and series.steps[0] < series.steps[1] * (1 - 1e-9):
        shortest, longest, unit = series.steps
        steps = f"steps from {shortest:g} to {longest:g} {unit}".rstrip()
        print(
            f"{params.path}: column {params.time}: {steps}; each row is taken for one step", file=sys.stderr
        )
    return make(series, data)


def make(series: Series, data: DataParams) -> tuple[Dataset, Forecast]:
    """Return the windows of a series, and what forecasts are judged by.

    Raises:
        InputError: it is too short, or constant where it is trained on.
    """
    params, T, rows = of(data), data.seq_length, len(series.values)
    horizon, y = params.horizon, series.values[:, 0]
    parts = split(rows, data)
    mean, std = scaling(series.values[parts.train], [params.column, *params.inputs], params.path)
    scaled = ((series.values - mean) / std).astype(np.float32)
    (x_train, y_train), (x_validation, y_validation), (x_test, y_test) = (
        map(np.ascontiguousarray, windows(scaled[part], T, horizon)) for part in parts
    )
    # Each of the next rows is as far from the last one of its window as a target is.
    x_next = np.ascontiguousarray(_windows(scaled[rows - T - horizon + 1 :], T))
    targets = np.arange(parts.test.start + T - 1 + horizon, rows)
    ahead = np.arange(rows, rows + horizon)

    baselines = {
        "training mean": tuple(np.full(len(at), mean[0]) for at in (targets, ahead)),
        "last value": tuple(y[at - horizon] for at in (targets, ahead)),
    }
    if params.season is not None:
        # The last season that is known at the window's last row (Forecasting: Principles and Practice, section 5.2).
        back = params.season * -(-horizon // params.season)
        baselines["seasonal naive"] = tuple(y[at - back] for at in (targets, ahead))
    for name, coefficients in autoregressions(x_train, y_train, x_validation, y_validation):
        baselines[name] = tuple(
            mean[0] + std[0] * predict(with_ones(x), coefficients) for x in (x_test, x_next)
        )
    return Dataset(x_train, y_train, x_test, y_test), Forecast(
        x_validation=x_validation,
        y_validation=y_validation,
        x_next=x_next,
        scaling=np.array([mean[0], std[0]]),
        naive_mae=np.array([naive_mae(y[parts.train], params.season or 1)]),
        y_true=y[targets],
        baselines=np.stack([of_test for of_test, _ in baselines.values()]),
        baselines_next=np.stack([of_next for _, of_next in baselines.values()]),
        names=list(baselines),
        times=series.times[targets[0] :],
    )


def autoregressions(
    x: np.ndarray, y: np.ndarray, x_validation: np.ndarray, y_validation: np.ndarray
) -> Iterator[tuple[str, np.ndarray]]:
    """Yield the coefficients of linear functions of a window, the last one the constant, fitted on the training part.

    By least squares where that has one answer; by ridge, too, where windows are few, with the penalty that does best on
    the validation part. The constant bears no penalty.
    """
    rows, target = with_ones(x), y[:, 0].astype(np.float64)
    gram, right = normal_equations(rows, target)
    least_squares = solve(gram, right) if len(rows) >= len(gram) else None
    if least_squares is not None:
        yield "linear autoregression", least_squares
    if least_squares is None or len(rows) < FEW * len(gram):
        unit = np.diag(np.append(np.ones(len(gram) - 1), 0))
        fits = [solve(gram + penalty * unit, right) for penalty in PENALTIES]
        judged = with_ones(x_validation)
        yield (
            "ridge autoregression",
            min(
                (fit for fit in fits if fit is not None),
                key=lambda fit: float(((predict(judged, fit) - y_validation[:, 0]) ** 2).mean()),
            ),
        )


def of(data: DataParams) -> SeriesParams:
    """Return data.series."""
    assert data.series is not None, "params.yaml was checked"
    return data.series


def note(data: DataParams) -> str:
    """Return what the report says of the task, and of its numbers."""
    series = of(data)
    return (
        f"The task is to say {series.column} of {series.path} {series.horizon} ahead of the last row of a window of "
        f"{data.seq_length}. MSE and R2 are of numbers scaled by the mean and the standard deviation of the "
        "training part, so that the constant predictor has an R2 below 0 where the level has changed since. No window "
        "reaches across the borders of training, validation and test part. MASE is the mean "
        "absolute error divided by that of saying, in the training part, what stood "
        f"{series.season or 1} rows before (Hyndman and Koehler 2006). All baselines are fitted on the training part; "
        "ridge's penalty is chosen on the validation part. A model without a step size of its own has that of "
        f"`data.series.lr` ({', '.join(f'{lr:g} for {name}' for name, lr in series.lr.items()) or 'none'}); the "
        "committed ones were chosen by `make study STUDY=series` on the validation part of `data/sunspots.csv`."
    )
