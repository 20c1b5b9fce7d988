"""What the trained networks predict on the test data, and whether that is what was trained."""

from collections.abc import Iterator

import numpy as np

from stages.architecture import Architecture
from stages.data import Dataset, Weights, losses_path, maker, read_weights, weights_path
from stages.errors import InputError
from stages.evaluate.outcomes import Outcomes
from stages.train.engines import load_engine

# Between the exact trainer and PyTorch, after the first steps: a network that remembers amplifies rounding on its way.
LARGEST_DIFFERENCE, STEPS = 1e-4, 5
LOSS_TOLERANCE = 0.01  # relative; another device rounds otherwise


def checked_predictions(
    name: str, architecture: Architecture, engine: str, dataset: Dataset, test_mse: np.ndarray, last: Outcomes
) -> np.ndarray:
    """Return what every replicate of a model predicts, by the engine that trained it: (replicates, N), float32.

    Args:
        name: the model's.
        architecture: the model's.
        engine: "exact" or "torch".
        dataset: of which the test part is predicted.
        test_mse: after the last epoch, (replicates,).
        last: the outcomes at the last epoch; replicates that diverged are not checked.

    Raises:
        InputError: its weights are of another shape, another training, or mean something else to PyTorch.
    """
    weights = read_weights(name)
    check_shapes(name, weights, architecture, len(test_mse))
    first = dataset.x_test[:, :STEPS]
    ours, by_torch = (predictions(weights, first, architecture, by) for by in (engine, "torch"))
    check_against_torch(name, ours, by_torch, last.diverged)
    predicted = predictions(weights, dataset.x_test, architecture, engine)
    check_against_losses(name, predicted, dataset.y_test, test_mse, last.diverged)
    return predicted


def predictions(weights: Weights, x: np.ndarray, architecture: Architecture, engine: str) -> np.ndarray:
    """Return what every replicate predicts for x (N, T, I): (replicates, N), float32."""
    predict = load_engine(engine, architecture.cell).predict
    return np.stack([predict(one, x, architecture)[:, 0] for one in replicates(weights)])


def replicates(weights: Weights) -> Iterator[Weights]:
    """Yield the weights of each replicate."""
    for replicate in range(len(weights["linear.bias"])):
        yield {name: array[replicate] for name, array in weights.items()}


def check_shapes(name: str, weights: Weights, architecture: Architecture, replicates: int) -> None:
    """Raise InputError where `weights` are not the parameters of this architecture, with the replicates in front."""
    allowed = {key: (replicates, *shape) for key, shape in architecture.shapes().items()}
    found = {key: array.shape for key, array in weights.items()}
    for key in sorted(allowed.keys() | found.keys()):
        if found.get(key) != allowed.get(key):
            raise InputError(
                f"{weights_path(name)}: {key}: found {found.get(key, 'none')}; allowed: {allowed.get(key, 'none')}; "
                f"`dvc repro {maker(name)}` makes it"
            )


def check_against_torch(name: str, predicted: np.ndarray, by_torch: np.ndarray, diverged: np.ndarray) -> None:
    """Raise InputError where the PyTorch modules predict otherwise than the engine that trained.

    Args:
        name: the model's.
        predicted: by the engine, (replicates, N).
        by_torch: by the modules, likewise.
        diverged: bool (replicates,); these are left out, since overflow has no digits to compare.
    """
    difference = np.abs(predicted - by_torch)[~diverged].max(initial=0)
    if not difference <= LARGEST_DIFFERENCE:
        raise InputError(
            f"{weights_path(name)}: the PyTorch module predicts otherwise than the exact trainer, by up to "
            f"{difference:.1e}; allowed: {LARGEST_DIFFERENCE:.0e}"
        )


def check_against_losses(
    name: str, predicted: np.ndarray, y: np.ndarray, test_mse: np.ndarray, diverged: np.ndarray
) -> None:
    """Raise InputError where the weights are not those that the last losses were measured with.

    Args:
        name: the model's.
        predicted: by the weights on the test data, (replicates, N).
        y: the targets, (N, 1).
        test_mse: after the last epoch, (replicates,).
        diverged: bool (replicates,); these are left out.
    """
    mse = ((predicted.astype(np.float64) - y[:, 0]) ** 2).mean(axis=1)
    wrong = ~np.isclose(mse, test_mse, rtol=LOSS_TOLERANCE, atol=1e-12) & ~diverged
    if wrong.any():
        replicate = int(np.argmax(wrong))
        raise InputError(
            f"{weights_path(name)}: replicate {replicate}: found a test MSE of {mse[replicate]:.6g}; allowed: "
            f"{test_mse[replicate]:.6g} as in {losses_path(name)}; `dvc repro --force {maker(name)}` makes both"
        )
