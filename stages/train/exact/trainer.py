"""The exact trainer: trains one replicate in one thread, with the same bytes on every CPU."""

import copy
import functools
from collections.abc import Callable, Iterable, Iterator
from importlib import import_module
from typing import NamedTuple

import numpy as np

from stages.architecture import GATES, Architecture
from stages.data import Dataset, Weights
from stages.train.exact import adam, head, layout
from stages.train.exact.cell import Cell
from stages.train.exact.compiled import arithmetic, compiled, compiled_and_kept
from stages.train.exact.layout import BLOCK, Net, get_weights, one_nan, put_weights
from stages.train.exact.recurrent import gradient, recurrent_layers
from stages.train.training import Training, TrainState


class Pass(NamedTuple):
    """What is done at a time: going over as many samples, x (blocks, T, D+1, 128) and y (blocks, 128), and a step.

    `start`, of a mini-batch: the samples order[start : start + samples] are copied to x and y first.
    `mse`: where the mean squared error goes; the last place is for what nobody asks for.
    """

    x: int
    y: int
    samples: int
    step: bool = False
    start: int = -1
    mse: int = -1


PASS = np.dtype([(name, np.int64) for name in Pass._fields])


# By the names of `GATES`. A cell's file is called so, up to an underscore.
CELLS: dict[str, Cell] = {
    name: getattr(import_module(f"stages.train.exact.{name.split('_')[0]}"), name.upper()) for name in GATES
}
# All sources are imported: now, before a file of a process that lives on can change, they are what is compiled.
arithmetic()


@functools.cache
def compiled_trainer(cell: str) -> Callable:
    """Compile the training of one cell's networks, and no other's."""
    KEPT = CELLS[cell].kept
    add_biases, forward, backward = recurrent_layers(CELLS[cell], GATES[cell])

    # One function: LLVM takes as long again for each that calls the one before.
    @compiled_and_kept
    def run(memory, net, layers, optimizer, order, passes, mse):  # type: ignore[no-untyped-def]
        """Make the passes, an array of PASS; order (N,), the samples of mini-batches; mse, float32, written."""
        top = net.kept + (net.L * (net.T + 1) - 1) * KEPT * net.P * BLOCK  # h of the last layer's last step
        for p in range(len(passes)):
            x, y, count, step = passes[p].x, passes[p].y, passes[p].samples, passes[p].step
            if passes[p].start >= 0:
                gather(memory, net, order, passes[p].start, count)
            add_biases(memory, net, layers)
            memory[net.sums : net.predictions] = 0
            total = 0.0
            for first in range(0, count, BLOCK):
                x_block = x + first * net.T * (net.D + 1)
                predictions = net.predictions + first
                forward(memory, net, layers, x_block)
                head.forward(memory, layers[net.L], top, predictions)
                total = head.loss(memory, total, predictions, y + first, count - first, count, net.error)
                if step:
                    head.backward(memory, layers[net.L], top, net.error)
                    backward(memory, net, layers, x_block)
            if step:
                gradient(memory, net, layers)
                adam.step(memory, net, optimizer)
            mse[passes[p].mse] = total / count

    return run


@compiled
def gather(memory, net, order, start, count):  # type: ignore[no-untyped-def]
    """Copy the samples order[start : start + count] to x_batch and y_batch; the last fills its block up."""
    size = net.T * (net.D + 1) * BLOCK
    for s in range((count + BLOCK - 1) // BLOCK * BLOCK):
        n = order[start + (s if s < count else count - 1)]
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
    mse = np.concatenate((*state.losses_until(until), np.zeros(1, np.float32)))
    rng = copy.deepcopy(state.rng)

    def passes_of(epoch: int) -> Iterator[Pass]:
        """The errors after so many epochs, and the next epoch's steps; of the whole data set, the step measures."""
        if measured[epoch]:
            yield Pass(net.x_test, net.y_test, net.M, mse=until + 1 + epoch)
        yield Pass(net.x_train, net.y_train, net.N, step=net.B == 0 and epoch < until, mse=epoch)
        if net.B > 0 and epoch < until:
            for start in range(0, net.N, net.B):
                yield Pass(net.x_batch, net.y_batch, min(net.B, net.N - start), True, start)

    def run(epochs: Iterable[int], order: np.ndarray) -> None:
        passes = np.fromiter((one for epoch in epochs for one in passes_of(epoch)), PASS)
        compiled_trainer(architecture.cell)(memory, net, layers, optimizer, order, passes, mse)

    if net.B > 0:
        for epoch in range(state.epoch, until):
            run([epoch], rng.permutation(net.N))
    else:
        run(range(state.epoch, until), np.arange(0))
    if until == training.epochs:
        run([until], np.arange(0))
    steps = state.steps + (until - state.epoch) * (-(-net.N // net.B) if net.B > 0 else 1)
    weights, mean, square = (
        get_weights(memory, at, architecture) for at in (net.weights, net.mean, net.square)
    )
    train_mse, test_mse = np.split(one_nan(mse[:-1]), 2)
    return TrainState(until, steps, weights, mean, square, rng, train_mse, test_mse)


def predict(weights: Weights, x: np.ndarray, architecture: Architecture) -> np.ndarray:
    """Return the outputs (N, 1) float32 for x (N, T, D), the forward pass that training uses."""
    dataset = Dataset(x, np.zeros((len(x), 1), np.float32), x[:0], np.zeros((0, 1), np.float32))
    memory, net, layers = prepare(architecture, weights, dataset, None)
    passes = np.array([Pass(net.x_train, net.y_train, net.N)], PASS)
    unused, mse = adam.Adam(0.0, np.float32(np.inf), np.ones(2)), np.zeros(1, np.float32)
    compiled_trainer(architecture.cell)(memory, net, layers, unused, np.arange(0), passes, mse)
    return one_nan(memory[net.predictions :][: len(x), np.newaxis])


def memory_needed(architecture: Architecture, training: Training, dataset: Dataset) -> int:
    """Return the bytes that training one replicate takes at its peak, beside the data set."""
    net = layout.lay_out(architecture, CELLS[architecture.cell], dataset, training.batch_size)
    # Beside the memory: the state, or the samples on their way to it; and the passes of an epoch, as they are listed.
    copies = max(net.y_train - net.x_train, net.y_test - net.x_test, 8 * architecture.parameters())
    passes = 2 * PASS.itemsize * (-(-net.N // net.B) if net.B > 0 else 0)
    return 4 * (net.end + 2 * copies) + passes


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
