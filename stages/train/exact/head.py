"""The output layer, on the last layer's last step, and the loss, forward beside backward."""

import numpy as np

from stages.train.exact.compiled import compiled
from stages.train.exact.layout import BLOCK, COLUMNS, GRADIENT_COLUMNS
from stages.train.exact.linear import outer, product
from stages.train.exact.vector import LANES, load_tile, spread, store_tile

f4 = np.float32


@compiled
def forward(memory, layer, h, predictions):
    """predictions (128) = w h + b; h (H, 128)."""
    for v in range(0, BLOCK, COLUMNS * LANES):
        z = spread(memory, layer.bias_ih.at, 1, COLUMNS)
        z = product(z, memory, layer.weight_ih.at, 0, 1, h + v, layer.weight_ih.columns)
        store_tile(memory, predictions + v, 0, COLUMNS, z)


@compiled
def loss(memory, total, predictions, y, here, count, error):
    """`total` + the squared errors of the block's first `here` samples, in float64 and in their order.

    predictions, y (128); error (128), written: the gradient by the predictions of the mean over `count`.
    """
    for s in range(BLOCK):
        e = memory[predictions + s] - memory[y + s] if s < here else f4(0)
        total += np.float64(e) * np.float64(e)
        memory[error + s] = f4(2 / count) * e
    return total


@compiled
def backward(memory, layer, h, error):
    """sums (H+1, 16) += the gradient by w and b; error (128), h (H+1, 128). That by h the last layer takes itself."""
    for k in range(0, layer.weight_ih.columns + 1, GRADIENT_COLUMNS):
        at = layer.weight_ih.sums + k * LANES
        total = load_tile(memory, at, 0, 1, GRADIENT_COLUMNS)
        total = outer(total, memory, error, 0, h + k * BLOCK, 0, 1)
        store_tile(memory, at, 0, GRADIENT_COLUMNS, total)
