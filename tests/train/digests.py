"""Fingerprints of small training runs and of special values, to compare between CPU targets and over time.

As a program, prints them as JSON: `python -m tests.train.digests`.
"""

import hashlib
import json

import numpy as np
from numba import njit

from stages.train.activations import relu, relu_backward, tanh, tanh_backward
from stages.train.kernel import one_nan, predict, train_replicate
from stages.train.replicate import TrainedReplicate
from stages.train.vector import LANES, load, store

# Sizes that fill no tile, block or batch, and some that do; small, since without FMA it is 60 times slower.
# Each is hidden size, layers, steps, inputs, samples, and what differs from the defaults in `digest`.
RUNS: dict[str, tuple[tuple[int, int, int, int, int], dict]] = {
    "tanh": ((16, 1, 5, 1, 131), {}),
    "relu": ((16, 2, 4, 2, 128), {"nonlinearity": "relu"}),
    "one": ((1, 1, 1, 1, 1), {}),
    "odd": ((7, 3, 9, 5, 129), {"eval_every": 2}),
    "clipped": ((5, 2, 3, 1, 31), {"clip_norm": 0.01}),
    "batches": ((9, 1, 6, 1, 45), {"batch_size": 16, "clip_norm": 0.1}),
    "vanishing": ((4, 1, 60, 1, 3), {"scale": 0.01}),
    "diverged": ((6, 1, 30, 1, 20), {"nonlinearity": "relu", "lr": 50}),
}


def initial_weights(
    hidden: int, layers: int, inputs: int, seed: int = 0, scale: float = 1.0
) -> dict[str, np.ndarray]:
    """Weights as nn.RNN and nn.Linear draw them, by names and shapes of their state_dict; times `scale`."""
    shapes: dict[str, tuple[int, ...]] = {}
    for layer in range(layers):
        shapes[f"rnn.weight_ih_l{layer}"] = (hidden, hidden if layer else inputs)
        shapes[f"rnn.weight_hh_l{layer}"] = (hidden, hidden)
        shapes[f"rnn.bias_ih_l{layer}"] = shapes[f"rnn.bias_hh_l{layer}"] = (hidden,)
    shapes |= {"linear.weight": (1, hidden), "linear.bias": (1,)}
    random, bound = np.random.default_rng(seed), scale * hidden**-0.5
    return {
        name: (bound * (2 * random.random(shape) - 1)).astype(np.float32) for name, shape in shapes.items()
    }


def mean_task(samples: int, steps: int, inputs: int, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Sequences x (samples, steps, inputs) of numbers in [0, 1), and their means y (samples, 1)."""
    x = np.random.default_rng(seed).random((samples, steps, inputs)).astype(np.float32)
    return x, x.mean(axis=(1, 2), dtype=np.float64).astype(np.float32)[:, np.newaxis]


@njit
def _on_vectors(x, y, results):  # type: ignore[no-untyped-def]
    for i in range(0, x.size, LANES):
        a, b = load(x, i), load(y, i)  # type: ignore[call-arg, var-annotated]
        store(results[0], i, tanh(a))
        store(results[1], i, relu(a))
        store(results[2], i, tanh_backward(a, b))
        store(results[3], i, relu_backward(a, b))


def special_values() -> np.ndarray:
    """The nonlinearities of zeros, denormals, extremes, infinities and nan, and of ordinary numbers."""
    special = [0.0, 1e-45, 1e-40, 1.2e-38, 1e-37, 3e-5, 1.0, 8.664339, 3.4e38, np.inf, np.nan]
    values = np.array([*special, *np.arange(1, 54) ** 2 / 300], np.float32)
    x = np.concatenate([values, -values])
    results = np.empty((4, x.size), np.float32)
    _on_vectors(x, x[::-1].copy(), results)
    return one_nan(results)


def train(size: tuple[int, int, int, int, int], options: dict) -> tuple[TrainedReplicate, np.ndarray]:
    """Train for three epochs; also the predictions after that."""
    hidden, layers, steps, inputs, samples = size
    options = {
        "nonlinearity": "tanh",
        "lr": 0.01,
        "batch_size": None,
        "clip_norm": None,
        "eval_every": 1,
    } | options
    weights = initial_weights(hidden, layers, inputs, scale=options.pop("scale", 1.0))
    x, y = mean_task(samples + 3, steps, inputs)
    split = x[3:], y[3:], x[:3], y[:3]
    trained = train_replicate(weights, *split, epochs=3, rng=np.random.default_rng(2), **options)
    return trained, predict(trained.weights, x, options["nonlinearity"])


def digest(arrays: list[np.ndarray]) -> str:
    """The SHA-256 of the arrays' bytes."""
    return hashlib.sha256(b"".join(array.tobytes() for array in arrays)).hexdigest()


def digests() -> dict[str, str]:
    """The name and SHA-256 of everything."""
    result = {"special values": digest([special_values()])}
    for name, run in RUNS.items():
        trained, predictions = train(*run)
        result[name] = digest([*trained.weights.values(), trained.train_mse, trained.test_mse, predictions])
    return result


if __name__ == "__main__":
    print(json.dumps(digests(), indent=4))
