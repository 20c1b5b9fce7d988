"""The tasks: what is to be predicted from a sequence."""

import numpy as np

from stages.files import Dataset


def mean_of_sequence(x: np.ndarray) -> np.ndarray:
    """Return the mean of each sequence: (N, T, 1) -> (N, 1), float32.

    The numbers are multiples of 2**-24, so their float64 sum is exact and the order of addition is no matter.
    """
    return x.astype(np.float64).mean(axis=1).astype(np.float32)


TASKS = {"mean": mean_of_sequence}


def sequences(rng: np.random.Generator, num_samples: int, seq_length: int) -> np.ndarray:
    """Return uniform numbers in [0, 1): (num_samples, seq_length, 1), float32."""
    return rng.random((num_samples, seq_length, 1), dtype=np.float32)


def make_dataset(
    task: str,
    num_samples: int,
    test_samples: int,
    seq_length: int,
    train_rng: np.random.Generator,
    test_rng: np.random.Generator,
) -> Dataset:
    """Return training and test data, each from its own generator, so that neither's size moves the other."""
    x_train = sequences(train_rng, num_samples, seq_length)
    x_test = sequences(test_rng, test_samples, seq_length)
    return Dataset(x_train, TASKS[task](x_train), x_test, TASKS[task](x_test))
