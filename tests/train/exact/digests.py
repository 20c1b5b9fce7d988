"""Fingerprints of small training runs and of special values, to compare between CPU targets and over time.

As a program, prints them as JSON: `python -m tests.train.exact.digests`.
"""

import hashlib
import json
from typing import Any

import numpy as np
from numba import njit

from stages.architecture import Architecture
from stages.train.exact.activations import (
    gate,
    relu,
    relu_backward,
    sigmoid,
    sigmoid_backward,
    tanh,
    tanh_backward,
)
from stages.train.exact.layout import one_nan
from stages.train.exact.trainer import advance, predict
from stages.train.exact.vector import LANES, load, store
from stages.train.training import TrainState
from tests.train.cases import TRAINING, begin, mean_task

# Sizes that fill no tile, block or batch, and some that do; small, since without FMA it is 60 times slower.
# Each is the network, steps, samples, what differs from TRAINING, and the scale of the initial weights.
RUNS: dict[str, tuple[Architecture, int, int, dict[str, Any], float]] = {
    "tanh": (Architecture("rnn_tanh", 1, 16, 1), 5, 131, {}, 1),
    "relu": (Architecture("rnn_relu", 2, 16, 2), 4, 128, {}, 1),
    "one": (Architecture("rnn_tanh", 1, 1, 1), 1, 1, {}, 1),
    "odd": (Architecture("rnn_tanh", 5, 7, 3), 9, 129, {"eval_every": 2}, 1),
    "clipped": (Architecture("rnn_tanh", 1, 5, 2), 3, 31, {"clip_norm": 0.01}, 1),
    "batches": (Architecture("rnn_tanh", 1, 9, 1), 6, 45, {"batch_size": 16, "clip_norm": 0.1}, 1),
    "vanishing": (Architecture("rnn_tanh", 1, 4, 1), 60, 3, {}, 0.01),
    "gru": (Architecture("gru", 2, 7, 2), 5, 131, {"batch_size": 100, "clip_norm": 0.01}, 1),
    "lstm": (Architecture("lstm", 2, 7, 2), 5, 131, {"batch_size": 100, "clip_norm": 0.01}, 1),
    "saturated gru": (Architecture("gru", 1, 4, 1), 20, 3, {}, 100),
    "saturated lstm": (Architecture("lstm", 1, 4, 1), 20, 3, {}, 100),
    "diverged": (Architecture("rnn_relu", 1, 6, 1), 30, 20, {"lr": 50}, 1),
}


@njit
def _on_vectors(x, y, results):  # type: ignore[no-untyped-def]
    for i in range(0, x.size, LANES):
        a, b = load(x, i), load(y, i)
        store(results[0], i, tanh(a))
        store(results[1], i, relu(a))
        store(results[2], i, tanh_backward(a, b))
        store(results[3], i, relu_backward(a, b))
        store(results[4], i, sigmoid(a))
        store(results[5], i, gate(a))
        store(results[6], i, sigmoid_backward(a, b))


def special_values() -> np.ndarray:
    """The nonlinearities of zeros, denormals, extremes, infinities and nan, and of ordinary numbers."""
    special = [0.0, 1e-45, 1e-40, 1.2e-38, 1e-37, 3e-5, 1.0, 8.664339, 3.4e38, np.inf, np.nan]
    values = np.array([*special, *np.arange(1, 54) ** 2 / 300], np.float32)
    x = np.concatenate([values, -values])
    results = np.empty((7, x.size), np.float32)
    _on_vectors(x, x[::-1].copy(), results)
    return one_nan(results)


def train(run: str) -> tuple[TrainState, np.ndarray]:
    """Train for three epochs; also the predictions after that, for the test data and the training data."""
    architecture, steps, samples, changes, scale = RUNS[run]
    dataset, training = mean_task(samples, steps, architecture.input_size), TRAINING._replace(**changes)
    state = advance(begin(architecture, scale=scale), dataset, architecture, training, 3)
    return state, predict(state.weights, np.concatenate([dataset.x_test, dataset.x_train]), architecture)


def digest(arrays: list[np.ndarray]) -> str:
    """The first half of the SHA-256 of the arrays' bytes."""
    return hashlib.sha256(b"".join(array.tobytes() for array in arrays)).hexdigest()[:32]


def digests() -> dict[str, str]:
    """The digest of everything, by name."""
    special = special_values()
    result = {"special values": digest([special[:4]]), "special values of gates": digest([special[4:]])}
    for name in RUNS:
        state, predictions = train(name)
        result[name] = digest([*state.weights.values(), state.train_mse, state.test_mse, predictions])
    return result


if __name__ == "__main__":
    print(json.dumps(digests(), indent=4))
