"""PyTorch's LSTM cell, without peepholes or projection.

i, f, g, o are sigmoid, sigmoid, tanh and sigmoid of z in its order; the next c is f c + i g, and h is o tanh(c).

Gers, Schmidhuber and Cummins, Learning to forget, Neural Computation 12 (2000), section 3.
"""

from stages.train.exact.activations import (
    gate,
    sigmoid_backward,
    tanh,
    tanh_backward,
    without_dust,
)
from stages.train.exact.cell import Cell
from stages.train.exact.compiled import inlined
from stages.train.exact.vector import add, fma, mul


@inlined
def forward(z, previous):
    """kept: h, c, i, f, g, o, tanh(c)."""
    i, f, g, o = gate(z[0]), gate(z[1]), tanh(z[2]), gate(z[3])
    c = fma(f, previous[1], mul(i, g))
    tanh_c = tanh(c)
    return mul(o, tanh_c), c, i, f, g, o, tanh_c


@inlined
def backward(kept, previous, gradient, carried):
    """carried: the gradient by c of the step before."""
    _, _, i, f, g, o, tanh_c = kept
    by_o = sigmoid_backward(o, mul(gradient, tanh_c))
    by_c = add(carried[0], tanh_backward(tanh_c, mul(gradient, o)))
    by_i = sigmoid_backward(i, mul(by_c, g))
    by_f = sigmoid_backward(f, mul(by_c, previous[1]))
    by_g = tanh_backward(g, mul(by_c, i))
    return (by_i, by_f, by_g, by_o), (without_dust(mul(by_c, f)),)


LSTM = Cell(forward, backward, kept=7, carried=1)
