"""Matrix products whose lanes are samples: one for the way forward and back, one for the weights' gradients."""

from stages.train.exact.compiled import compiled, inlined
from stages.train.exact.layout import BLOCK, COLUMNS, GRADIENT_COLUMNS, GRADIENT_ROWS
from stages.train.exact.vector import (
    LANES,
    add_products,
    add_scaled,
    add_tiles,
    load,
    load_tile,
    store_tile,
    sum_lanes,
    zeros,
)


@inlined
def product(z, memory, w, row_step, step, x, K):
    """z[r] + the sum over k of W[r, k] x[k], k in order; z is a tile, features by samples.

    W[r, k] is memory[w + r * row_step + k * step], so that W or its transpose may be meant; x (K, 128).
    """
    for k in range(K):
        z = add_scaled(z, COLUMNS, memory, w + k * step, row_step, x + k * BLOCK, LANES)
    return z


@inlined
def outer(total, memory, d, d_step, x, x_step, steps):
    """total[i, k] + the sum over steps t, then samples, of d[t, i] x[t, k]: the gradient by W where z = W x.

    total is a tile, features by features, 16 lanes an entry; d (steps, rows, 128), d_step apart, and x likewise.
    """
    for t in range(steps):
        for b in range(0, BLOCK, LANES):
            d_t, x_t = d + t * d_step + b, x + t * x_step + b
            total = add_products(total, GRADIENT_COLUMNS, memory, d_t, BLOCK, x_t, BLOCK)
    return total


@compiled
def add_outer(memory, sums, width, d, d_step, rows, x, x_step, columns, steps):
    """sums[i, k] += what `outer` adds up from zero; sums (rows, width, 16)."""
    for i in range(0, rows, GRADIENT_ROWS):
        for k in range(0, columns, GRADIENT_COLUMNS):
            total = zeros(GRADIENT_ROWS, GRADIENT_COLUMNS)
            total = outer(total, memory, d + i * BLOCK, d_step, x + k * BLOCK, x_step, steps)
            at, stride = sums + (i * width + k) * LANES, width * LANES
            total = add_tiles(load_tile(memory, at, stride, GRADIENT_ROWS, GRADIENT_COLUMNS), total)
            store_tile(memory, at, stride, GRADIENT_COLUMNS, total)


@compiled
def add_lanes(memory, gradient, rows, columns, sums, width):
    """gradient[i, k] = the sum of the 16 lanes of sums[i, k]; gradient (rows, columns), sums (rows, width, 16)."""
    for i in range(rows):
        for k in range(columns):
            memory[gradient + i * columns + k] = sum_lanes(load(memory, sums + (i * width + k) * LANES))
