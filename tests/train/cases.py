"""Small networks, data and settings to train."""

import numpy as np

from stages.architecture import Architecture
from stages.data import Dataset
from stages.train.training import Training, TrainState, start

TRAINING = Training(epochs=3, lr=0.01, batch_size=None, clip_norm=None, eval_every=1)


def mean_task(samples: int, steps: int, inputs: int = 1, seed: int = 1) -> Dataset:
    """So many sequences of numbers in [0, 1) to train on, and three to test on, and their means."""
    x = np.random.default_rng(seed).random((samples + 3, steps, inputs)).astype(np.float32)
    y = x.mean(axis=(1, 2), dtype=np.float64).astype(np.float32)[:, np.newaxis]
    return Dataset(x[3:], y[3:], x[:3], y[:3])


def begin(architecture: Architecture, seed: int = 0, scale: float = 1.0) -> TrainState:
    """A replicate before its first epoch, its weights drawn by `seed` and times `scale`."""
    state = start(architecture, seed)
    random, bound = np.random.default_rng(seed), scale * architecture.hidden_size**-0.5
    weights = {
        name: (bound * (2 * random.random(shape) - 1)).astype(np.float32)
        for name, shape in architecture.shapes().items()
    }
    return state._replace(weights=weights, rng=np.random.default_rng(2))


def content(state: TrainState) -> list[object]:
    """Everything in a state, to compare by ==."""
    arrays = [*state.weights.values(), *state.mean.values(), *state.square.values(), *state[-2:]]
    return [state.epoch, state.steps, state.rng.bit_generator.state, *(array.tobytes() for array in arrays)]
