"""The networks that are compared, as plain PyTorch modules."""

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor, nn

from stages.architecture import Architecture


class StackedRNN(nn.Module):
    """`num_layers` recurrent layers, each fed by the one below, then a linear layer on the last time step."""

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        output_size: int,
        num_layers: int = 2,
        nonlinearity: str = "tanh",
    ) -> None:
        """Make the layers; `nonlinearity` is "tanh" or "relu"."""
        super().__init__()
        self.rnn = nn.RNN(input_size, hidden_size, num_layers, nonlinearity=nonlinearity, batch_first=True)
        self.linear = nn.Linear(hidden_size, output_size)

    def forward(self, x: Tensor) -> Tensor:
        """Map sequences (N, T, input_size) to predictions (N, output_size)."""
        out, _ = self.rnn(x)
        return self.linear(out[:, -1, :])


class SingleLayerRNN(StackedRNN):
    """One recurrent layer, then a linear layer on its last time step."""

    def __init__(
        self, input_size: int, hidden_size: int, output_size: int, nonlinearity: str = "tanh"
    ) -> None:
        """Make the two layers; `nonlinearity` is "tanh" or "relu"."""
        super().__init__(input_size, hidden_size, output_size, 1, nonlinearity)


def build(architecture: Architecture) -> StackedRNN:
    """Return the module of an architecture, on the CPU."""
    cell, input_size, hidden_size, num_layers = architecture
    nonlinearity = cell.removeprefix("rnn_")
    if num_layers == 1:
        return SingleLayerRNN(input_size, hidden_size, 1, nonlinearity)
    return StackedRNN(input_size, hidden_size, 1, num_layers, nonlinearity)


def load(weights: Mapping[str, np.ndarray], architecture: Architecture) -> StackedRNN:
    """Return the module whose parameters are `weights`, one replicate's arrays by name, in their own precision."""
    module = build(architecture)
    tensors = {name: torch.tensor(array) for name, array in weights.items()}
    module.to(tensors["linear.bias"].dtype).load_state_dict(tensors)
    return module
