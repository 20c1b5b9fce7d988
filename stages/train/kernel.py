"""The exact trainer: trains one replicate in one thread, with the same bytes on every CPU.

The arithmetic is in passes.py; here weights and samples are laid out for it and results are given names
again.
"""

import numpy as np

from stages.data import Weights
from stages.train.passes import BLOCK, GRADIENT_COLUMNS, GRADIENT_ROWS, PAD, ROWS, STEPS, run
from stages.train.replicate import OnProgress, TrainedReplicate, ignore, measured_epochs
from stages.train.vector import LANES


class UnsupportedPlatformError(RuntimeError):
    """Numba cannot compile the exact trainer here, or what it compiles is wrong; the message is one line."""


def train_replicate(
    weights: Weights,
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
    on_progress: OnProgress = ignore,
) -> TrainedReplicate:
    """Train one replicate with Adam on the mean squared error; releases the GIL while it computes.

    Args:
        weights: float32, by the names and in the shapes of the PyTorch module's state_dict; not changed.
        x_train: sequences to train on, (N, T, D) float32.
        y_train: their targets, (N, 1) float32.
        x_test: sequences to measure the test MSE on, (M, T, D) float32.
        y_test: their targets, (M, 1) float32.
        nonlinearity: "tanh" or "relu".
        epochs: passes over the training set, each one step of Adam, or one a mini-batch.
        lr: Adam's step size; its betas are 0.9 and 0.999 and its epsilon is 1e-8.
        batch_size: samples a mini-batch; None for the whole training set.
        clip_norm: the norm that the gradient of all weights together is cut to; None to leave it.
        eval_every: test_mse is computed at the epochs that this divides, and at the last.
        rng: with mini-batches, draws one permutation of the N samples an epoch.
        on_progress: called some 20 times a run, and every second or so.

    Returns:
        The trained weights and the losses. Training that diverges gives inf and nan, as IEEE 754 has them.
    """
    N, M = len(x_train), len(x_test)
    size = N if batch_size is None else min(batch_size, N)
    test, batch = count_blocks(N), count_blocks(N) + count_blocks(M)  # where test set and mini-batches start
    # As many mini-batches are laid out at once as take the place of the training set.
    at_once = 0 if batch_size is None else max(1, count_blocks(N) // count_blocks(size))
    replicate = Replicate(weights, nonlinearity, x_train.shape[1], batch + at_once * count_blocks(size))
    replicate.put(0, x_train, y_train)
    replicate.put(test, x_test, y_test)

    measured = measured_epochs(epochs, eval_every)
    train_mse = np.full(epochs + 1, np.nan, np.float32)
    test_mse = train_mse.copy()

    def run_epochs(first: int, last: int) -> None:
        """Evaluate before the epochs first, ... last - 1, and step where an epoch is one step."""
        passes: list[tuple[int, int, bool]] = []
        into: list[tuple[np.ndarray, int]] = []
        for epoch in range(first, last):
            if measured[epoch]:
                passes.append((test, M, False))
                into.append((test_mse, epoch))
            passes.append((0, N, batch_size is None and epoch < epochs))
            into.append((train_mse, epoch))
        for (losses, epoch), loss in zip(into, replicate.run(passes, lr, clip_norm), strict=True):
            losses[epoch] = loss

    def run_mini_batches() -> None:
        """One epoch's steps."""
        order = rng.permutation(N)
        for group in range(0, N, at_once * size):
            passes: list[tuple[int, int, bool]] = []
            for start in range(group, min(group + at_once * size, N), size):
                chosen, block = order[start : start + size], batch + len(passes) * count_blocks(size)
                replicate.put(block, x_train[chosen], y_train[chosen])
                passes.append((block, len(chosen), True))
            replicate.run(passes, lr, clip_norm)

    # Some twenty reports a run, and one a second or so: an interrupt is noticed when progress is reported.
    multiply_adds = 3 * N * x_train.shape[1] * sum(w.size for w in weights.values())
    report_every = max(1, min(100, epochs // 20, 30_000_000_000 // multiply_adds))
    for first in range(0, epochs, report_every):
        last = min(first + report_every, epochs)
        if batch_size is None:
            run_epochs(first, last)
        else:
            for epoch in range(first, last):
                run_epochs(epoch, epoch + 1)
                run_mini_batches()
        on_progress(last - first, float(train_mse[last - 1]))
    run_epochs(epochs, epochs + 1)
    return TrainedReplicate(replicate.named(replicate.model[0]), train_mse, test_mse)


def predict(weights: Weights, x: np.ndarray, nonlinearity: str) -> np.ndarray:
    """The model's outputs (N, 1) float32 for x (N, T, D), the forward pass that training uses."""
    replicate = Replicate(weights, nonlinearity, x.shape[1], count_blocks(len(x)))
    replicate.put(0, x, np.zeros((len(x), 1), np.float32))
    replicate.run([(0, len(x), False)])
    return one_nan(replicate.predictions[: len(x), np.newaxis])


def gradients(weights: Weights, x: np.ndarray, y: np.ndarray, nonlinearity: str) -> Weights:
    """The gradient of the mean squared error over x (N, T, D) and y (N, 1) by each weight, unclipped."""
    replicate = Replicate(weights, nonlinearity, x.shape[1], count_blocks(len(x)))
    replicate.put(0, x, y)
    replicate.run([(0, len(x), True)])
    return replicate.named(replicate.model[1])


def memory_needed(
    *, hidden_size: int, num_layers: int, samples: int, steps: int, inputs: int, batch_size: int | None = None
) -> int:
    """The bytes that training one replicate takes at its peak, beside the data set; predicting takes less.

    `samples` counts training and test set together; `steps` is the sequence length, `inputs` the input size.
    """
    weights = hidden_size * (inputs + hidden_size + 2) + (num_layers - 1) * hidden_size * (
        2 * hidden_size + 2
    )
    rows = hidden_size + PAD
    sums = LANES * rows * (num_layers * (rows + GRADIENT_COLUMNS) * 2 + inputs)
    activations = num_layers * (steps + STEPS) * rows * BLOCK
    blocks = count_blocks(samples) + 1
    if batch_size is not None:
        blocks += max(blocks, count_blocks(batch_size))
    # The blocks, and what is copied on the way to them.
    data = 4 * blocks * BLOCK * (steps * (inputs + 1) + 1)
    return 4 * (8 * weights + sums + activations + data)


def check_platform() -> None:
    """Compile the kernel, or load it from the cache, and compute one prediction with it.

    Raises:
        UnsupportedPlatformError: on a CPU or platform that Numba cannot serve.
    """
    names = ("rnn.weight_ih_l0", "rnn.weight_hh_l0", "rnn.bias_ih_l0", "rnn.bias_hh_l0")
    weights = {name: np.full((1, 1)[: 2 - ("bias" in name)], 0.5, np.float32) for name in names}
    weights |= {"linear.weight": np.full((1, 1), 0.5, np.float32), "linear.bias": np.full(1, 0.5, np.float32)}
    try:
        prediction = predict(weights, np.ones((1, 1, 1), np.float32), "relu")
    except Exception as error:  # Numba and LLVM have many
        reason = " ".join(str(error).split())[:200]
        raise UnsupportedPlatformError(f"Numba cannot compile the exact trainer here: {reason}") from error
    if prediction[0, 0] != 1.25:  # 0.5 (0.5 + 0.5 + 0.5) + 0.5
        raise UnsupportedPlatformError(
            f"the exact trainer computes {prediction[0, 0]} here where 1.25 is right"
        )


class Replicate:
    """One replicate's weights, samples and working memory, as passes.py wants them."""

    def __init__(self, weights: Weights, nonlinearity: str, steps: int, blocks: int) -> None:
        """Lay out the weights, and room for so many blocks of samples of so many steps."""
        H, D = weights["rnn.weight_ih_l0"].shape
        L = sum(name.startswith("rnn.weight_hh_l") for name in weights)
        # In the order that the tables below count on; a file may have kept another.
        kinds = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        names = [f"rnn.{kind}_l{layer}" for layer in range(L) for kind in kinds]
        self.weights = {name: weights[name] for name in (*names, "linear.weight", "linear.bias")}
        P = round_up(H + 1, PAD)
        self.sizes = steps, D, H, L, P
        self.use_relu = {"tanh": False, "relu": True}[nonlinearity]

        # Where each tensor starts in the flat weights, and in the sums of its gradient: start, width, rows,
        # columns.
        starts = np.cumsum([0] + [w.size for w in self.weights.values()], dtype=np.int64)
        tensors, size = [], 0
        for layer in range(L + 1):
            rows, K = (H if layer < L else 1), (D if layer == 0 else H)
            width = round_up(K + 1, GRADIENT_COLUMNS)
            weight, bias = (size, width, rows, K), (size + K * LANES, width, rows, 1)
            size += round_up(rows, GRADIENT_ROWS) * width * LANES
            if layer < L:
                width = round_up(H, GRADIENT_COLUMNS)
                tensors += [weight, (size, width, H, H), bias, bias]  # two biases, one gradient
                size += round_up(H, GRADIENT_ROWS) * width * LANES
            else:
                tensors += [weight, bias]
        self.tables = starts, np.array(tensors)

        n = round_up(int(starts[-1]), LANES)
        flat = zeros(n + ROWS * max(H, D))  # the last tile of rows reads beyond the last weight
        flat[: starts[-1]] = np.concatenate([w.ravel() for w in self.weights.values()])
        self.model = flat, zeros(n), zeros(n), zeros(n), np.ones(2)
        slack = GRADIENT_COLUMNS * BLOCK  # likewise the last tile of columns
        hidden, d = zeros(L * steps * P * BLOCK + slack), zeros(L * STEPS * P * BLOCK)
        self.work = zeros(L * P), hidden, d, zeros(BLOCK), zeros(size)
        self.x = zeros(blocks * steps * (D + 1) * BLOCK + slack)
        self.y, self.predictions = zeros(blocks * BLOCK), zeros(blocks * BLOCK)

    def put(self, block: int, x: np.ndarray, y: np.ndarray) -> None:
        """Copy samples x (n, T, D) and y (n, 1) to the blocks from `block` on."""
        ones = np.ones((*x.shape[:2], 1), np.float32)
        x, y = to_blocks(np.concatenate([x, ones], axis=2)), to_blocks(y)
        self.x[block * x[0].size :][: x.size] = x.ravel()
        self.y[block * BLOCK :][: y.size] = y.ravel()

    def run(
        self, passes: list[tuple[int, int, bool]], lr: float = 0.0, clip_norm: float | None = None
    ) -> np.ndarray:
        """Make the passes (block, samples, whether to step); returns the mean squared error of each."""
        losses = np.empty(len(passes), np.float32)
        limit = np.float32(np.inf if clip_norm is None else clip_norm)
        samples, options = (self.x, self.y, self.predictions), (float(lr), limit, self.use_relu)
        run(
            np.array(passes, np.int64),
            losses,
            *samples,
            self.model,
            self.work,
            self.tables,
            self.sizes,
            *options,
        )
        return one_nan(losses)

    def named(self, flat: np.ndarray) -> Weights:
        """A copy of the flat numbers under the names and in the shapes of the weights."""
        starts = self.tables[0]
        parts = np.split(one_nan(flat[: starts[-1]]), starts[1:-1])
        return {
            name: part.reshape(w.shape) for (name, w), part in zip(self.weights.items(), parts, strict=True)
        }


def zeros(size: int) -> np.ndarray:
    """`size` float32 zeros that start on a cache line, so that no vector lies across two."""
    memory = np.zeros(size + LANES, np.float32)
    start = -(memory.ctypes.data // memory.itemsize) % LANES
    return memory[start : start + size]


def to_blocks(samples: np.ndarray) -> np.ndarray:
    """Samples (n, ...) as blocks (ceil(n / 128), ..., 128), the last filled with copies."""
    index = np.minimum(np.arange(count_blocks(len(samples)) * BLOCK), len(samples) - 1)
    return np.moveaxis(samples[index].reshape(-1, BLOCK, *samples.shape[1:]), 1, -1)


def one_nan(values: np.ndarray) -> np.ndarray:
    """A copy in which every nan has the same bits: CPUs differ in which nan an operation gives."""
    return np.where(np.isnan(values), np.float32(np.nan), values)


def count_blocks(samples: int) -> int:
    """The number of blocks that so many samples take."""
    return -(-samples // BLOCK)


def round_up(n: int, multiple: int) -> int:
    """The least multiple that is not less than n."""
    return -(-n // multiple) * multiple
