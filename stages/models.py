"""The networks that are compared, as plain PyTorch modules."""

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor, nn


class SingleLayerRNN(nn.Module):
    """One recurrent layer, then a linear layer on its last time step."""

    def __init__(
        self, input_size: int, hidden_size: int, output_size: int, nonlinearity: str = "tanh"
    ) -> None:
        """Make the two layers; `nonlinearity` is "tanh" or "relu"."""
        super().__init__()
        self.rnn = nn.RNN(input_size, hidden_size, nonlinearity=nonlinearity, batch_first=True)
        self.linear = nn.Linear(hidden_size, output_size)

    def forward(self, x: Tensor) -> Tensor:
        """Map sequences (N, T, input_size) to predictions (N, output_size)."""
        out, _ = self.rnn(x)
        return self.linear(out[:, -1, :])


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


def build(
    *, input_size: int, hidden_size: int, output_size: int, num_layers: int, nonlinearity: str
) -> SingleLayerRNN | StackedRNN:
    """Return the module for one entry under `models:`, on the CPU."""
    if num_layers == 1:
        return SingleLayerRNN(input_size, hidden_size, output_size, nonlinearity)
    return StackedRNN(input_size, hidden_size, output_size, num_layers, nonlinearity)


def load(weights: Mapping[str, np.ndarray], nonlinearity: str) -> SingleLayerRNN | StackedRNN:
    """Return the module whose parameters are `weights`.

    Args:
        weights: one replicate's arrays by parameter name; their shapes give the sizes.
        nonlinearity: "tanh" or "relu", which the weights do not show.

    """
    hidden_size, input_size = weights["rnn.weight_ih_l0"].shape
    module = build(
        input_size=input_size,
        hidden_size=hidden_size,
        output_size=weights["linear.bias"].size,
        num_layers=sum(name.startswith("rnn.weight_hh_l") for name in weights),
        nonlinearity=nonlinearity,
    )
    module.load_state_dict({name: torch.tensor(array) for name, array in weights.items()})
    return module
