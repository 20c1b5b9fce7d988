"""The numbers that are reviewed, as pure functions on arrays.

A loss that is nan counts as inf, the worst there is: a replicate that diverged is never dropped.
"""

import numpy as np

from stages.files import Dataset


def constant_mse(dataset: Dataset) -> tuple[float, float]:
    """Return the training and the test MSE of always predicting the mean of the training targets."""
    constant = dataset.y_train.astype(np.float64).mean()
    return _mse(constant, dataset.y_train), _mse(constant, dataset.y_test)


def _mse(predicted: np.ndarray | float, y: np.ndarray) -> float:
    return float(((predicted - y.astype(np.float64)) ** 2).mean())


def quantile(values: np.ndarray, q: float) -> np.ndarray:
    """Return the q-quantile over the first axis: (replicates, ...) -> (...), float64.

    Linear between order statistics as `np.quantile` has it, but inf beside a number gives inf, not nan.
    """
    ordered = np.sort(np.where(np.isnan(values), np.inf, values.astype(np.float64)), axis=0)
    position = q * (len(ordered) - 1)
    low, high = ordered[int(np.floor(position))], ordered[int(np.ceil(position))]
    with np.errstate(invalid="ignore"):
        between = low + (high - low) * (position - np.floor(position))
    return np.where(low == high, low, between)


def nearest_median(values: np.ndarray) -> int:
    """Return the index of the value nearest to the median of (replicates,); the first of equals."""
    median = quantile(values, 0.5)
    if not np.isfinite(median):
        return int(np.argmax(~np.isfinite(values)))
    distance = np.abs(values.astype(np.float64) - median)
    return int(np.argmin(np.where(np.isnan(distance), np.inf, distance)))


def diverged(mse: np.ndarray, constant: float) -> np.ndarray:
    """Return bool (replicates,): not finite, or worse than twice the constant predictor's MSE."""
    return ~(mse <= 2 * constant)


def r2(mse: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return 1 - MSE / Var(y), the coefficient of determination, of any shape; nan where y is constant."""
    variance = y.astype(np.float64).var()
    return 1 - mse.astype(np.float64) / variance if variance > 0 else np.full(mse.shape, np.nan)


def model_metrics(
    train_mse: np.ndarray, test_mse: np.ndarray, dataset: Dataset, parameters: int, solved_r2: float
) -> dict[str, float | int]:
    """Return what reports/metrics.json says of one model.

    Args:
        train_mse: after the last epoch, (replicates,).
        test_mse: likewise.
        dataset: what the losses were measured on.
        parameters: how many numbers are trained.
        solved_r2: the R2 on the test data from which on a replicate has solved the task.

    """
    constant_train, constant_test = constant_mse(dataset)
    median_test = quantile(test_mse, 0.5)
    return {
        "parameters": parameters,
        "train_mse": float(quantile(train_mse, 0.5)),
        "test_mse": float(median_test),
        "r2": float(r2(median_test, dataset.y_test)),
        "solved": float((r2(test_mse, dataset.y_test) >= solved_r2).mean()),
        "diverged": int((diverged(train_mse, constant_train) | diverged(test_mse, constant_test)).sum()),
    }
