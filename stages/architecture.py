"""What a network is made of: its cell and sizes, and from them every parameter's name and shape."""

import math
from typing import NamedTuple

from stages.params import ModelParams


class Architecture(NamedTuple):
    """`num_layers` recurrent layers of `hidden_size` units, the first fed by `input_size` numbers a step, and a linear
    layer to one number on the last step; `cell` is PyTorch's name of the mode, "rnn_tanh" or "rnn_relu".
    """

    cell: str
    input_size: int
    hidden_size: int
    num_layers: int

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the shape of each parameter, by PyTorch's names and in the order of its modules."""
        shapes: dict[str, tuple[int, ...]] = {}
        for layer in range(self.num_layers):
            below = self.hidden_size if layer else self.input_size
            shapes[f"rnn.weight_ih_l{layer}"] = self.hidden_size, below
            shapes[f"rnn.weight_hh_l{layer}"] = self.hidden_size, self.hidden_size
            shapes[f"rnn.bias_ih_l{layer}"] = (self.hidden_size,)
            shapes[f"rnn.bias_hh_l{layer}"] = (self.hidden_size,)
        return shapes | {"linear.weight": (1, self.hidden_size), "linear.bias": (1,)}

    def parameters(self) -> int:
        """Return how many numbers are trained."""
        return sum(map(math.prod, self.shapes().values()))

    def multiply_adds(self, seq_length: int) -> int:
        """Return the multiplications and additions, counted in pairs, of one prediction: every weight, every step."""
        shapes = self.shapes()
        recurrent = sum(math.prod(shape) for name, shape in shapes.items() if name.startswith("rnn.weight"))
        return seq_length * recurrent + math.prod(shapes["linear.weight"])


def architecture(model: ModelParams, input_size: int) -> Architecture:
    """Return what an entry under `models:` describes, for sequences of `input_size` numbers a step."""
    return Architecture(f"rnn_{model.nonlinearity}", input_size, model.hidden_size, model.num_layers)
