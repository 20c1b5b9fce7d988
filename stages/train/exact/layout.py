"""Where everything lies that one replicate's training works on: weights, samples and working memory.

It is one flat array of float32, `memory`, since vectors are loaded from anywhere in it; a `Net` says where in it
everything starts. The letters: T steps, D inputs, H hidden units, L layers, N samples to train on, M to test on.

Samples are taken in blocks of 128, eight vectors of 16 lanes; a lane is a sample. A block that the samples do not
fill is filled with copies of the last one, whose errors are set to zero: a copy overflows only where its original
does. After a layer's outputs comes a row of ones, as it does after the inputs: a bias is a weight of one, and its
gradient falls out of the same product. What the last tile of a product reads or leaves beyond its rows is never used
but to compute more of the same.
"""

import itertools
import math
from collections import namedtuple

import numpy as np

from stages.architecture import Architecture
from stages.data import Dataset, Weights
from stages.train.exact.cell import Cell
from stages.train.exact.compiled import target
from stages.train.exact.vector import LANES

BLOCK = 128  # samples; part of the result
STEPS = 4  # whose gradients are added up in registers; part of the result

# Tiles: how many sums are in flight at once. They decide speed, not bits. The 32 registers of 16 lanes that
# AVX-512 has hold 16 or 24 sums and what goes into them; the 16 registers of 8 lanes of AVX2 hold 4 to 6.
WIDE = "+avx512f" in target()[2]
ROWS, COLUMNS = (4, 4) if WIDE else (4, 1)  # features x vectors of samples
GRADIENT_ROWS, GRADIENT_COLUMNS = (8, 3) if WIDE else (3, 2)  # features x features
TILES = math.lcm(ROWS, GRADIENT_ROWS)

# The sizes; the rows of a step, P of one array that a cell keeps and Q of the gradients by z; and where the arrays of
# `lay_out` start.
Net = namedtuple(
    "Net",
    "T D H L N M B P Q weights gradient mean square bias kept d carried tile error sums predictions x_train y_train "
    "x_test y_test x_batch y_batch beyond end",
)

# Where a parameter is and its size; where the sums of its gradient are, and how many lie in a row.
TENSOR = np.dtype([(name, np.int64) for name in ("at", "rows", "columns", "sums", "width")])
KINDS = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
LAYER = np.dtype([(kind, TENSOR) for kind in KINDS])


def lay_out(architecture: Architecture, cell: Cell, dataset: Dataset, batch_size: int | None) -> Net:
    """Return where everything lies in memory for training on a data set."""
    _, D, H, L = architecture
    (N, T, _), M = dataset.x_train.shape, len(dataset.x_test)
    rows = architecture.gates * H
    B = 0 if batch_size is None else min(batch_size, N)
    P, Q = round_up(H + 1, TILES), cell.products * rows + TILES
    n = round_up(architecture.parameters(), LANES)
    train, test, batch = count_blocks(N), count_blocks(M), count_blocks(B)
    shapes = {
        "weights": (n,),  # in the order of Architecture.shapes
        "gradient": (n,),
        "mean": (n,),
        "square": (n,),
        "bias": (
            L,
            cell.products,
            H,
            architecture.gates,
        ),  # of one product the sum of both, of two each its own
        "kept": (L, T + 1, cell.kept, P, BLOCK),  # [:, 0] is before the first step
        "d": (L, STEPS, Q, BLOCK),  # the gradient by z; step t has place t modulo STEPS
        "carried": (L, cell.carried, P, BLOCK),
        "tile": (cell.products * max(ROWS, architecture.gates), COLUMNS, LANES),
        "error": (BLOCK,),  # the gradient by the predictions
        "sums": (_sums(rows, D) + (2 * L - 1) * _sums(rows, H) + _sums(1, H),),  # of the gradients
        "predictions": (max(train, test), BLOCK),
        "x_train": (train, T, D + 1, BLOCK),
        "y_train": (train, BLOCK),
        "x_test": (test, T, D + 1, BLOCK),
        "y_test": (test, BLOCK),
        "x_batch": (batch, T, D + 1, BLOCK),
        "y_batch": (batch, BLOCK),
        "beyond": (max(ROWS * max(H, D), GRADIENT_COLUMNS * BLOCK),),  # what the last tile may read
    }
    ends = itertools.accumulate(round_up(math.prod(shape), LANES) for shape in shapes.values())
    starts = dict(zip((*shapes, "end"), (0, *ends), strict=True))
    return Net(T, D, H, L, N, M, B, P, Q, **starts)


def layers_of(architecture: Architecture, cell: Cell, net: Net) -> np.ndarray:
    """Return an array (L + 1,) of LAYER; the last is the output layer, which has no W_hh."""
    layers, shapes = np.zeros(net.L + 1, LAYER), architecture.shapes()
    at, sums = net.weights, net.sums
    for layer in range(net.L):
        K = net.H if layer else net.D
        ih, hh = (sums, _width(K)), (sums + _sums(architecture.gates * net.H, K), _width(net.H))
        # A bias is the last column of its product.
        b_ih, b_hh = (sums + K * LANES, _width(K)), (hh[0] + net.H * LANES, _width(net.H))
        for kind, of in zip(KINDS, (ih, hh, b_ih, b_hh if cell.products == 2 else b_ih), strict=True):
            rows, columns = (*shapes[f"rnn.{kind}_l{layer}"], 1)[:2]
            layers[layer][kind] = (at, rows, columns, *of)
            at += rows * columns
        sums = hh[0] + _sums(architecture.gates * net.H, net.H)
    layers[net.L]["weight_ih"] = (at, 1, net.H, sums, _width(net.H))
    layers[net.L]["bias_ih"] = (at + net.H, 1, 1, sums + net.H * LANES, _width(net.H))
    return layers


def _sums(rows: int, columns: int) -> int:
    """Return the size of the sums of a product's gradient, in whole tiles, with a bias behind each row."""
    return round_up(rows, GRADIENT_ROWS) * _width(columns) * LANES


def _width(columns: int) -> int:
    return round_up(columns + 1, GRADIENT_COLUMNS)


def allocate(size: int) -> np.ndarray:
    """Return `size` float32 zeros that start on a cache line, so that no vector lies across two."""
    memory = np.zeros(size + LANES, np.float32)
    start = -(memory.ctypes.data // memory.itemsize) % LANES
    return memory[start : start + size]


def put_samples(memory: np.ndarray, x_at: int, y_at: int, x: np.ndarray, y: np.ndarray) -> None:
    """Copy samples x (n, T, D) and y (n, 1) to blocks."""
    n, T, D = x.shape
    blocks = count_blocks(n)
    index = np.minimum(np.arange(blocks * BLOCK), n - 1)
    to = memory[x_at:][: blocks * T * (D + 1) * BLOCK].reshape(blocks, T, D + 1, BLOCK)
    to[:, :, :D] = np.moveaxis(x[index].reshape(blocks, BLOCK, T, D), 1, -1)
    to[:, :, D] = 1
    memory[y_at:][: blocks * BLOCK] = y[index, 0]


def put_weights(memory: np.ndarray, at: int, weights: Weights, architecture: Architecture) -> None:
    """Copy named arrays, whatever their order."""
    flat = np.concatenate([weights[name].ravel() for name in architecture.shapes()])
    memory[at:][: flat.size] = flat


def get_weights(memory: np.ndarray, at: int, architecture: Architecture) -> Weights:
    """Return copies of arrays by their names."""
    shapes = architecture.shapes()
    ends = list(itertools.accumulate(math.prod(shape) for shape in shapes.values()))
    parts = np.split(one_nan(memory[at:][: ends[-1]]), ends[:-1])
    return {name: part.reshape(shape) for (name, shape), part in zip(shapes.items(), parts, strict=True)}


def one_nan(values: np.ndarray) -> np.ndarray:
    """Return a copy in which every nan has the same bits: CPUs differ in which nan an operation gives."""
    return np.where(np.isnan(values), np.float32(np.nan), values)


def count_blocks(samples: int) -> int:
    """Return the number of blocks that so many samples take."""
    return -(-samples // BLOCK)


def round_up(n: int, multiple: int) -> int:
    """Return the least multiple that is not less than n."""
    return -(-n // multiple) * multiple
