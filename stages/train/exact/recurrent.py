"""A recurrent layer of any cell, over all steps of one block of samples: forward beside backward.

Every sum has an order that the source fixes. A gate's sum over features runs in the order of the features, starting
from the bias, the layer below before the step before. A weight's gradient is a sum over samples and steps: within a
block, four steps at a time are added up lane by lane from zero, the first step first, the first vector first. Such
partial sums are added to totals of 16 lanes, the last steps first, block by block. At the end the 16 lanes are added
up, halves first (`sum_lanes`).

Backpropagation through time: Goodfellow, Bengio and Courville, Deep Learning, section 10.2.2.
"""

from collections.abc import Callable

import numpy as np

from stages.train.exact.cell import Cell
from stages.train.exact.compiled import compiled
from stages.train.exact.layout import BLOCK, COLUMNS, ROWS, STEPS
from stages.train.exact.linear import add_lanes, add_outer, product
from stages.train.exact.vector import LANES, load, load_tile, splat, spread, store, store_tile, zeros

f4 = np.float32
WIDTH = COLUMNS * LANES  # samples of a tile


def recurrent_layers(cell: Cell, gates: int) -> tuple[Callable, Callable, Callable]:
    """Compile what layers of one cell, of so many gates, need: add_biases, forward, backward."""
    cell_forward, cell_backward, PRODUCTS, KEPT, CARRIED = cell
    Z = PRODUCTS * gates  # sums of a unit
    # The rows of a tile are the gates of one unit, so that they meet; or where there is one, four units.
    UNITS = ROWS if Z == 1 else 1
    UNITS_OR_GATES = UNITS * gates

    @compiled
    def add_biases(memory, net, layers):
        """bias (L, products, H, gates) = b_ih + b_hh, or each where the products are two."""
        for layer in range(net.L):
            b_ih, b_hh = layers[layer].bias_ih.at, layers[layer].bias_hh.at
            for i in range(net.H):
                for g in range(gates):
                    at, row = net.bias + (layer * PRODUCTS * net.H + i) * gates + g, g * net.H + i
                    if PRODUCTS == 1:
                        memory[at] = memory[b_ih + row] + memory[b_hh + row]
                    else:
                        memory[at], memory[at + gates * net.H] = memory[b_ih + row], memory[b_hh + row]

    @compiled
    def forward(memory, net, layers, x):
        """kept[l, t+1] = cell(W_ih x + W_hh h[l, t] + b, kept[l, t]), where x is the input or h of the layer below.

        x (T, D+1, 128); kept (L, T+1, KEPT, P, 128), [:, 1:] written; h is kept[:, :, 0].
        """
        T, H, rows = net.T, net.H, net.P * BLOCK
        for t in range(T):
            for layer in range(net.L):
                w_ih, w_hh = layers[layer].weight_ih.at, layers[layer].weight_hh.at
                K = layers[layer].weight_ih.columns
                ih_step, hh_step = (K, H) if UNITS > 1 else (H * K, H * H)  # from a row of a tile to the next
                bias = net.bias + layer * Z * H
                before = net.kept + (layer * (T + 1) + t) * KEPT * rows
                now = before + KEPT * rows
                below = x + t * (K + 1) * BLOCK if layer == 0 else now - (T + 1) * KEPT * rows
                for b in range(0, BLOCK, WIDTH):
                    for i in range(0, H, UNITS):
                        tile, tile_step = (now + i * BLOCK + b, BLOCK) if UNITS > 1 else (net.tile, WIDTH)
                        z = spread(memory, bias + i * gates, UNITS_OR_GATES, COLUMNS)
                        z = product(z, memory, w_ih + i * K, ih_step, 1, below + b, K)
                        if PRODUCTS == 2:
                            store_tile(memory, tile, tile_step, COLUMNS, z)
                            z = spread(memory, bias + (H + i) * gates, UNITS_OR_GATES, COLUMNS)
                        if t > 0:  # before the first step h is zero
                            z = product(z, memory, w_hh + i * H, hh_step, 1, before + b, H)
                        store_tile(memory, tile + (Z - gates) * tile_step, tile_step, COLUMNS, z)
                        for u in range(UNITS):
                            for v in range(0, WIDTH, LANES):
                                at = (i + u) * BLOCK + b + v
                                sums = load_tile(memory, tile + u * tile_step + v, tile_step, Z, 1)
                                previous = load_tile(memory, before + at, rows, KEPT, 1)
                                store_tile(memory, now + at, rows, 1, cell_forward(sums, previous))
                for b in range(0, BLOCK, LANES):
                    store(memory, now + H * BLOCK + b, splat(f4(1)))

    @compiled
    def add_gradients(memory, net, layers, x, t):
        """Add the gradients by the weights at the steps t, t+1, ... t+STEPS-1 to `sums`."""
        H, step, kept_step = net.H, net.Q * BLOCK, KEPT * net.P * BLOCK
        steps = STEPS if t + STEPS <= net.T else net.T - t  # `min` would be one more function to compile
        for layer in range(net.L):
            ih, hh = layers[layer].weight_ih, layers[layer].weight_hh
            d = net.d + layer * STEPS * step
            before = net.kept + (layer * (net.T + 1) + t) * kept_step
            below, below_step = before - net.T * kept_step, kept_step
            if layer == 0:
                below, below_step = x + t * (ih.columns + 1) * BLOCK, (ih.columns + 1) * BLOCK
            add_outer(memory, ih.sums, ih.width, d, step, ih.rows, below, below_step, ih.columns + 1, steps)
            # Before the first step h is zero; but a product of its own has a bias of its own.
            skip = 1 if t == 0 and PRODUCTS == 1 else 0
            columns = H if PRODUCTS == 1 else H + 1
            d += (Z - gates) * H * BLOCK + skip * step
            before += skip * kept_step
            add_outer(memory, hh.sums, hh.width, d, step, hh.rows, before, kept_step, columns, steps - skip)

    @compiled
    def backward(memory, net, layers, x):
        """d[l, t] = cell'(W_ih^T d[l+1, t] + W_hh^T d[l, t+1]), the gradient by z, and from it the weights'.

        Above the last layer, at the last step, W_ih^T d is the output layer's. error (128); d (L, STEPS, Z H, 128) and
        sums, written.
        """
        T, H, L, rows, step = net.T, net.H, net.L, net.P * BLOCK, net.Q * BLOCK
        hh_rows = (Z - gates) * H * BLOCK  # before the rows of d that W_hh h has
        memory[net.carried : net.tile] = 0
        for t in range(T - 1, -1, -1):
            for layer in range(L - 1, -1, -1):
                w_hh, w_above = layers[layer].weight_hh.at, layers[layer + 1].weight_ih.at
                now = net.d + (layer * STEPS + t % STEPS) * step
                after = net.d + (layer * STEPS + (t + 1) % STEPS) * step
                before = net.kept + (layer * (T + 1) + t) * KEPT * rows
                carry = net.carried + layer * CARRIED * rows
                for b in range(0, BLOCK, WIDTH):
                    for i in range(0, H, ROWS):
                        g = zeros(ROWS, COLUMNS)
                        if layer < L - 1:
                            g = product(g, memory, w_above + i, 1, H, now + STEPS * step + b, gates * H)
                        elif t == T - 1:
                            g = product(g, memory, w_above + i, 1, H, net.error + b, 1)
                        if t < T - 1:
                            g = product(g, memory, w_hh + i, 1, H, after + hh_rows + b, gates * H)
                        store_tile(memory, net.tile, WIDTH, COLUMNS, g)
                        for u in range(ROWS if i + ROWS <= H else H - i):
                            for v in range(0, WIDTH, LANES):
                                at = (i + u) * BLOCK + b + v
                                kept = load_tile(memory, before + KEPT * rows + at, rows, KEPT, 1)
                                previous = load_tile(memory, before + at, rows, KEPT, 1)
                                by_h = load(memory, net.tile + u * WIDTH + v)
                                carried = load_tile(memory, carry + at, rows, CARRIED, 1)
                                by_z, carried = cell_backward(kept, previous, by_h, carried)
                                store_tile(memory, now + at, H * BLOCK, 1, by_z)
                                store_tile(memory, carry + at, rows, 1, carried)
            if t % STEPS == 0:
                add_gradients(memory, net, layers, x, t)

    return add_biases, forward, backward


@compiled
def gradient(memory, net, layers):
    """gradient (n), from the sums over all blocks."""
    for layer in range(len(layers)):
        tensors = layers[layer]
        for tensor in (tensors.weight_ih, tensors.weight_hh, tensors.bias_ih, tensors.bias_hh):
            to = net.gradient - net.weights + tensor.at
            add_lanes(memory, to, tensor.rows, tensor.columns, tensor.sums, tensor.width)
