"""What the replicates of one model came to, epoch by epoch."""

from typing import NamedTuple

import numpy as np

from stages.evaluate import statistics
from stages.files import Dataset, Losses


class Outcomes(NamedTuple):
    """Losses of one model at the epochs where the test MSE was measured.

    `epochs` is (E,); `train` and `test` are float64 (replicates, E), inf where a replicate has diverged by then;
    `solved` and `diverged` are bool of the same shape.
    """

    epochs: np.ndarray
    train: np.ndarray
    test: np.ndarray
    solved: np.ndarray
    diverged: np.ndarray

    def at(self, epoch: int) -> "Outcomes":
        """Return the outcomes at one epoch, whose arrays lose their last axis."""
        column = int(np.searchsorted(self.epochs, epoch))
        return Outcomes(self.epochs[column], *(array[:, column] for array in self[1:]))


def outcomes(losses: Losses, dataset: Dataset, constant: tuple[float, float], solved_r2: float) -> Outcomes:
    """Return what `losses` say at the epochs where both were measured.

    Args:
        losses: of one model.
        dataset: what they were measured on.
        constant: training and test MSE of the constant predictor, which divergence is measured by.
        solved_r2: the R2 on the test data from which on a replicate has solved the task.

    """
    epochs = np.flatnonzero(losses.measured)
    train, test = (mse[:, epochs].astype(np.float64) for mse in (losses.train_mse, losses.test_mse))
    diverged = statistics.diverged(train, constant[0]) | statistics.diverged(test, constant[1])
    train, test = (np.where(diverged, np.inf, mse) for mse in (train, test))
    r2 = statistics.r2(test, float(dataset.y_test.astype(np.float64).var()))
    solved = np.zeros(test.shape, bool) if r2 is None else r2 >= solved_r2
    return Outcomes(epochs, train, test, solved, diverged)


def comparison_epochs(at_epochs: list[int], eval_every: int, epochs: int) -> list[int]:
    """Return the epochs to compare at besides the last, each rounded down to one that is measured.

    What falls on the start, on the last epoch, beyond it or on another of them is left out.
    """
    rounded = {epoch // eval_every * eval_every for epoch in at_epochs}
    return sorted(epoch for epoch in rounded if 0 < epoch < epochs)
