"""The networks that are compared, as plain PyTorch modules."""

from collections.abc import Mapping
from functools import partialmethod

import numpy as np
import torch
from torch import Tensor, nn

from stages.architecture import Architecture


class StackedRNN(nn.Module):
    """`num_layers` recurrent layers, each fed by the one below, then a linear layer on the last time step."""

    def __init__(
        self, input_size: int, hidden_size: int, output_size: int, num_layers: int = 2, cell: str = "rnn_tanh"
    ) -> None:
        """Make the layers; `cell` is PyTorch's name of the mode, such as "gru" or "rnn_relu"."""
        super().__init__()
        kind, *nonlinearity = cell.split("_")
        options = dict(zip(["nonlinearity"], nonlinearity, strict=False))
        self.rnn = getattr(nn, kind.upper())(input_size, hidden_size, num_layers, batch_first=True, **options)
        self.linear = nn.Linear(hidden_size, output_size)

    def forward(self, x: Tensor) -> Tensor:
        """Map sequences (N, T, input_size) to predictions (N, output_size)."""
        out, _ = self.rnn(x)
        return self.linear(out[:, -1, :])


class SingleLayerRNN(StackedRNN):
    """One recurrent layer, then a linear layer on its last time step."""

    __init__ = partialmethod(StackedRNN.__init__, num_layers=1)


def build(architecture: Architecture) -> StackedRNN:
    """Return the module of an architecture, on the CPU."""
    cell, input_size, hidden_size, num_layers = architecture
    if num_layers == 1:
        return SingleLayerRNN(input_size, hidden_size, 1, cell=cell)
    return StackedRNN(input_size, hidden_size, 1, num_layers, cell)


def load(weights: Mapping[str, np.ndarray], architecture: Architecture) -> StackedRNN:
    """Return the module whose parameters are `weights`, one replicate's arrays by name, in their own precision."""
    module = build(architecture)
    tensors = {name: torch.tensor(array) for name, array in weights.items()}
    module.to(tensors["linear.bias"].dtype).load_state_dict(tensors)
    return module
