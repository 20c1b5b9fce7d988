"""The data: its shapes, its targets, its bytes."""

import hashlib
from fractions import Fraction

import numpy as np

from stages.data import Dataset
from stages.generate import mean
from stages.generate.tasks import make_dataset
from stages.streams import stream


def dataset(num_samples: int, test_samples: int) -> Dataset:
    rngs = stream(0, "training data"), stream(0, "test data")
    return make_dataset("mean", num_samples, test_samples, 20, *rngs)


def test_shapes_and_range() -> None:
    data = dataset(1000, 500)
    assert [(a.shape, a.dtype) for a in data] == [
        ((1000, 20, 1), np.float32),
        ((1000, 1), np.float32),
        ((500, 20, 1), np.float32),
        ((500, 1), np.float32),
    ]
    assert 0 <= data.x_train.min() < 0.001
    assert 0.999 < data.x_train.max() < 1
    # The constant predictor's MSE is Var(U) / T = 1 / (12 * 20).
    np.testing.assert_allclose(data.y_train.var(), 1 / 240, rtol=0.1)


def test_target_is_the_exact_mean_rounded_once() -> None:
    x = dataset(50, 1).x_train
    exact = [[np.float32(float(sum(map(Fraction, row.ravel().tolist())) / 20))] for row in x]
    np.testing.assert_array_equal(mean.targets(x), exact)


def test_neither_sets_size_moves_the_other() -> None:
    small, large = dataset(10, 10), dataset(20, 10)
    np.testing.assert_array_equal(small.x_test, large.x_test)
    np.testing.assert_array_equal(small.x_train, large.x_train[:10])
    assert not np.array_equal(small.x_train, small.x_test)


def test_bytes_never_change() -> None:
    content = b"".join(array.tobytes() for array in dataset(1000, 1000))
    assert (
        hashlib.sha256(content).hexdigest()
        == "0c9e2c05aac61bdb64de72aa8a003c969f66d4439846310b24b4641cc27db2ca"
    )
