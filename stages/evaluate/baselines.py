"""What any model must beat: the mean of the training targets, and least squares on the flattened sequence."""

import numpy as np

from stages.data import Dataset
from stages.least_squares import normal_equations, predict, solve, with_ones
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

    None where there are too few sequences to determine one.
    """
    x_test, x_train = (with_ones(x) for x in (dataset.x_test, dataset.x_train))
    if len(x_train) < x_train.shape[1]:
        return None
    coefficients = solve(*normal_equations(x_train, dataset.y_train[:, 0].astype(np.float64)))
    if coefficients is None:
        return None
    predictions = (predict(x, coefficients)[:, None] for x in (x_test, x_train))
    return Split(*map(_mse, predictions, (dataset.y_test, dataset.y_train)))


def _mse(predicted: np.ndarray | float, y: np.ndarray) -> float:
    return float(((predicted - y.astype(np.float64)) ** 2).mean())
