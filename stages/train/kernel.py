"""The exact trainer: an RNN's forward pass, its gradient and Adam, with the same bytes on every CPU.

One call trains one replicate in one thread. Every sum has an order that the source fixes:

- Samples are taken in blocks of 128, eight vectors of 16 lanes; a lane is a sample. Each cell's sum over features
  runs in the order of the features, starting from the bias.
- A weight's gradient is a sum over samples and steps. Within a block, 8 vectors a step, four steps at a time, are
  added up lane by lane from zero: first step first, first vector first. These partial sums are added to a total of
  16 lanes, the last steps first, block by block. Last, the 16 lanes are added up, halves first (`sum_lanes`).
- A loss is summed in float64 in the order of the samples.

A block that the samples do not fill is filled with copies of the last one, whose errors are set to zero: a copy
overflows only where its original does.

Arrays are flat float32; a comment gives the shape. The letters: T steps, I inputs, H hidden units, L layers, and
P = H + 1 rounded up to whole tiles, the rows that a block of hidden units has in memory. Row H holds ones: a bias is
a weight of one, and its gradient falls out of the same product. The rows after it hold whatever the last tile leaves
there; nothing reads them but to compute others like them.

Sources: backpropagation through time as in Goodfellow, Bengio and Courville, Deep Learning, section 10.2.2; Adam,
Kingma and Ba, arXiv:1412.6980, algorithm 1, rounded in the order of PyTorch's implementation; clipping, Pascanu,
Mikolov and Bengio, arXiv:1211.5063, algorithm 1, with the 1e-6 of torch.nn.utils.clip_grad_norm_.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

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
STEPS = 4  # steps whose gradients are added up in registers; part of the result

# Tiles: how many sums are in flight at once. They decide speed, not bits. 32 registers of 16 lanes (AVX-512) hold 16
# or 24 sums and what they are made of; the 16 registers of 8 lanes that AVX2 has hold four.
WIDE = "+avx512f" in target()[2]
ROWS, COLUMNS = (4, 4) if WIDE else (2, 2)  # features x vectors of samples
GRADIENT_ROWS, GRADIENT_COLUMNS = (8, 3) if WIDE else (2, 2)  # features x features
PAD = math.lcm(ROWS, GRADIENT_ROWS)

BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-8
f4 = np.float32


# -- one block of samples ----------------------------------------------------------------------------------------


@compiled
def forward(weights, starts, bias, x, x_offset, hidden, sizes, use_relu):
    """h[l, t] = f(W_ih x + W_hh h[l, t-1] + b), where x is the input at step t or the layer below.

    x (T, I+1, 128) from x_offset; bias (L, P), the sum of a layer's two; hidden (L, T, P, 128), written.
    """
    T, I, H, L, P = sizes
    size = P * BLOCK
    for t in range(T):
        for l in range(L):
            w_ih, w_hh = starts[4 * l], starts[4 * l + 1]
            now = (l * T + t) * size
            if l == 0:
                K, below, below_offset = I, x, x_offset + t * (I + 1) * BLOCK
            else:
                K, below, below_offset = H, hidden, now - T * size
            for b in range(0, BLOCK, COLUMNS * LANES):
                for i in range(0, H, ROWS):
                    z = spread(zeros(ROWS, COLUMNS), bias, l * P + i)
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
    """d[l, t] = f'(h[l, t]) (W^T d[l+1, t] + W_hh^T d[l, t+1]), the gradient by z, for the layers of one step.

    W is the next layer's W_ih; above the last layer, at the last step, W_out and the output's error (128).
    hidden (L, T, P, 128); d (L, STEPS, P, 128), a ring in which step t has place t modulo STEPS, written.
    """
    T, I, H, L, P = sizes
    size = P * BLOCK
    for l in range(L - 1, -1, -1):
        w_hh, w_above = starts[4 * l + 1], starts[4 * l + 4]
        now = (l * STEPS + t % STEPS) * size
        after = (l * STEPS + (t + 1) % STEPS) * size
        above = now + STEPS * size
        h = (l * T + t) * size
        for b in range(0, BLOCK, COLUMNS * LANES):
            for i in range(0, H, ROWS):
                g = zeros(ROWS, COLUMNS)
                if l < L - 1:
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
    T, I, H, L, P = sizes
    size = P * BLOCK
    for j in range(2 * L):
        l, steps, d_offset = j // 2, min(STEPS, T - t), j // 2 * STEPS * size
        if j == 0:
            columns, below, offset, step = I + 1, x, x_offset + t * (I + 1) * BLOCK, (I + 1) * BLOCK
        elif j % 2 == 0:
            columns, below, offset, step = H + 1, hidden, ((l - 1) * T + t) * size, size
        else:
            columns, below, offset, step = H, hidden, (l * T + t - 1) * size, size
            if t == 0:  # before the first step h is zero
                steps, d_offset, offset = steps - 1, d_offset + size, offset + size
        start, width = tensors[4 * l + j % 2, 0], tensors[4 * l + j % 2, 1]
        add_outer(sums, start, width, d, d_offset, size, H, below, offset, step, columns, steps)


# -- Adam --------------------------------------------------------------------------------------------------------


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
    """One step of Adam: weights (n), mean and square (n), the moments, and powers (2), of the betas, change."""
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


# -- passes over samples -----------------------------------------------------------------------------------------


@compiled_and_kept
def run(passes, losses, x, y, predictions, model, work, tables, sizes, lr, clip_norm, use_relu):
    """Make the passes in turn, each over `count` samples from block `block` on; where `learn`, step the weights.

    passes (n, 3) of (block, count, learn); losses (n) float32, written: the mean squared error of each pass, by the
    weights before its step; x (blocks, T, I+1, 128), y and predictions (blocks, 128), the latter written.
    """
    weights, gradient, mean, square, powers = model
    bias, hidden, d, error, sums = work
    starts, tensors = tables
    T, I, H, L, P = sizes
    w_out, b_out, top = starts[4 * L], starts[4 * L + 1], (L * T - 1) * P * BLOCK
    for n in range(len(passes)):
        block, count, learn = passes[n]
        for l in range(L):
            for i in range(H):
                bias[l * P + i] = weights[starts[4 * l + 2] + i] + weights[starts[4 * l + 3] + i]
        sums[:] = 0
        scale = f4(2 / count)
        loss = 0.0
        for first in range(block * BLOCK, block * BLOCK + count, BLOCK):
            x_offset = first * T * (I + 1)
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


# -- from Python -------------------------------------------------------------------------------------------------


class TrainedReplicate(NamedTuple):
    """What training one replicate gives."""

    weights: dict[str, np.ndarray]  # as passed in, trained
    train_mse: np.ndarray  # (epochs + 1,) float32: entry e by the weights after e epochs
    test_mse: np.ndarray  # likewise; nan where not evaluated


def ignore(epochs: int, mse: float) -> None:
    """Report no progress."""


def round_up(n: int, multiple: int) -> int:
    """The least multiple that is not less than n."""
    return -(-n // multiple) * multiple


def aligned(size: int) -> np.ndarray:
    """`size` float32 zeros that start on a cache line, so that no vector lies across two."""
    memory = np.zeros(size + LANES, np.float32)
    start = -(memory.ctypes.data // memory.itemsize) % LANES
    return memory[start : start + size]


def to_blocks(samples: np.ndarray) -> np.ndarray:
    """Samples (n, ...) as blocks (ceil(n / 128), ..., 128), the last filled with copies of the last sample."""
    index = np.minimum(np.arange(round_up(len(samples), BLOCK)), len(samples) - 1)
    return np.moveaxis(samples[index].reshape(-1, BLOCK, *samples.shape[1:]), 1, -1)


class Replicate:
    """One replicate's weights and what training needs beside them, laid out for the kernel."""

    def __init__(self, weights: dict[str, np.ndarray], nonlinearity: str, T: int, blocks: int) -> None:
        self.weights = weights
        H, I = weights["rnn.weight_ih_l0"].shape
        L = sum(name.startswith("rnn.weight_hh_l") for name in weights)
        P = round_up(H + 1, PAD)
        self.sizes = T, I, H, L, P
        self.use_relu = {"tanh": False, "relu": True}[nonlinearity]

        # Where each tensor starts in the flat weights, and where its gradient's sums are: start, width, rows, columns.
        starts = np.cumsum([0] + [w.size for w in weights.values()], dtype=np.int64)
        tensors, at = [], 0
        for l in range(L + 1):
            rows, K = (H if l < L else 1), (I if l == 0 else H)
            width = round_up(K + 1, GRADIENT_COLUMNS)
            w, b = (at, width, rows, K), (at + K * LANES, width, rows, 1)
            at += round_up(rows, GRADIENT_ROWS) * width * LANES
            if l < L:
                width = round_up(H, GRADIENT_COLUMNS)
                tensors += [w, (at, width, H, H), b, b]
                at += round_up(H, GRADIENT_ROWS) * width * LANES
            else:
                tensors += [w, b]
        self.tables = starts, np.array(tensors)

        n = round_up(starts[-1], LANES)
        flat = aligned(n + ROWS * max(H, I))  # the last tile of rows may reach beyond the last weight
        flat[: starts[-1]] = np.concatenate([w.ravel() for w in weights.values()])
        self.gradient = aligned(n)
        self.model = flat, self.gradient, aligned(n), aligned(n), np.ones(2)
        slack = GRADIENT_COLUMNS * BLOCK  # likewise the last tile of columns
        hidden, d = aligned(L * T * P * BLOCK + slack), aligned(L * STEPS * P * BLOCK)
        self.work = aligned(L * P), hidden, d, aligned(BLOCK), aligned(at)
        self.x = aligned(blocks * T * (I + 1) * BLOCK + slack)
        self.y, self.predictions = aligned(blocks * BLOCK), aligned(blocks * BLOCK)

    def put(self, block: int, x: np.ndarray, y: np.ndarray) -> None:
        """Copy samples to the blocks from `block` on."""
        ones = np.ones((*x.shape[:2], 1), np.float32)
        x, y = to_blocks(np.concatenate([x, ones], axis=2)), to_blocks(y.ravel())
        start = block * x[0].size
        self.x[start : start + x.size] = x.ravel()
        self.y[block * BLOCK :][: y.size] = y.ravel()

    def run(
        self, passes: list[tuple[int, int, bool]], lr: float = 0.0, clip_norm: float | None = None
    ) -> np.ndarray:
        """Make the passes; their losses."""
        losses = np.empty(len(passes), np.float32)
        limit = np.float32(np.inf if clip_norm is None else clip_norm)
        data = self.x, self.y, self.predictions
        run(
            np.array(passes, np.int64),
            losses,
            *data,
            self.model,
            self.work,
            self.tables,
            self.sizes,
            float(lr),
            limit,
            self.use_relu,
        )
        return losses

    def named(self, flat: np.ndarray) -> dict[str, np.ndarray]:
        """The flat numbers under the names and in the shapes of the weights."""
        parts = np.split(flat[: self.tables[0][-1]], self.tables[0][1:-1])
        # What bits a nan has differs between CPUs: give it one value.
        return {
            name: np.where(np.isnan(part), np.float32(np.nan), part).reshape(w.shape)
            for (name, w), part in zip(self.weights.items(), parts, strict=True)
        }


def train_replicate(
    weights: dict[str, np.ndarray],
    x_train: np.ndarray,
    y_train: np.ndarray,
    x_test: np.ndarray,
    y_test: np.ndarray,
    *,
    nonlinearity: str,
    epochs: int,
    lr: float,
    batch_size: int | None,
    clip_norm: float | None,
    eval_every: int,
    rng: np.random.Generator,
    on_progress: Callable[[int, float], None] = ignore,
) -> TrainedReplicate:
    """Train one replicate."""
    N, M = len(x_train), len(x_test)
    train_blocks, test_blocks = -(-N // BLOCK), -(-M // BLOCK)
    batch = train_blocks + test_blocks  # the block at which mini-batches start
    size = N if batch_size is None else min(batch_size, N)
    batch_blocks = 0 if batch_size is None else -(-size // BLOCK)
    at_once = max(1, train_blocks // batch_blocks) if batch_blocks else 1
    replicate = Replicate(weights, nonlinearity, x_train.shape[1], batch + at_once * batch_blocks)
    replicate.put(0, x_train, y_train)
    replicate.put(train_blocks, x_test, y_test)

    train_mse = np.full(epochs + 1, np.nan, np.float32)
    test_mse = train_mse.copy()

    def evaluated(e: int) -> bool:
        return e % eval_every == 0 or e == epochs

    def run_epochs(first: int, last: int) -> None:
        """The epochs first, ... last - 1; epoch `epochs` is the final evaluation."""
        passes = []
        for e in range(first, last):
            if evaluated(e):
                passes.append((train_blocks, M, False))
            passes.append((0, N, batch_size is None and e < epochs))
        losses = iter(replicate.run(passes, lr, clip_norm))
        for e in range(first, last):
            if evaluated(e):
                test_mse[e] = next(losses)
            train_mse[e] = next(losses)

    def run_batches() -> None:
        order = rng.permutation(N)
        for group in range(0, N, at_once * size):
            passes = []
            for start in range(group, min(group + at_once * size, N), size):
                chosen = order[start : start + size]
                block = batch + len(passes) * batch_blocks
                replicate.put(block, x_train[chosen], y_train[chosen])
                passes.append((block, len(chosen), True))
            replicate.run(passes, lr, clip_norm)

    report_every = max(1, min(100, epochs // 20))
    for first in range(0, epochs, report_every):
        last = min(first + report_every, epochs)
        if batch_size is None:
            run_epochs(first, last)
        else:
            for e in range(first, last):
                run_epochs(e, e + 1)
                run_batches()
        on_progress(last - first, float(train_mse[last - 1]))
    run_epochs(epochs, epochs + 1)
    return TrainedReplicate(replicate.named(replicate.model[0]), train_mse, test_mse)


def predict(weights: dict[str, np.ndarray], x: np.ndarray, nonlinearity: str) -> np.ndarray:
    """The model's outputs (N, 1) float32 for x (N, T, I), by the kernel's forward pass."""
    N = len(x)
    replicate = Replicate(weights, nonlinearity, x.shape[1], -(-N // BLOCK))
    replicate.put(0, x, np.zeros((N, 1), np.float32))
    replicate.run([(0, N, False)])
    return replicate.predictions[:N].reshape(N, 1)


def memory_needed(
    *, hidden_size: int, num_layers: int, samples: int, steps: int, inputs: int, batch_size: int | None = None
) -> int:
    """The bytes that training one replicate takes at its peak, beside the data set itself.

    `samples` counts the training and the test set together, `steps` is the sequence length T. Predicting takes less.
    """
    rows = hidden_size + PAD
    weights = hidden_size * (inputs + hidden_size + 2) + (num_layers - 1) * hidden_size * (
        2 * hidden_size + 2
    )
    sums = LANES * num_layers * rows * 2 * max(rows, inputs + GRADIENT_COLUMNS)
    activations = num_layers * (steps + STEPS) * rows * BLOCK
    blocks = samples // BLOCK + 2
    if batch_size is not None:
        blocks += max(samples // BLOCK + 1, -(-batch_size // BLOCK))
    data = 4 * blocks * BLOCK * (steps * (inputs + 1) + 2)  # the blocks, and three copies on the way to them
    return 4 * (8 * weights + sums + activations + data)


class UnsupportedPlatformError(RuntimeError):
    """Numba cannot compile the exact trainer here, or what it compiles is wrong; the message is one line."""


def check_platform() -> None:
    """Compile the kernel, or load it from the cache, and train the smallest network with it.

    Raises:
        UnsupportedPlatformError: on a CPU or platform that Numba cannot serve.
    """
    one = {
        "rnn.weight_ih_l0": (1, 1),
        "rnn.weight_hh_l0": (1, 1),
        "rnn.bias_ih_l0": (1,),
        "rnn.bias_hh_l0": (1,),
    }
    shapes = one | {"linear.weight": (1, 1), "linear.bias": (1,)}
    weights = {name: np.full(shape, 0.5, np.float32) for name, shape in shapes.items()}
    x = np.ones((1, 1, 1), np.float32)
    try:
        prediction = predict(weights, x, "relu")[0, 0]  # 0.5 relu(0.5 x + 0.5 + 0.5) + 0.5
    except Exception as error:
        line = " ".join(str(error).split())[:200]
        raise UnsupportedPlatformError(f"Numba cannot compile the exact trainer here: {line}") from error
    if prediction != 1.25:
        raise UnsupportedPlatformError(f"the exact trainer computes {prediction} here where 1.25 is right")


def gradients(
    weights: dict[str, np.ndarray], x: np.ndarray, y: np.ndarray, nonlinearity: str
) -> dict[str, np.ndarray]:
    """The gradient of the mean squared error by each weight, before clipping."""
    replicate = Replicate(weights, nonlinearity, x.shape[1], -(-len(x) // BLOCK))
    replicate.put(0, x, y)
    replicate.run([(0, len(x), True)])
    return replicate.named(replicate.gradient)
