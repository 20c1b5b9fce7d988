"""The task `mean`: predict the mean of a sequence of uniform numbers."""

import numpy as np

# What the reports say of it.
TRUE_LABEL, PREDICTED_LABEL = "true mean of the sequence", "predicted mean"
NOTE = (
    "A mean is a linear function of the sequence, so least squares, where there are sequences enough, solves this "
    "task up to rounding: a network that has not solved it was let down by its training, not by the task."
)


def sequences(rng: np.random.Generator, num_samples: int, seq_length: int) -> np.ndarray:
    """Return uniform numbers in [0, 1): (num_samples, seq_length, 1), float32."""
    return rng.random((num_samples, seq_length, 1), dtype=np.float32)


def targets(x: np.ndarray) -> np.ndarray:
    """Return the mean of each sequence: (N, T, 1) -> (N, 1), float32.

    The numbers are multiples of 2**-24, so their float64 sum is exact and the order of addition is no matter.
    """
    return x.astype(np.float64).mean(axis=1).astype(np.float32)
