"""What the replicates of one model came to, epoch by epoch."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from stages.data import Losses, losses_path, maker, read_losses
from stages.errors import InputError
from stages.evaluate import statistics
from stages.params import Params
from stages.results import Baseline, Split
from stages.train.training import Training


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


def checked_losses(name: str, replicates: int, training: Training) -> Losses:
    """Return the losses of a model.

    Raises:
        InputError: they are of another number of replicates, or measured after other epochs, than params.yaml says.
    """
    losses, epochs = read_losses(name), training.epochs
    found, allowed = losses.train_mse.shape, (replicates, epochs + 1)
    problem = None
    if found != allowed:
        problem = f"found {found[0]} replicates x {found[1]} rows, allowed: {allowed[0]} x {allowed[1]}"
    elif (losses.measured != training.measured(np.arange(epochs + 1))).any():
        problem = (
            f"found test_mse after {losses.measured.sum()} of the epochs 0 to {epochs}, "
            f"allowed: every {training.eval_every} and the last"
        )
    if problem:
        raise InputError(
            f"{losses_path(name)}: {problem} as params.yaml says; `dvc repro {maker(name)}` makes it"
        )
    return losses


def has_diverged(mse: Mapping[str, np.ndarray], baseline: Baseline) -> np.ndarray:
    """Tell by the MSEs of the parts, "test" and "train", which replicates have diverged by either."""
    of_parts = [statistics.diverged(mse[part], getattr(baseline.mean, part)) for part in Split._fields]
    return np.logical_or(*of_parts)


def outcomes(losses: Losses, baseline: Baseline, solved_r2: float) -> Outcomes:
    """Return what `losses` say at the epochs where both were measured.

    Args:
        losses: of one model.
        baseline: the constant predictor's MSE, which divergence is measured by, and the variance of the targets.
        solved_r2: the R2 on the test data from which on a replicate has solved the task.
    """
    epochs = np.flatnonzero(losses.measured)
    train, test = (mse[:, epochs].astype(np.float64) for mse in (losses.train_mse, losses.test_mse))
    diverged = has_diverged({"train": train, "test": test}, baseline)
    train, test = (np.where(diverged, np.inf, mse) for mse in (train, test))
    r2 = statistics.r2(test, baseline.variance.test)
    solved = np.zeros(test.shape, bool) if r2 is None else r2 >= solved_r2
    return Outcomes(epochs, train, test, solved, diverged)


def compared_epochs(params: Params) -> list[int]:
    """Return the epochs to compare at: those of `evaluate.at_epochs`, rounded down to a measured one, and the last.

    What falls on the start, beyond the last epoch or on another of them is left out.
    """
    last, every = params.train.epochs, params.train.eval_every
    earlier = {epoch // every * every for epoch in params.evaluate.at_epochs}
    return [*sorted(epoch for epoch in earlier if 0 < epoch < last), last]
