"""Training one replicate, whichever engine does it: the settings, the state between two epochs, and its start."""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from stages.architecture import Architecture
from stages.data import Weights
from stages.params import Params
from stages.streams import stream


class Training(NamedTuple):
    """How a network is trained: Adam on the mean squared error, with betas 0.9 and 0.999 and epsilon 1e-8."""

    epochs: int  # passes over the training data
    lr: float  # Adam's step size
    batch_size: int | None  # samples a step; None for all of them
    clip_norm: float | None  # largest norm of the gradient of all weights together; None for no limit
    eval_every: int  # epochs between two measurements of the test MSE

    def measured(self, epoch: ArrayLike) -> np.ndarray:
        """Tell after which of these numbers of epochs the test MSE is measured; always after the last."""
        epoch = np.asarray(epoch)
        return (epoch % self.eval_every == 0) | (epoch == self.epochs)


def training_of(name: str, params: Params) -> Training:
    """Return how the model of this name is trained, by params.yaml."""
    train, series = params.train, params.data.forecast
    lr = params.models[name].lr or (series and series.lr.get(name)) or train.lr
    return Training(train.epochs, lr, train.batch_size, train.clip_norm, train.eval_every)


class TrainState(NamedTuple):
    """One replicate between two epochs; an engine's `advance` takes one and returns the next.

    Entry e of the losses, float32 (epoch + 1,), is after e epochs. The step that follows measures the training MSE,
    so that the last entries are nan until `epoch` is the training's last; the test MSE is nan where it is not measured.
    """

    epoch: int  # epochs that are done
    steps: int  # of Adam
    weights: Weights
    mean: Weights  # Adam's first moment
    square: Weights  # Adam's second moment
    rng: np.random.Generator  # with mini-batches, draws one permutation of the samples an epoch
    train_mse: np.ndarray
    test_mse: np.ndarray

    def losses_until(self, epoch: int) -> tuple[np.ndarray, np.ndarray]:
        """Return copies of what is known of train_mse and test_mse, (epoch + 1,), nan from this epoch on."""
        rest = np.full(epoch + 1 - self.epoch, np.nan, self.train_mse.dtype)
        return np.append(self.train_mse[: self.epoch], rest), np.append(self.test_mse[: self.epoch], rest)


def start(architecture: Architecture, seed: int, model: str = "", replicate: int = 0) -> TrainState:
    """Return a replicate of the model of this name before its first epoch, with streams of its own.

    Every parameter is drawn from U(-1/sqrt(H), 1/sqrt(H)), as `nn.RNN` and, on H inputs, `nn.Linear` are (their
    documentation, "Variables"), in the module's order. PyTorch's own initialisation gives other bits on other CPUs;
    `Generator.random` and one multiplication do not.
    """
    weights_rng, batches_rng = (
        stream(seed, purpose, model, replicate) for purpose in ("initial weights", "batches")
    )
    bound = 1 / math.sqrt(architecture.hidden_size)
    weights = {
        # 2u - 1 is exact, so there is no sum for a compiler to fuse with the product.
        name: (bound * (2 * weights_rng.random(shape) - 1)).astype(np.float32)
        for name, shape in architecture.shapes().items()
    }
    mean, square = ({name: np.zeros_like(array) for name, array in weights.items()} for _ in range(2))
    unknown = np.full(1, np.nan, np.float32)
    return TrainState(0, 0, weights, mean, square, batches_rng, unknown, unknown.copy())
