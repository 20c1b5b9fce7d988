"""PyTorch's plain RNN cell: h = f(z), where f is tanh or relu."""

from stages.train.exact.activations import relu, relu_backward, tanh, tanh_backward
from stages.train.exact.cell import Cell
from stages.train.exact.compiled import inlined


def rnn(activation, activation_backward):
    """The cell of one nonlinearity."""

    @inlined
    def forward(z, previous):
        return (activation(z[0]),)

    @inlined
    def backward(kept, previous, gradient, carried):
        return (activation_backward(kept[0], gradient),), carried

    return Cell(forward, backward)


RNN_TANH = rnn(tanh, tanh_backward)
RNN_RELU = rnn(relu, relu_backward)
