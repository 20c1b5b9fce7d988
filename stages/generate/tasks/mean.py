"""The task `mean`: predict the mean of a sequence of uniform numbers."""

import numpy as np

from stages.params import DataParams

INPUT_SIZE = 1  # numbers a step

# What the reports say of it.
TRUE_LABEL, PREDICTED_LABEL = "true mean of the sequence", "predicted mean"


def sequences(rng: np.random.Generator, num_samples: int, data: DataParams) -> np.ndarray:
    """Return uniform numbers in [0, 1): (num_samples, seq_length, 1), float32."""
    return rng.random((num_samples, data.seq_length, 1), dtype=np.float32)


def targets(x: np.ndarray, data: DataParams) -> np.ndarray:
    """Return the mean of each sequence: (N, T, 1) -> (N, 1), float32.

    The numbers are multiples of 2**-24, so their float64 sum is exact and the order of addition is no matter.
    """
    return x.astype(np.float64).mean(axis=1).astype(np.float32)


def note(data: DataParams) -> str:
    """Return what the report says of how hard the task is."""
    return (
        "A mean is a linear function of the sequence, so least squares, where there are sequences enough, solves this "
        "task up to rounding: a network that has not solved it was let down by its training, not by the task."
    )
