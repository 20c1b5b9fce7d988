"""What the trained networks predict on the test data, and whether that is what was trained.

The weights prove the losses after the last epoch alone; those of earlier epochs are taken as they are.
"""

from collections.abc import Mapping

import numpy as np

from stages.architecture import Architecture
from stages.data import Dataset, Losses, Weights, losses_path, maker, read_weights, weights_path
from stages.errors import InputError
from stages.evaluate.outcomes import has_diverged
from stages.results import Baseline
from stages.train.engines import load_engine

# Between the exact trainer and PyTorch, after the first steps: a network that remembers amplifies rounding on its way.
LARGEST_DIFFERENCE, STEPS = 1e-4, 5
LOSS_TOLERANCE = 0.01  # relative; another device rounds otherwise


def checked_predictions(
    name: str, architecture: Architecture, engine: str, dataset: Dataset, losses: Losses, baseline: Baseline
) -> np.ndarray:
    """Return what every replicate of a model predicts, by the engine that trained it: (replicates, N), float32.

    Args:
        name: the model's.
        architecture: the model's.
        engine: "exact" or "torch".
        dataset: of which the test part is predicted.
        losses: the model's.
        baseline: the constant predictor's MSE, which divergence is measured by.

    Raises:
        InputError: its weights are of another shape, another training, or mean something else to PyTorch.
    """
    weights = read_weights(name)
    check_shapes(name, weights, architecture, len(losses.test_mse))
    predicted = predictions(weights, dataset.x_test, architecture, engine)
    on_train = predictions(weights, dataset.x_train, architecture, engine)
    by_weights = {"test": mse(predicted, dataset.y_test), "train": mse(on_train, dataset.y_train)}
    in_file = {"test": losses.test_mse[:, -1], "train": losses.train_mse[:, -1]}
    first = dataset.x_test[:, :STEPS]
    ours, by_torch = (predictions(weights, first, architecture, by) for by in (engine, "torch"))
    check_against_torch(name, ours, by_torch, has_diverged(by_weights, baseline))
    check_against_losses(name, by_weights, in_file, baseline)
    return predicted


def mse(predicted: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return the mean squared error of each replicate: (replicates, N), (N, 1) -> (replicates,), float64."""
    # A replicate at a time, since all of them in float64 may not fit.
    return np.array([((row.astype(np.float64) - y[:, 0]) ** 2).mean() for row in predicted])


def predictions(weights: Weights, x: np.ndarray, architecture: Architecture, engine: str) -> np.ndarray:
    """Return what every replicate predicts for x (N, T, I): (replicates, N), float32."""
    predict = load_engine(engine, architecture.cell).predict
    each = (
        {key: array[replicate] for key, array in weights.items()}
        for replicate in range(len(weights["linear.bias"]))
    )
    return np.stack([predict(one, x, architecture)[:, 0] for one in each])


def check_shapes(name: str, weights: Weights, architecture: Architecture, replicates: int) -> None:
    """Raise InputError where `weights` are not the parameters of this architecture, with the replicates in front."""
    allowed = {key: f"{(replicates, *shape)} float32" for key, shape in architecture.shapes().items()}
    found = {key: f"{array.shape} {array.dtype}" for key, array in weights.items()}
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
        diverged: bool (replicates,), by the weights; these are left out, since overflow has no digits to compare.
    """
    with np.errstate(invalid="ignore"):  # inf less inf, which is refused where it is not left out
        difference = np.abs(predicted - by_torch)[~diverged].max(initial=0)
    if not difference <= LARGEST_DIFFERENCE:
        raise InputError(
            f"{weights_path(name)}: the PyTorch module predicts otherwise than the exact trainer, by up to "
            f"{difference:.1e}; allowed: {LARGEST_DIFFERENCE:.0e}"
        )


def check_against_losses(
    name: str, by_weights: Mapping[str, np.ndarray], in_file: Mapping[str, np.ndarray], baseline: Baseline
) -> None:
    """Raise InputError where the weights are not those that the last losses were measured with.

    What has diverged by both has no digits to compare; what has by one alone is refused.

    Args:
        name: the model's.
        by_weights: the MSEs of "test" and "train" that the weights give, (replicates,) each.
        in_file: those after the last epoch, likewise.
        baseline: the constant predictor's MSE, which divergence is measured by.
    """
    diverged = has_diverged(by_weights, baseline) & has_diverged(in_file, baseline)
    for part, found in by_weights.items():
        wrong = ~np.isclose(found, in_file[part], rtol=LOSS_TOLERANCE, atol=1e-12) & ~diverged
        if wrong.any():
            at = int(np.argmax(wrong))
            raise InputError(
                f"{weights_path(name)}: replicate {at}: found {part}_mse {found[at]:.6g}; allowed: "
                f"{in_file[part][at]:.6g} as in {losses_path(name)}; `dvc repro --force {maker(name)}` makes both"
            )
