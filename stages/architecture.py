"""What a network is made of: its cell and sizes, and from them every parameter's name and shape."""

import math
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from stages.params import ModelParams

# Of a training step, in forward passes: one, and two for the gradients by inputs and by weights.
STEP_COST = 3
# Of each cell, by PyTorch's name of the mode where it has one.
GATES = {"rnn_tanh": 1, "rnn_relu": 1, "gru": 3, "lstm": 4}


class Architecture(NamedTuple):
    """`num_layers` recurrent layers of `hidden_size` units, the first fed by `input_size` numbers a step, and a linear
    layer to one number on the last step; `cell` is one of GATES.
    """

    cell: str
    input_size: int
    hidden_size: int
    num_layers: int

    @property
    def gates(self) -> int:
        """How many gates a unit has: W_ih and W_hh have as many rows for each."""
        return GATES[self.cell]

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the shape of each parameter, by PyTorch's names and in the order of its modules."""
        shapes: dict[str, tuple[int, ...]] = {}
        rows = self.gates * self.hidden_size
        for layer in range(self.num_layers):
            shapes[f"rnn.weight_ih_l{layer}"] = rows, self.hidden_size if layer else self.input_size
            shapes[f"rnn.weight_hh_l{layer}"] = rows, self.hidden_size
            shapes[f"rnn.bias_ih_l{layer}"] = shapes[f"rnn.bias_hh_l{layer}"] = (rows,)
        return shapes | {"linear.weight": (1, self.hidden_size), "linear.bias": (1,)}

    def parameters(self) -> int:
        """Return how many numbers are trained."""
        return self._count("")

    def multiply_adds(self, seq_length: int) -> int:
        """Return the multiplications and additions, counted in pairs, of one prediction: every weight, every step."""
        return seq_length * self._count("rnn.weight") + self._count("linear.weight")

    def _count(self, kind: str) -> int:
        """Return how many numbers the parameters have whose names start with `kind`."""
        return sum(math.prod(shape) for name, shape in self.shapes().items() if name.startswith(kind))


def architecture(model: "ModelParams", input_size: int) -> Architecture:
    """Return what an entry under `models:` describes, for sequences of `input_size` numbers a step."""
    return Architecture(model.cell, input_size, model.hidden_size, model.num_layers)
