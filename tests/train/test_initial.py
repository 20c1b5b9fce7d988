"""Initial weights: PyTorch's distribution, NumPy's bits."""

import hashlib

import numpy as np
import torch
from scipy import stats
from torch import nn

from stages import models
from stages.streams import stream
from stages.train.initial import initial_weights


def weights(hidden_size: int, num_layers: int, replicate: int = 0) -> dict[str, np.ndarray]:
    rng = stream(0, "initial weights", "any", replicate)
    return initial_weights(
        rng, input_size=1, hidden_size=hidden_size, num_layers=num_layers, nonlinearity="tanh"
    )


def test_names_and_shapes_are_the_modules() -> None:
    for num_layers, module in ((1, models.SingleLayerRNN(1, 32, 1)), (2, models.StackedRNN(1, 32, 1))):
        expected = {name: tuple(parameter.shape) for name, parameter in module.named_parameters()}
        assert {name: array.shape for name, array in weights(32, num_layers).items()} == expected


def test_distribution_is_pytorchs() -> None:
    torch.manual_seed(0)
    ours = np.concatenate([array.ravel() for array in weights(64, 2).values()])
    module = nn.ModuleList([nn.RNN(1, 64, 2), nn.Linear(64, 1)])
    theirs = np.concatenate([parameter.detach().numpy().ravel() for parameter in module.parameters()])
    assert stats.ks_2samp(ours, theirs).pvalue > 0.01
    assert np.abs(ours).max() < 1 / 8


def test_bytes_never_change() -> None:
    content = b"".join(array.tobytes() for array in weights(32, 2, replicate=7).values())
    assert (
        hashlib.sha256(content).hexdigest()
        == "efa9d01a57dde8d6f16b5fab752b51eca468565f7e4f1b9ebbcbb1037c863168"
    )
