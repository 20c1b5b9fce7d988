"""Outcomes, metrics and tables: from losses to what is reviewed."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from stages.errors import InputError
from stages.evaluate import curves, metrics
from stages.evaluate.outcomes import Outcomes, comparison_epochs, outcomes
from stages.evaluate.predictions import (
    check_against_losses,
    check_against_torch,
    of_median_replicate,
    predictions,
)
from stages.files import Dataset, Losses
from stages.generate.tasks import make_dataset
from stages.streams import stream
from stages.train.initial import initial_weights

Y = np.array([[0.0], [1.0], [2.0], [3.0]], np.float32)  # of variance 1.25, which the constant predictor has
X = np.zeros((4, 2, 1), np.float32)
DATA = Dataset(X, Y, X, Y)
CONSTANT = (1.25, 1.25)
LOSSES = Losses(
    np.array([[1, 1, 0.1], [1, 1, 1], [1, 1, np.nan], [1, 9, 1]], np.float32),
    np.array([[1, np.nan, 0.1], [1, np.nan, 2.6], [1, np.nan, 1], [1, np.nan, 0.125]], np.float32),
    np.array([True, False, True]),
)


def some_outcomes() -> Outcomes:
    return outcomes(LOSSES, DATA, CONSTANT, solved_r2=0.9)


def test_outcomes_are_those_of_measured_epochs_and_diverged_is_worst() -> None:
    found = some_outcomes()
    assert found.epochs.tolist() == [0, 2]
    last = found.at(2)
    assert last.diverged.tolist() == [False, True, True, False]
    assert last.train.tolist() == pytest.approx([0.1, np.inf, np.inf, 1])
    assert last.test.tolist() == pytest.approx([0.1, np.inf, np.inf, 0.125])
    assert last.solved.tolist() == [True, False, False, True]


def test_a_constant_target_is_never_solved() -> None:
    flat = DATA._replace(y_test=np.ones((4, 1), np.float32))
    assert not outcomes(LOSSES, flat, CONSTANT, solved_r2=0.9).solved.any()


@pytest.mark.parametrize(
    ("at_epochs", "expected"), [([100], [100]), ([105, 109], [100]), ([9], []), ([1000, 2000], []), ([], [])]
)
def test_comparison_epochs_are_on_the_grid_and_before_the_last(
    at_epochs: list[int], expected: list[int]
) -> None:
    assert comparison_epochs(at_epochs, eval_every=10, epochs=1000) == expected


def weights(hidden_size: int, num_layers: int, replicates: int = 1) -> dict[str, np.ndarray]:
    drawn = [
        initial_weights(
            stream(0, "initial weights", "any", r),
            input_size=1,
            hidden_size=hidden_size,
            num_layers=num_layers,
            nonlinearity="tanh",
        )
        for r in range(replicates)
    ]
    return {name: np.stack([one[name] for one in drawn]) for name in drawn[0]}


def test_the_control_matches_stacked_in_parameters_and_in_work() -> None:
    sizes = [weights(32, 1), weights(32, 2), weights(55, 1)]
    assert [metrics.parameters(w) for w in sizes] == [1153, 3265, 3246]
    assert [metrics.multiply_adds(w, 20) for w in sizes] == [21_152, 62_112, 61_655]


def test_model_metrics_by_hand() -> None:
    variance = {"test": 1.25, "train": 1.25}
    found = metrics.model_metrics(some_outcomes().at(0), variance, np.random.default_rng(0))
    assert found["test"] == {
        "median": 1.0,
        "r2": pytest.approx(0.2),
        "iqm": 1.0,
        "iqm_low": 1.0,
        "iqm_high": 1.0,
    }
    last = metrics.model_metrics(some_outcomes().at(2), variance, np.random.default_rng(0))
    assert (last["solved"], last["diverged"]) == (0.5, 0.5)
    assert last["test"]["iqm"] == np.inf
    json.dumps(found, allow_nan=False)


def test_a_pair_of_clear_winners_is_better_and_its_reverse_worse() -> None:
    values = np.arange(20.0)
    none = np.zeros(20, bool)
    low, high = (
        Outcomes(np.array(0), v, v, none | s, none) for v, s in ((values, True), (values + 100, False))
    )
    levels = {"test": 0.95, "train": 0.99}
    better, worse = metrics.pair_metrics(low, high, levels), metrics.pair_metrics(high, low, levels)
    assert (better["test"]["p"], better["test"]["verdict"]) == (1, "better")
    assert (worse["train"]["p"], worse["train"]["verdict"], worse["train"]["level"]) == (0, "worse", 0.99)
    assert better["solved_difference"] == 1
    assert "detectable" not in better["test"]
    same = metrics.pair_metrics(low, low, levels)["test"]
    assert (same["p"], same["verdict"]) == (0.5, "inconclusive")
    assert same["detectable"] == pytest.approx(0.75, abs=0.01)


def test_one_replicate_has_no_interval() -> None:
    alone = Outcomes(*(array[:1] if array.ndim else array for array in some_outcomes().at(2)))
    found = metrics.pair_metrics(alone, alone, {"test": 0.95, "train": 0.95})
    assert (found["test"]["p_low"], found["test"]["p_high"], found["test"]["p_value"]) == (None, None, None)
    assert found["test"]["verdict"] == "inconclusive"


@settings(max_examples=100, deadline=None, derandomize=True)
@given(
    hnp.arrays(np.float32, st.tuples(st.integers(1, 9), st.just(3)), elements=st.floats(0, 1e6, width=32)),
    st.sampled_from([0.25, 0.5, 0.75]),
)
def test_quantile_is_numpys_on_finite_losses(values: np.ndarray, q: float) -> None:
    expected = np.quantile(values.astype(np.float64), q, axis=0)
    np.testing.assert_allclose(curves.quantile(values, q), expected, rtol=1e-12)


def test_quantile_counts_diverged_as_worst() -> None:
    values = np.array([1.0, np.nan, 2.0, np.inf, 3.0])
    assert [float(curves.quantile(values, q)) for q in (0.25, 0.5, 0.75)] == [2, 3, np.inf]
    assert curves.quantile(np.array([1.0, np.inf]), 0.5) == np.inf


def test_nearest_median_is_the_first_of_equals_and_survives_divergence() -> None:
    assert curves.nearest_median(np.array([5.0, 1.0, 3.0, 3.0])) == 2
    assert curves.nearest_median(np.array([1.0, 2.0])) == 0
    assert curves.nearest_median(np.array([4.0, np.inf, np.inf])) == 1


def test_rows_of_the_tables() -> None:
    found = some_outcomes()
    progress = list(curves.progress("m", found, multiply_adds_an_epoch=7))
    assert progress[1][:3] == ("m", 2, 14)
    assert progress[1][6:] == (0.5, pytest.approx(0.15, abs=0.01), pytest.approx(0.85, abs=0.01))
    assert [row[1] for row in curves.losses("m", LOSSES.train_mse)] == [0, 1, 2]
    assert [row[:3] for row in curves.comparisons("m vs m", found, found)] == [
        ("m vs m", 0, 0.5),
        ("m vs m", 2, 0.5),
    ]
    assert [row[:3] for row in curves.outcomes("m", LOSSES, [2])] == [("m", r, 2) for r in range(4)]


def test_predictions_are_the_engines_and_the_modules_alike() -> None:
    data = make_dataset("mean", 5, 150, 20, np.random.default_rng(0), np.random.default_rng(1))
    trained = weights(7, 2, replicates=3)
    predicted = predictions(trained, data.x_test, "tanh", "exact")
    assert predicted.shape == (3, 150)
    fine = np.zeros(3, bool)
    check_against_torch("m", predicted, trained, data.x_test, "tanh", fine)
    # From a file, the arrays come in the order of their names.
    in_file_order = dict(sorted(trained.items()))
    np.testing.assert_array_equal(predictions(in_file_order, data.x_test, "tanh", "exact"), predicted)

    wrong = predicted.copy()
    wrong[1, 7] += 2e-5
    with pytest.raises(
        InputError, match=r"m\.safetensors: the PyTorch module predicts otherwise .* allowed: 1e-05"
    ):
        check_against_torch("m", wrong, trained, data.x_test, "tanh", fine)
    check_against_torch("m", wrong, trained, data.x_test, "tanh", np.array([False, True, False]))

    rows = list(of_median_replicate("m", predicted, data.y_test, np.array([3.0, 1.0, 2.0])))
    assert len(rows) == 150
    assert rows[0] == ("m", 2, data.y_test[0, 0], predicted[2, 0])


def test_weights_of_another_model_or_another_training_are_refused() -> None:
    data = make_dataset("mean", 5, 50, 4, np.random.default_rng(0), np.random.default_rng(1))
    trained = weights(7, 2, replicates=3)
    predicted = predictions(trained, data.x_test, "tanh", "exact")
    mse = ((predicted - data.y_test[:, 0]) ** 2).mean(axis=1)
    fine = np.zeros(3, bool)
    check_against_losses("m", predicted, data.y_test, mse, fine)
    with pytest.raises(
        InputError, match=r"m\.safetensors: replicate 2: found a test MSE of .*; allowed: .* as in"
    ):
        check_against_losses("m", predicted, data.y_test, mse * np.array([1, 1, 1.1]), fine)
    check_against_losses(
        "m", predicted, data.y_test, mse * np.array([1, 1, 1.1]), np.array([False, False, True])
    )
