"""The baselines, against NumPy's own."""

import numpy as np
import pytest

from stages.data import Dataset
from stages.evaluate.baselines import constant_mse, least_squares_mse
from stages.generate.tasks import draw
from stages.params import DataParams
from stages.results import Split


def rng(seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


def mean_task(num_samples: int) -> Dataset:
    return draw(DataParams(task="mean", num_samples=num_samples, test_samples=100, seq_length=20, seed=0))


def test_constant_predictor_knows_only_the_training_mean() -> None:
    x, y = np.zeros((4, 2, 1), np.float32), np.array([[0], [1], [2], [3]], np.float32)
    assert constant_mse(Dataset(x, y, x, y + 1)) == Split(test=2.25, train=1.25)


def test_least_squares_is_numpys() -> None:
    x_train, x_test = (rng(seed).random((50, 6, 2)).astype(np.float32) for seed in (1, 2))
    y_train, y_test = (rng(seed).random((50, 1)).astype(np.float32) for seed in (3, 4))
    train, test = (np.column_stack([x.reshape(50, 12), np.ones(50)]).astype(float) for x in (x_train, x_test))
    coefficients = np.linalg.lstsq(train, y_train.astype(float), rcond=None)[0]
    expected = ((test @ coefficients - y_test) ** 2).mean(), ((train @ coefficients - y_train) ** 2).mean()
    assert least_squares_mse(Dataset(x_train, y_train, x_test, y_test)) == pytest.approx(expected, rel=1e-9)


def test_least_squares_solves_the_mean_task() -> None:
    # What is left is the rounding of the targets to float32: at most half of 2^-24 each.
    assert max(least_squares_mse(mean_task(200)) or [1]) < 2.0**-50


def test_too_few_sequences_determine_no_line() -> None:
    assert least_squares_mse(mean_task(10)) is None
