"""PyTorch's GRU cell: the reset gate acts on the recurrent product with its bias, so that the products are two.

r = gate(x_r + h_r), u = gate(x_u + h_u), n = tanh(x_n + r h_n), and the next h is (1 - u) n + u h, where x_r, x_u
and x_n are the rows of W_ih x + b_ih in their order, and h_r, h_u and h_n those of W_hh h + b_hh.

Cho et al., arXiv:1406.1078, with the reset gate where cuDNN has it (`torch.nn.GRU`, note on n_t).
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
from stages.train.exact.vector import add, fma, mul, sub


@inlined
def forward(z, previous):
    """kept: h, r, u, n, h_n."""
    r, u = gate(add(z[0], z[3])), gate(add(z[1], z[4]))
    n = tanh(fma(r, z[5], z[2]))
    return fma(u, sub(previous[0], n), n), r, u, n, z[5]


@inlined
def backward(kept, previous, gradient, carried):
    """carried: the gradient by h of the step before, past the products."""
    _, r, u, n, h_n = kept
    by_h = add(gradient, carried[0])
    by_u = sigmoid_backward(u, mul(by_h, sub(previous[0], n)))
    carried = without_dust(mul(by_h, u))
    by_n = tanh_backward(n, sub(by_h, carried))
    by_r = sigmoid_backward(r, mul(by_n, h_n))
    return (by_r, by_u, by_n, by_r, by_u, without_dust(mul(by_n, r))), (carried,)


GRU = Cell(forward, backward, products=2, kept=5, carried=1)
