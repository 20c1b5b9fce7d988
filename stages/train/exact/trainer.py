"""The exact trainer: trains one replicate in one thread, with the same bytes on every CPU."""

import copy
import functools
from collections.abc import Callable

import numpy as np

from stages.architecture import GATES, Architecture
from stages.data import Dataset, Weights
from stages.train.exact import adam, head, layout
from stages.train.exact.compiled import compiled, compiled_and_kept
from stages.train.exact.gru import GRU
from stages.train.exact.layout import BLOCK, Net, get_weights, one_nan, put_weights
from stages.train.exact.lstm import LSTM
from stages.train.exact.recurrent import gradient, recurrent_layers
from stages.train.exact.rnn import RNN_RELU, RNN_TANH
from stages.train.training import Training, TrainState

CELLS = {"rnn_tanh": RNN_TANH, "rnn_relu": RNN_RELU, "gru": GRU, "lstm": LSTM}


@functools.cache
def compiled_trainer(cell: str) -> Callable:
    """Compile the training of one cell's networks, and no other's."""
    KEPT = CELLS[cell].kept
    add_biases, forward, backward = recurrent_layers(CELLS[cell], GATES[cell])

    @compiled
    def pass_over(memory, net, layers, x, y, count, optimizer):  # type: ignore[no-untyped-def]
        """The mean squared error of `count` samples, x (blocks, T, D+1, 128) and y (blocks, 128), and then a step."""
        top = net.kept + (net.L * (net.T + 1) - 1) * KEPT * net.P * BLOCK  # h of the last layer's last step
        add_biases(memory, net, layers)
        memory[net.sums : net.predictions] = 0
        total = 0.0
        for first in range(0, count, BLOCK):
            x_block = x + first * net.T * (net.D + 1)
            predictions = net.predictions + first
            forward(memory, net, layers, x_block)
            head.forward(memory, layers[net.L], top, predictions)
            total = head.loss(memory, total, predictions, y + first, count - first, count, net.error)
            if optimizer.lr != 0:
                head.backward(memory, layers[net.L], top, net.error)
                backward(memory, net, layers, x_block)
        if optimizer.lr != 0:
            gradient(memory, net, layers)
            adam.step(memory, net, optimizer)
        return total / count

    @compiled_and_kept
    def run(memory, net, layers, optimizer, order, measured, first, last, train_mse, test_mse):  # type: ignore[no-untyped-def]
        """Train from epoch `first` to `last`; where these are one, measure both errors.

        order (N,): the samples of an epoch's mini-batches; measured, bool: where test_mse is.
        """
        measure = adam.Adam(0.0, optimizer.clip_norm, optimizer.powers)
        x_train, y_train, N = net.x_train, net.y_train, net.N
        for epoch in range(first, last):
            if measured[epoch]:
                test_mse[epoch] = pass_over(memory, net, layers, net.x_test, net.y_test, net.M, measure)
            if net.B == 0:
                train_mse[epoch] = pass_over(memory, net, layers, x_train, y_train, N, optimizer)
            else:
                train_mse[epoch] = pass_over(memory, net, layers, x_train, y_train, N, measure)
                for start in range(0, N, net.B):
                    count = min(net.B, N - start)
                    gather(memory, net, order, start, count)
                    pass_over(memory, net, layers, net.x_batch, net.y_batch, count, optimizer)
        if first == last:
            test_mse[last] = pass_over(memory, net, layers, net.x_test, net.y_test, net.M, measure)
            train_mse[last] = pass_over(memory, net, layers, x_train, y_train, N, measure)

    return run


@compiled
def gather(memory, net, order, start, count):  # type: ignore[no-untyped-def]
    """Copy the samples order[start : start + count] to x_batch and y_batch; the last fills its block up."""
    size = net.T * (net.D + 1) * BLOCK
    for s in range((count + BLOCK - 1) // BLOCK * BLOCK):
        n = order[start + min(s, count - 1)]
        memory[net.y_batch + s] = memory[net.y_train + n]
        to = net.x_batch + s // BLOCK * size + s % BLOCK
        source = net.x_train + n // BLOCK * size + n % BLOCK
        for row in range(0, size, BLOCK):
            memory[to + row] = memory[source + row]


def advance(
    state: TrainState, dataset: Dataset, architecture: Architecture, training: Training, until: int
) -> TrainState:
    """Return the state after `until` epochs, at most `training.epochs`; releases the GIL while it computes.

    Training that diverges gives inf and nan, as IEEE 754 has them.
    """
    memory, net, layers = prepare(architecture, state.weights, dataset, training.batch_size)
    put_weights(memory, net.mean, state.mean, architecture)
    put_weights(memory, net.square, state.square, architecture)
    clip_norm = np.float32(np.inf if training.clip_norm is None else training.clip_norm)
    optimizer = adam.Adam(float(training.lr), clip_norm, adam.powers_after(state.steps))
    measured = training.measured(np.arange(until + 1))
    train_mse, test_mse = state.losses_until(until)
    rng = copy.deepcopy(state.rng)

    def run(first: int, last: int, order: np.ndarray) -> None:
        compiled_trainer(architecture.cell)(
            memory, net, layers, optimizer, order, measured, first, last, train_mse, test_mse
        )

    if net.B > 0:
        for epoch in range(state.epoch, until):
            run(epoch, epoch + 1, rng.permutation(net.N))
    elif state.epoch < until:
        run(state.epoch, until, np.arange(0))
    if until == training.epochs:
        run(until, until, np.arange(0))
    steps = state.steps + (until - state.epoch) * (-(-net.N // net.B) if net.B > 0 else 1)
    weights, mean, square = (
        get_weights(memory, at, architecture) for at in (net.weights, net.mean, net.square)
    )
    return TrainState(until, steps, weights, mean, square, rng, one_nan(train_mse), one_nan(test_mse))


def predict(weights: Weights, x: np.ndarray, architecture: Architecture) -> np.ndarray:
    """Return the outputs (N, 1) float32 for x (N, T, D), the forward pass that training uses."""
    dataset = Dataset(x, np.zeros((len(x), 1), np.float32), x[:0], np.zeros((0, 1), np.float32))
    memory, net, layers = prepare(architecture, weights, dataset, None)
    optimizer = adam.Adam(0.0, np.float32(np.inf), np.ones(2))
    losses, measured, order = np.zeros(1, np.float32), np.zeros(1, bool), np.arange(0)
    compiled_trainer(architecture.cell)(memory, net, layers, optimizer, order, measured, 0, 0, losses, losses)
    return one_nan(memory[net.predictions :][: len(x), np.newaxis])


def memory_needed(architecture: Architecture, training: Training, dataset: Dataset) -> int:
    """Return the bytes that training one replicate takes at its peak, beside the data set."""
    net = layout.lay_out(architecture, CELLS[architecture.cell], dataset, training.batch_size)
    # Beside the memory: the state, or the samples on their way to it.
    copies = max(net.y_train - net.x_train, net.y_test - net.x_test, 8 * architecture.parameters())
    return 4 * (net.end + 2 * copies)


def check_platform(cell: str) -> None:
    """Compile the training of this cell, or load it from the cache, and compute one prediction with it.

    Raises:
        RuntimeError: LLVM cannot compile for this CPU.
    """
    architecture = Architecture(cell, 1, 1, 1)
    weights = {name: np.zeros(shape, np.float32) for name, shape in architecture.shapes().items()}
    predict(weights, np.ones((1, 1, 1), np.float32), architecture)


def prepare(
    architecture: Architecture, weights: Weights, dataset: Dataset, batch_size: int | None
) -> tuple[np.ndarray, Net, np.ndarray]:
    """Return memory for training, with the weights and samples in it, and where all lies there."""
    cell = CELLS[architecture.cell]
    net = layout.lay_out(architecture, cell, dataset, batch_size)
    memory = layout.allocate(net.end)
    before_first = memory[net.kept : net.d].reshape(net.L, net.T + 1, cell.kept, net.P, BLOCK)[:, 0]
    before_first[:, 0, net.H] = 1
    put_weights(memory, net.weights, weights, architecture)
    layout.put_samples(memory, net.x_train, net.y_train, dataset.x_train, dataset.y_train)
    layout.put_samples(memory, net.x_test, net.y_test, dataset.x_test, dataset.y_test)
    return memory, net, layout.layers_of(architecture, cell, net)
