"""Training by PyTorch's autograd: the oracle for the exact trainer, and the way to other devices.

Its bits hold for one kind of CPU only: PyTorch picks its arithmetic by what the CPU offers.
"""

import numpy as np
import torch
from torch import nn

from stages import models
from stages.data import Weights
from stages.errors import InputError
from stages.train.replicate import OnProgress, TrainedReplicate, ignore, measured_epochs


def train_replicate(
    weights: Weights,
    x_train: np.ndarray,
    y_train: np.ndarray,
    x_test: np.ndarray,
    y_test: np.ndarray,
    *,
    nonlinearity: str,
    epochs: int,
    lr: float,
    batch_size: int | None,
    clip_norm: float | None,
    eval_every: int,
    rng: np.random.Generator,
    on_progress: OnProgress = ignore,
    device: str = "cpu",
) -> TrainedReplicate:
    """Train one replicate from `weights` with Adam on the mean squared error.

    Args:
        weights: where to start, float32 by parameter name.
        x_train: sequences to train on, (N, T, input_size).
        y_train: their targets, (N, 1).
        x_test: sequences to measure the test MSE on.
        y_test: their targets.
        nonlinearity: "tanh" or "relu".
        epochs: passes over the training data.
        lr: Adam's step size.
        batch_size: samples a step; None for all of them.
        clip_norm: largest global norm of a gradient; None for no limit.
        eval_every: epochs between two measurements of the test MSE.
        rng: draws one permutation of the training data an epoch, where there are mini-batches.
        on_progress: called after each epoch.
        device: where PyTorch computes, "cpu" or "cuda".

    """
    module = models.load(weights, nonlinearity).to(device)
    X_train, Y_train, X_test, Y_test = (
        torch.from_numpy(array).to(device) for array in (x_train, y_train, x_test, y_test)
    )
    criterion = nn.MSELoss()
    optimizer = torch.optim.Adam(module.parameters(), lr=lr)
    measured = measured_epochs(epochs, eval_every)
    train_mse = np.full(epochs + 1, np.nan, np.float32)
    test_mse = np.full(epochs + 1, np.nan, np.float32)

    def step(x: torch.Tensor, y: torch.Tensor) -> float:
        optimizer.zero_grad()
        loss = criterion(module(x), y)
        loss.backward()
        if clip_norm is not None:
            nn.utils.clip_grad_norm_(module.parameters(), clip_norm)
        optimizer.step()
        return loss.item()

    @torch.no_grad()
    def mse(x: torch.Tensor, y: torch.Tensor) -> float:
        return criterion(module(x), y).item()

    for epoch in range(epochs):
        if measured[epoch]:
            test_mse[epoch] = mse(X_test, Y_test)
        if batch_size is None:
            train_mse[epoch] = step(X_train, Y_train)
        else:
            train_mse[epoch] = mse(X_train, Y_train)
            for batch in torch.from_numpy(rng.permutation(len(x_train))).split(batch_size):
                step(X_train[batch], Y_train[batch])
        on_progress(1, float(train_mse[epoch]))
    train_mse[epochs] = mse(X_train, Y_train)
    test_mse[epochs] = mse(X_test, Y_test)
    trained = {name: array.numpy(force=True).copy() for name, array in module.state_dict().items()}
    return TrainedReplicate(trained, train_mse, test_mse)


@torch.no_grad()
def predict(weights: Weights, x: np.ndarray, nonlinearity: str) -> np.ndarray:
    """Return the module's predictions on the CPU: (N, T, input_size) -> (N, 1), float32."""
    return models.load(weights, nonlinearity)(torch.from_numpy(x)).numpy()


def find_device(device: str) -> str:
    """Return "cpu" or "cuda" for train.device.

    Raises:
        InputError: a GPU is asked for and PyTorch finds none.

    """
    if device == "cpu" or (device == "auto" and not torch.cuda.is_available()):
        return "cpu"
    if not torch.cuda.is_available():
        raise InputError(
            "params.yaml: train.device: found cuda, but no GPU that PyTorch can use; allowed here: cpu, auto"
        )
    return "cuda"
