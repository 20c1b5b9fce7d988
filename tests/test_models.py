"""The modules are the ones that a reader of the PyTorch documentation expects."""

import numpy as np
import pytest
import torch
from torch import nn

from stages import models


@pytest.mark.parametrize("module", [models.SingleLayerRNN(3, 8, 2), models.StackedRNN(3, 8, 2, num_layers=4)])
def test_output_is_the_linear_layer_on_the_last_time_step(module: models.SingleLayerRNN) -> None:
    x = torch.randn(5, 7, 3, generator=torch.Generator().manual_seed(0))
    hidden, last = module.rnn(x)
    assert module(x).shape == (5, 2)
    torch.testing.assert_close(
        module(x), nn.functional.linear(last[-1], module.linear.weight, module.linear.bias)
    )
    torch.testing.assert_close(hidden[:, -1], last[-1])


def test_stacked_has_two_layers_unless_told_otherwise() -> None:
    assert models.StackedRNN(1, 32, 1).rnn.num_layers == 2


def test_the_control_has_as_many_parameters_as_stacked() -> None:
    def parameters(hidden_size: int, num_layers: int) -> int:
        module = models.build(
            input_size=1, hidden_size=hidden_size, output_size=1, num_layers=num_layers, nonlinearity="tanh"
        )
        return sum(parameter.numel() for parameter in module.parameters())

    assert (parameters(32, 1), parameters(32, 2), parameters(55, 1)) == (1153, 3265, 3246)


@pytest.mark.parametrize("nonlinearity", ["tanh", "relu"])
@pytest.mark.parametrize("num_layers", [1, 3])
def test_load_gives_the_module_back(num_layers: int, nonlinearity: str) -> None:
    module = models.build(
        input_size=2, hidden_size=4, output_size=1, num_layers=num_layers, nonlinearity=nonlinearity
    )
    weights = {name: array.numpy() for name, array in module.state_dict().items()}
    x = torch.from_numpy(np.linspace(-1, 1, 24, dtype=np.float32).reshape(3, 4, 2))
    assert torch.equal(models.load(weights, nonlinearity)(x), module(x))
