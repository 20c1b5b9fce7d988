"""What any model must beat: the mean of the training targets, and least squares on the flattened sequence."""

import numpy as np

from stages.data import Dataset
from stages.results import Baseline, Split


def baseline(dataset: Dataset) -> Baseline:
    """Return the MSEs of the constant predictor and of least squares, and the variance of the targets."""
    variance = Split(*(float(y.astype(np.float64).var()) for y in (dataset.y_test, dataset.y_train)))
    return Baseline(constant_mse(dataset), least_squares_mse(dataset), variance)


def constant_mse(dataset: Dataset) -> Split:
    """Return the MSEs of always predicting the mean of the training targets."""
    constant = dataset.y_train.astype(np.float64).mean()
    return Split(_mse(constant, dataset.y_test), _mse(constant, dataset.y_train))


def least_squares_mse(dataset: Dataset) -> Split | None:
    """Return the MSEs of a linear function of all numbers of a sequence.

    None where there are too few sequences to determine one. The normal equations are solved here, one NumPy
    operation at a time, since the bits that LAPACK gives differ from CPU to CPU.
    """
    x_test, x_train = (_with_ones(x) for x in (dataset.x_test, dataset.x_train))
    if len(x_train) < x_train.shape[1]:
        return None
    y = dataset.y_train[:, 0].astype(np.float64)
    gram = np.stack([(x_train * column[:, None]).sum(axis=0) for column in x_train.T])
    coefficients = _solve(gram, (x_train * y[:, None]).sum(axis=0))
    if coefficients is None:
        return None
    predictions = ((x * coefficients).sum(axis=1)[:, None] for x in (x_test, x_train))
    return Split(*map(_mse, predictions, (dataset.y_test, dataset.y_train)))


def _mse(predicted: np.ndarray | float, y: np.ndarray) -> float:
    return float(((predicted - y.astype(np.float64)) ** 2).mean())


def _with_ones(x: np.ndarray) -> np.ndarray:
    """Return sequences (N, T, I) as rows (N, T * I + 1), the last number 1."""
    return np.column_stack([x.reshape(len(x), -1).astype(np.float64), np.ones(len(x))])


def _solve(matrix: np.ndarray, right: np.ndarray) -> np.ndarray | None:
    """Return the solution (n,) of a symmetric system (n, n), (n,) by elimination; None where it is singular."""
    table = np.column_stack([matrix, right])
    smallest = 1e-12 * np.abs(matrix).max()
    for column in range(len(table)):
        pivot = column + int(np.argmax(np.abs(table[column:, column])))
        if abs(table[pivot, column]) <= smallest:
            return None
        table[[column, pivot]] = table[[pivot, column]]
        table[column] /= table[column, column]
        others = np.arange(len(table)) != column
        table[others] -= table[others, column][:, None] * table[column]
    return table[:, -1]
