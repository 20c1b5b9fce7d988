"""What the trained networks predict on the test data."""

from collections.abc import Iterator

import numpy as np

from stages.errors import InputError
from stages.evaluate.curves import nearest_median
from stages.files import MODELS, Weights
from stages.train.engines import predictor

LARGEST_DIFFERENCE = 1e-5


def predictions(weights: Weights, x: np.ndarray, nonlinearity: str, engine: str) -> np.ndarray:
    """Return what every replicate predicts, by the engine that trained it: (replicates, N), float32."""
    predict = predictor(engine)
    return np.stack([predict(one, x, nonlinearity)[:, 0] for one in replicates(weights)])


def replicates(weights: Weights) -> Iterator[Weights]:
    """Yield the weights of each replicate."""
    for replicate in range(len(weights["linear.bias"])):
        yield {name: array[replicate] for name, array in weights.items()}


def check_against_torch(
    name: str, predicted: np.ndarray, weights: Weights, x: np.ndarray, nonlinearity: str, diverged: np.ndarray
) -> None:
    """Raise InputError where the PyTorch module with these weights predicts something else.

    Args:
        name: the model's.
        predicted: by the engine, (replicates, N).
        weights: with a leading replicate axis.
        x: the sequences, (N, T, I).
        nonlinearity: "tanh" or "relu".
        diverged: bool (replicates,); these are left out, since overflow has no digits to compare.

    """
    by_torch = predictions(weights, x, nonlinearity, "torch")
    difference = np.abs(predicted - by_torch)[~diverged].max(initial=0)
    if not difference <= LARGEST_DIFFERENCE:
        raise InputError(
            f"{MODELS / name}.safetensors: the PyTorch module predicts otherwise than the exact trainer, by up to "
            f"{difference:.1e}; allowed: {LARGEST_DIFFERENCE:.0e}"
        )


def of_median_replicate(
    name: str, predicted: np.ndarray, y: np.ndarray, test_mse: np.ndarray
) -> Iterator[tuple]:
    """Yield the rows of reports/predictions.csv for one model, of the replicate nearest the median test MSE.

    Args:
        name: the model's.
        predicted: (replicates, N).
        y: the targets, (N, 1).
        test_mse: after the last epoch, (replicates,), none nan.

    """
    replicate = nearest_median(test_mse)
    for pair in zip(y[:, 0], predicted[replicate], strict=True):
        yield name, replicate, *pair
