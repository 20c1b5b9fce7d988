"""The modules are the ones that a reader of the PyTorch documentation expects."""

import pytest
import torch
from torch import nn

from stages import models
from stages.architecture import GATES, Architecture


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


@pytest.mark.parametrize("cell", GATES)
@pytest.mark.parametrize("num_layers", [1, 2, 3])
def test_an_architecture_is_its_module(cell: str, num_layers: int) -> None:
    architecture = Architecture(cell, 2, 4, num_layers)
    module = models.build(architecture)
    assert type(module) is (models.SingleLayerRNN if num_layers == 1 else models.StackedRNN)
    state = module.state_dict()
    assert list(architecture.shapes().items()) == [
        (name, tuple(array.shape)) for name, array in state.items()
    ]
    assert architecture.parameters() == sum(array.numel() for array in state.values())
    recurrent = sum(array.numel() for name, array in state.items() if name.startswith("rnn.weight"))
    assert architecture.multiply_adds(7) == 7 * recurrent + state["linear.weight"].numel()


@pytest.mark.parametrize("cell", GATES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_load_gives_the_module_back_in_the_precision_of_its_weights(cell: str, dtype: torch.dtype) -> None:
    architecture = Architecture(cell, 2, 4, 3)
    module = models.build(architecture).to(dtype)
    weights = {name: array.numpy() for name, array in module.state_dict().items()}
    x = torch.linspace(-1, 1, 24, dtype=dtype).reshape(3, 4, 2)
    assert torch.equal(models.load(weights, architecture)(x), module(x))
