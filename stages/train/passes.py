"""The exact trainer's arithmetic, compiled: forward pass, gradient and Adam, 128 samples at a time.

Every sum has an order that the source fixes:

- Samples are taken in blocks of 128, eight vectors of 16 lanes; a lane is a sample. A cell's sum over
  features runs in the order of the features, starting from the bias.
- A weight's gradient is a sum over samples and steps. Within a block, four steps at a time are added up lane
  by lane from zero: the first step first, the first vector first. Such partial sums are added to totals of 16
  lanes, the last steps first, block by block. At the end the 16 lanes are added up, halves first
  (`sum_lanes`).
- A loss is summed in float64 in the order of the samples.

A block that the samples do not fill is filled with copies of the last one, whose errors are set to zero: a
copy overflows only where its original does.

Arrays are flat float32; a comment gives the shape. The letters: T steps, D inputs, H hidden units, L layers,
and P = H + 1 rounded up to whole tiles, the rows that one step of one layer has in memory. Row H holds ones,
and so does row D of the inputs: a bias is a weight of one, and its gradient falls out of the same product.
What the last tile leaves in the rows after that is never read but to compute more of the same.

Sources: backpropagation through time, Goodfellow, Bengio and Courville, Deep Learning, section 10.2.2; Adam,
Kingma and Ba, arXiv:1412.6980, algorithm 1, rounded in the order of torch.optim.Adam; clipping, Pascanu,
Mikolov and Bengio, arXiv:1211.5063, algorithm 1, with the 1e-6 of torch.nn.utils.clip_grad_norm_.
"""

# Numba types what follows; to mypy an intrinsic has the signature that Numba wants, not the one of its calls.
# mypy: ignore-errors

import math

import numpy as np

from stages.train.activations import relu, relu_backward, tanh, tanh_backward
from stages.train.compiled import compiled, compiled_and_kept, target
from stages.train.vector import (
    LANES,
    add,
    add_products,
    add_scaled,
    add_tile,
    div,
    fma,
    load,
    mul,
    splat,
    spread,
    sqrt,
    store,
    store_tile,
    sub,
    sum_lanes,
    zeros,
)

BLOCK = 128  # samples; part of the result
STEPS = 4  # whose gradients are added up in registers; part of the result

# Tiles: how many sums are in flight at once. They decide speed, not bits. The 32 registers of 16 lanes that
# AVX-512 has hold 16 or 24 sums and what goes into them; the 16 registers of 8 lanes of AVX2 hold 4 to 6.
WIDE = "+avx512f" in target()[2]
ROWS, COLUMNS = (4, 4) if WIDE else (4, 1)  # features x vectors of samples
GRADIENT_ROWS, GRADIENT_COLUMNS = (8, 3) if WIDE else (3, 2)  # features x features
PAD = math.lcm(ROWS, GRADIENT_ROWS)

BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-8
f4 = np.float32


# -- one block of samples ------------------------------------------------------------------------------------


@compiled
def forward(weights, starts, bias, x, x_offset, hidden, sizes, use_relu):
    """h[layer, t] = f(W_ih x + W_hh h[layer, t-1] + b), where x is the input at step t or the layer below.

    x (T, D+1, 128) from x_offset; bias (L, P), the sum of a layer's two; hidden (L, T, P, 128), written.
    """
    T, D, H, L, P = sizes
    size = P * BLOCK
    for t in range(T):
        for layer in range(L):
            w_ih, w_hh = starts[4 * layer], starts[4 * layer + 1]
            now = (layer * T + t) * size
            if layer == 0:
                K, below, below_offset = D, x, x_offset + t * (D + 1) * BLOCK
            else:
                K, below, below_offset = H, hidden, now - T * size
            for b in range(0, BLOCK, COLUMNS * LANES):
                for i in range(0, H, ROWS):
                    z = spread(zeros(ROWS, COLUMNS), bias, layer * P + i)
                    for k in range(K):
                        z = add_scaled(z, weights, w_ih + i * K + k, K, below, below_offset + k * BLOCK + b)
                    if t > 0:  # before the first step h is zero
                        for k in range(H):
                            z = add_scaled(
                                z, weights, w_hh + i * H + k, H, hidden, now - size + k * BLOCK + b
                            )
                    store_tile(hidden, now + i * BLOCK + b, BLOCK, z)
                    for r in range(now + i * BLOCK + b, now + (i + ROWS) * BLOCK + b, BLOCK):
                        for h in range(r, r + COLUMNS * LANES, LANES):
                            if use_relu:
                                store(hidden, h, relu(load(hidden, h)))
                            else:
                                store(hidden, h, tanh(load(hidden, h)))
            for b in range(0, BLOCK, LANES):
                store(hidden, now + H * BLOCK + b, splat(f4(1)))


@compiled
def backward(weights, starts, error, hidden, d, t, sizes, use_relu):
    """d[layer, t] = f'(h[layer, t]) (W^T d[layer+1, t] + W_hh^T d[layer, t+1]), every layer at one step.

    d is the gradient by z, what f is taken of. W is the next layer's W_ih; above the last layer, at the last
    step, it is W_out, and the output's error (128) is above. hidden (L, T, P, 128); d (L, STEPS, P, 128), a
    ring in which step t has place t modulo STEPS, written.
    """
    T, _, H, L, P = sizes
    size = P * BLOCK
    for layer in range(L - 1, -1, -1):
        w_hh, w_above = starts[4 * layer + 1], starts[4 * layer + 4]
        now = (layer * STEPS + t % STEPS) * size
        after = (layer * STEPS + (t + 1) % STEPS) * size
        above = now + STEPS * size
        h = (layer * T + t) * size
        for b in range(0, BLOCK, COLUMNS * LANES):
            for i in range(0, H, ROWS):
                g = zeros(ROWS, COLUMNS)
                if layer < L - 1:
                    for k in range(H):
                        g = add_scaled(g, weights, w_above + k * H + i, 1, d, above + k * BLOCK + b)
                elif t == T - 1:
                    g = add_scaled(g, weights, w_above + i, 1, error, b)
                if t < T - 1:
                    for k in range(H):
                        g = add_scaled(g, weights, w_hh + k * H + i, 1, d, after + k * BLOCK + b)
                store_tile(d, now + i * BLOCK + b, BLOCK, g)
                for r in range(i * BLOCK + b, (i + ROWS) * BLOCK + b, BLOCK):
                    for v in range(r, r + COLUMNS * LANES, LANES):
                        if use_relu:
                            store(d, now + v, relu_backward(load(hidden, h + v), load(d, now + v)))
                        else:
                            store(d, now + v, tanh_backward(load(hidden, h + v), load(d, now + v)))


@compiled
def add_outer(sums, start, width, d, d_offset, d_step, rows, x, x_offset, x_step, columns, steps):
    """sums[i, k] += sum over steps t and samples of d[t, i] x[t, k], the gradient by W where z = W x.

    sums (rows, width, 16) from `start`, 16 lanes an entry; d (steps, rows, 128), d_step apart; x likewise.
    """
    for i in range(0, rows, GRADIENT_ROWS):
        for k in range(0, columns, GRADIENT_COLUMNS):
            total = zeros(GRADIENT_ROWS, GRADIENT_COLUMNS)
            for t in range(steps):
                d_t, x_t = d_offset + t * d_step + i * BLOCK, x_offset + t * x_step + k * BLOCK
                for b in range(0, BLOCK, LANES):
                    total = add_products(total, d, d_t + b, BLOCK, x, x_t + b, BLOCK)
            add_tile(sums, start + (i * width + k) * LANES, width * LANES, total)


@compiled
def add_gradients(sums, tensors, x, x_offset, hidden, d, t, sizes):
    """Add the gradients by the weights at the steps t, t+1, ... t+STEPS-1 to `sums`.

    W_ih and b share one product, since row I of x and row H of hidden hold ones; W_hh has the other.
    """
    T, D, H, L, P = sizes
    size = P * BLOCK
    for j in range(2 * L):
        layer, steps, d_offset = j // 2, min(STEPS, T - t), j // 2 * STEPS * size
        if j == 0:
            columns, below, offset, step = D + 1, x, x_offset + t * (D + 1) * BLOCK, (D + 1) * BLOCK
        elif j % 2 == 0:
            columns, below, offset, step = H + 1, hidden, ((layer - 1) * T + t) * size, size
        else:
            columns, below, offset, step = H, hidden, (layer * T + t - 1) * size, size
            if t == 0:  # before the first step h is zero
                steps, d_offset, offset = steps - 1, d_offset + size, offset + size
        start, width = tensors[4 * layer + j % 2, 0], tensors[4 * layer + j % 2, 1]
        add_outer(sums, start, width, d, d_offset, size, H, below, offset, step, columns, steps)


# -- Adam ----------------------------------------------------------------------------------------------------


@compiled
def clip_coefficient(gradient, clip_norm):
    """min(1, clip_norm / (the gradient's norm + 1e-6)); nan where the norm is."""
    squares = splat(f4(0))
    for p in range(0, gradient.size, LANES):
        g = load(gradient, p)
        squares = fma(g, g, squares)
    coefficient = clip_norm / (np.sqrt(sum_lanes(squares)) + f4(1e-6))
    return f4(1) if coefficient > f4(1) else coefficient


@compiled
def adam(weights, gradient, mean, square, powers, lr, clip_norm):
    """One step of Adam; weights, the moments mean and square (n), and powers (2) of the betas are updated."""
    coefficient = splat(clip_coefficient(gradient, clip_norm) if clip_norm < f4(np.inf) else f4(1))
    powers[0] *= BETA1
    powers[1] *= BETA2
    step = splat(f4(-lr / (1 - powers[0])))
    root = splat(f4(np.sqrt(1 - powers[1])))
    for p in range(0, gradient.size, LANES):
        g = mul(coefficient, load(gradient, p))
        m = load(mean, p)
        m = fma(splat(f4(1 - BETA1)), sub(g, m), m)
        v = fma(mul(splat(f4(1 - BETA2)), g), g, mul(splat(f4(BETA2)), load(square, p)))
        store(mean, p, m)
        store(square, p, v)
        denominator = add(div(sqrt(v), root), splat(f4(EPSILON)))
        store(weights, p, add(load(weights, p), div(mul(step, m), denominator)))


# -- passes over samples -------------------------------------------------------------------------------------


@compiled_and_kept
def run(passes, losses, x, y, predictions, model, work, tables, sizes, lr, clip_norm, use_relu):
    """Make the passes in turn, each over `count` samples from block `block` on; where `learn`, step the
    weights.

    passes (n, 3) of (block, count, learn); losses (n), written: each pass's mean squared error, by the
    weights before its step; x (blocks, T, D+1, 128); y and predictions (blocks, 128), the latter written.
    """
    weights, gradient, mean, square, powers = model
    bias, hidden, d, error, sums = work
    starts, tensors = tables
    T, D, H, L, P = sizes
    w_out, b_out, top = starts[4 * L], starts[4 * L + 1], (L * T - 1) * P * BLOCK
    for n in range(len(passes)):
        block, count, learn = passes[n]
        for layer in range(L):
            for i in range(H):
                bias[layer * P + i] = weights[starts[4 * layer + 2] + i] + weights[starts[4 * layer + 3] + i]
        sums[:] = 0
        scale = f4(2 / count)
        loss = 0.0
        for first in range(block * BLOCK, block * BLOCK + count, BLOCK):
            x_offset = first * T * (D + 1)
            forward(weights, starts, bias, x, x_offset, hidden, sizes, use_relu)
            for b in range(0, BLOCK, LANES):
                prediction = splat(weights[b_out])
                for k in range(H):
                    prediction = fma(splat(weights[w_out + k]), load(hidden, top + k * BLOCK + b), prediction)
                store(predictions, first + b, prediction)
            for s in range(BLOCK):
                e = f4(0)
                if first + s < block * BLOCK + count:
                    e = predictions[first + s] - y[first + s]
                loss += np.float64(e) * np.float64(e)
                error[s] = scale * e
            if learn:
                for t in range(T - 1, -1, -1):
                    backward(weights, starts, error, hidden, d, t, sizes, use_relu)
                    if t % STEPS == 0:
                        add_gradients(sums, tensors, x, x_offset, hidden, d, t, sizes)
                for k in range(H + 1):
                    at = tensors[4 * L, 0] + k * LANES
                    total = load(sums, at)
                    for b in range(0, BLOCK, LANES):
                        total = fma(load(error, b), load(hidden, top + k * BLOCK + b), total)
                    store(sums, at, total)
        losses[n] = loss / count
        if learn:
            for j in range(len(tensors)):
                start, width, rows, columns = tensors[j]
                for i in range(rows):
                    for k in range(columns):
                        at = start + (i * width + k) * LANES
                        gradient[starts[j] + i * columns + k] = sum_lanes(load(sums, at))
            adam(weights, gradient, mean, square, powers, lr, clip_norm)
