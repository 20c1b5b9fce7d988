"""The task `adding`: say the sum of the two numbers that are marked.

Hochreiter and Schmidhuber (1997, Neural Computation 9, 1735, section 5.4), in the form of Bai, Kolter and Koltun
(2018, arXiv 1803.01271, appendix A): numbers in [0, 1), the two marks anywhere, the sum not scaled.
"""

import numpy as np

from stages.params import DataParams

INPUT_SIZE = 2  # a number and its mark a step

# What the reports say of it.
TRUE_LABEL, PREDICTED_LABEL = "true sum of the two marked numbers", "predicted sum"


def sequences(rng: np.random.Generator, num_samples: int, data: DataParams) -> np.ndarray:
    """Return uniform numbers in [0, 1) and marks, 1 at two places and else 0: (num_samples, T, 2), float32."""
    # A row is all that its sequence takes, so that the number of sequences moves none.
    T = data.seq_length
    drawn = rng.random((num_samples, T + 2), dtype=np.float32)
    # The numbers are multiples of 2**-24, so that no product rounds up to T.
    first, second = (drawn[:, T + i].astype(np.float64) * (T - i) for i in range(2))
    places = np.stack([first, second], axis=1).astype(np.intp)
    places[:, 1] += places[:, 1] >= places[:, 0]
    marks = np.zeros((num_samples, T), np.float32)
    np.put_along_axis(marks, places, 1, axis=1)
    return np.stack([drawn[:, :T], marks], axis=2)


def targets(x: np.ndarray, data: DataParams) -> np.ndarray:
    """Return the sum of each sequence's marked numbers: (N, T, 2) -> (N, 1), float32.

    The numbers are multiples of 2**-24, so their float64 sum is exact and the order of addition is no matter.
    """
    return (x[:, :, 0].astype(np.float64) * x[:, :, 1]).sum(axis=1, keepdims=True).astype(np.float32)


def note(data: DataParams) -> str:
    """Return what the report says of how hard the task is."""
    return (
        "Answering 1, the mean of all such sums, has an MSE of 1/6. Which two numbers count depends on the marks, so "
        f"that a linear function of the sequence explains 2 / {data.seq_length} of that at best."
    )
