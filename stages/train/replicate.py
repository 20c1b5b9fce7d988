"""What training one replicate gives, whichever engine does it."""

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import numpy as np

from stages.data import Weights

# Called with the epochs done since the last call and the training MSE.
OnProgress: TypeAlias = Callable[[int, float], None]


class TrainedReplicate(NamedTuple):
    """Weights after the last epoch, and losses float32 (epochs + 1,); entry e is after e epochs.

    `test_mse` is nan where it was not measured.
    """

    weights: Weights
    train_mse: np.ndarray
    test_mse: np.ndarray


def ignore(epochs: int, train_mse: float) -> None:
    """Report no progress."""


def measured_epochs(epochs: int, eval_every: int) -> np.ndarray:
    """Return bool (epochs + 1,): after which epochs the test MSE is measured; always after the last."""
    measured = np.arange(epochs + 1) % eval_every == 0
    measured[-1] = True
    return measured
