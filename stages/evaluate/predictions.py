"""What the trained networks predict on the test data."""

from collections.abc import Iterator

import numpy as np

from stages.errors import InputError
from stages.evaluate.curves import nearest_median
from stages.files import LOSSES, MODELS, Weights
from stages.models import build
from stages.params import Params
from stages.train.engines import predictor

LARGEST_DIFFERENCE = 1e-5
LOSS_TOLERANCE = 0.01  # relative; another device rounds otherwise


def check_shapes(name: str, weights: Weights, params: Params, input_size: int) -> None:
    """Raise InputError where `weights` are not the parameters of this model, with its replicates in front."""
    model = params.models[name]
    module = build(
        input_size=input_size,
        hidden_size=model.hidden_size,
        output_size=1,
        num_layers=model.num_layers,
        nonlinearity=model.nonlinearity,
    )
    allowed = {key: (params.train.replicates, *value.shape) for key, value in module.state_dict().items()}
    found = {key: array.shape for key, array in weights.items()}
    for key in sorted(allowed.keys() | found.keys()):
        if found.get(key) != allowed.get(key):
            raise InputError(
                f"{MODELS / name}.safetensors: {key}: found {found.get(key, 'none')}; "
                f"allowed: {allowed.get(key, 'none')}; `dvc repro train@{name}` makes it"
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
            f"{MODELS / name}.safetensors: replicate {replicate}: found a test MSE of {mse[replicate]:.6g}; allowed: "
            f"{test_mse[replicate]:.6g} as in {LOSSES / name}.csv; `dvc repro --force train@{name}` makes both"
        )


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

    What a diverged network predicts is blank where it is no number.

    Args:
        name: the model's.
        predicted: (replicates, N).
        y: the targets, (N, 1).
        test_mse: after the last epoch, (replicates,), none nan.

    """
    replicate = nearest_median(test_mse)
    for y_true, y_predicted in zip(y[:, 0], predicted[replicate], strict=True):
        yield name, replicate, y_true, "" if np.isnan(y_predicted) else y_predicted
