"""Initial weights, from PyTorch's own distribution but NumPy's generator.

PyTorch's initialisation gives other bits on other CPUs; `Generator.random` and one multiplication do not.
"""

import math

import numpy as np

from stages.data import Weights
from stages.models import build


def initial_weights(
    rng: np.random.Generator, *, input_size: int, hidden_size: int, num_layers: int, nonlinearity: str
) -> Weights:
    """Return one replicate's weights, U(-1/sqrt(H), 1/sqrt(H)) for every parameter, in the module's order.

    That is what `nn.RNN` and, on H inputs, `nn.Linear` draw from (their documentation, "Variables").
    """
    module = build(
        input_size=input_size,
        hidden_size=hidden_size,
        output_size=1,
        num_layers=num_layers,
        nonlinearity=nonlinearity,
    )
    bound = 1 / math.sqrt(hidden_size)
    return {
        # 2u - 1 is exact, so there is no sum for a compiler to fuse with the product.
        name: (bound * (2 * rng.random(tuple(parameter.shape)) - 1)).astype(np.float32)
        for name, parameter in module.named_parameters()
    }
