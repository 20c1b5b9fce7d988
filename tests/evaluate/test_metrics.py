"""The numbers that are reviewed, against NumPy and by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from stages.evaluate import metrics
from stages.files import Dataset

Y = np.array([[0.0], [1.0], [2.0], [3.0]], np.float32)
X = np.zeros((4, 2, 1), np.float32)
DATA = Dataset(X, Y, X, Y + 1)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(
    hnp.arrays(np.float32, st.tuples(st.integers(1, 9), st.just(3)), elements=st.floats(0, 1e6, width=32)),
    st.sampled_from([0.25, 0.5, 0.75]),
)
def test_quantile_is_numpys_on_finite_losses(values: np.ndarray, q: float) -> None:
    expected = np.quantile(values.astype(np.float64), q, axis=0)
    np.testing.assert_allclose(metrics.quantile(values, q), expected, rtol=1e-12)


def test_quantile_counts_diverged_as_worst() -> None:
    values = np.array([1.0, np.nan, 2.0, np.inf, 3.0])
    assert metrics.quantile(values, 0.5) == 3
    assert metrics.quantile(values, 0.25) == 2
    assert metrics.quantile(values, 0.75) == np.inf
    assert metrics.quantile(np.array([1.0, np.inf]), 0.5) == np.inf


def test_nearest_median_is_the_first_of_equals_and_survives_divergence() -> None:
    assert metrics.nearest_median(np.array([5.0, 1.0, 3.0, 3.0])) == 2
    assert metrics.nearest_median(np.array([1.0, 2.0])) == 0
    assert metrics.nearest_median(np.array([np.nan, 4.0, 2.0])) == 1
    assert metrics.nearest_median(np.array([4.0, np.inf, np.nan])) == 1


def test_constant_predictor_knows_only_the_training_mean() -> None:
    train_mse, test_mse = metrics.constant_mse(DATA)
    assert train_mse == 1.25
    assert test_mse == 1.25 + 1


def test_diverged_is_not_finite_or_twice_the_constant() -> None:
    mse = np.array([np.nan, np.inf, 2.6, 2.5, 0.0])
    assert metrics.diverged(mse, 1.25).tolist() == [True, True, True, False, False]


def test_r2_of_a_constant_target_is_undefined() -> None:
    assert metrics.r2(np.array([0.0, 1.25, 2.5]), Y).tolist() == [1, 0, -1]
    assert np.isnan(metrics.r2(np.array([0.0]), np.ones((3, 1), np.float32))).all()


def test_model_metrics() -> None:
    train_mse, test_mse = np.array([0.1, 0.2, 9.0]), np.array([0.1, 0.125, 0.3])
    assert metrics.model_metrics(train_mse, test_mse, DATA, parameters=7, solved_r2=0.9) == {
        "parameters": 7,
        "train_mse": 0.2,
        "test_mse": 0.125,
        "r2": pytest.approx(0.9),
        "solved": pytest.approx(2 / 3),
        "diverged": 1,
    }
