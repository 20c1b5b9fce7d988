"""Training by PyTorch's autograd: the oracle for the exact trainer, and the way to other devices.

Its bits hold for one kind of CPU only: PyTorch picks its arithmetic by what the CPU offers. It computes in the
weights' own precision: the oracle has weights in float64.
"""

import copy

import numpy as np
import torch
from torch import nn

from stages import models
from stages.architecture import Architecture
from stages.data import Dataset, Weights
from stages.errors import InputError
from stages.train.training import Training, TrainState


def advance(
    state: TrainState,
    dataset: Dataset,
    architecture: Architecture,
    training: Training,
    until: int,
    device: str = "cpu",
) -> TrainState:
    """Return the state after `until` epochs, at most `training.epochs`, computed on `device`, "cpu" or "cuda"."""
    module = models.load(state.weights, architecture).to(device)
    dtype = module.linear.bias.dtype
    x_train, y_train, x_test, y_test = (torch.from_numpy(array).to(device, dtype) for array in dataset)
    criterion = nn.MSELoss()
    optimizer = torch.optim.Adam(module.parameters(), lr=training.lr)
    for name, parameter in module.named_parameters():
        optimizer.state[parameter] = {
            "step": torch.tensor(float(state.steps)),
            "exp_avg": torch.tensor(state.mean[name], device=device),
            "exp_avg_sq": torch.tensor(state.square[name], device=device),
        }

    def step(x: torch.Tensor, y: torch.Tensor) -> float:
        optimizer.zero_grad()
        loss = criterion(module(x), y)
        loss.backward()
        if training.clip_norm is not None:
            nn.utils.clip_grad_norm_(module.parameters(), training.clip_norm)
        optimizer.step()
        return loss.item()

    @torch.no_grad()
    def mse(x: torch.Tensor, y: torch.Tensor) -> float:
        return criterion(module(x), y).item()

    rng, steps = copy.deepcopy(state.rng), state.steps
    train_mse, test_mse = state.losses_until(until)
    for epoch in range(state.epoch, until):
        if training.measured(epoch):
            test_mse[epoch] = mse(x_test, y_test)
        if training.batch_size is None:
            train_mse[epoch] = step(x_train, y_train)
            steps += 1
        else:
            train_mse[epoch] = mse(x_train, y_train)
            for batch in torch.from_numpy(rng.permutation(len(x_train))).split(training.batch_size):
                step(x_train[batch], y_train[batch])
                steps += 1
    if until == training.epochs:
        train_mse[until] = mse(x_train, y_train)
        test_mse[until] = mse(x_test, y_test)

    moments = {name: optimizer.state[parameter] for name, parameter in module.named_parameters()}
    weights, mean, square = (
        {name: tensor.numpy(force=True).copy() for name, tensor in named.items()}
        for named in (
            module.state_dict(),
            {name: moment["exp_avg"] for name, moment in moments.items()},
            {name: moment["exp_avg_sq"] for name, moment in moments.items()},
        )
    )
    return TrainState(until, steps, weights, mean, square, rng, train_mse, test_mse)


@torch.no_grad()
def predict(weights: Weights, x: np.ndarray, architecture: Architecture) -> np.ndarray:
    """Return the module's predictions on the CPU: (N, T, input_size) -> (N, 1), in the weights' precision."""
    module = models.load(weights, architecture)
    return module(torch.from_numpy(x).to(module.linear.bias.dtype)).numpy()


def memory_needed(architecture: Architecture, training: Training, dataset: Dataset) -> int:
    """Return about how many bytes training one replicate takes, beside the data set."""
    samples, steps = len(dataset.x_train) + len(dataset.x_test), dataset.x_train.shape[1]
    # Each unit before and after the nonlinearity, of every sample and step, and its gradient.
    units = architecture.num_layers * architecture.gates * architecture.hidden_size
    return 16 * (samples * steps * units + architecture.parameters())


def in_precision(state: TrainState, dtype: type[np.floating]) -> TrainState:
    """Return the state in another precision: an oracle goes on from it in float64."""
    weights, mean, square = (
        {name: array.astype(dtype) for name, array in named.items()}
        for named in (state.weights, state.mean, state.square)
    )
    train_mse, test_mse = state.train_mse.astype(dtype), state.test_mse.astype(dtype)
    return TrainState(state.epoch, state.steps, weights, mean, square, state.rng, train_mse, test_mse)


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
