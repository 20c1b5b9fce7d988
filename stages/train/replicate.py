"""What training one replicate gives, whichever engine does it."""

from typing import NamedTuple

import numpy as np

from stages.files import Weights


class TrainedReplicate(NamedTuple):
    """Weights after the last epoch, and losses float32 (epochs + 1,); entry e is after e epochs.

    `test_mse` is nan where it was not measured.
    """

    weights: Weights
    train_mse: np.ndarray
    test_mse: np.ndarray


def measured_epochs(epochs: int, eval_every: int) -> np.ndarray:
    """Return bool (epochs + 1,): after which epochs the test MSE is measured; always after the last."""
    measured = np.arange(epochs + 1) % eval_every == 0
    measured[-1] = True
    return measured
