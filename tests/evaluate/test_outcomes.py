"""Outcomes, metrics and tables: from losses to what is reviewed."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from stages.architecture import Architecture
from stages.data import Losses
from stages.errors import InputError
from stages.evaluate import curves, metrics
from stages.evaluate.outcomes import Outcomes, compared_epochs, outcomes
from stages.evaluate.predictions import check_against_losses, check_against_torch, mse, predictions
from stages.params import load_params
from stages.results import Baseline, Estimate, ModelMeasure, Split
from stages.train.training import start
from tests.conftest import PARAMS

Y = np.array([[0.0], [1.0], [2.0], [3.0]], np.float32)  # of variance 1.25, which the constant predictor has
BASELINE = Baseline(Split(1.25, 1.25), None, Split(1.25, 1.25))
LOSSES = Losses(
    np.array([[1, 1, 0.1], [1, 1, 1], [1, 1, np.nan], [1, 9, 1]], np.float32),
    np.array([[1, np.nan, 0.1], [1, np.nan, 2.6], [1, np.nan, 1], [1, np.nan, 0.125]], np.float32),
    np.array([True, False, True]),
)


def some_outcomes() -> Outcomes:
    return outcomes(LOSSES, BASELINE, solved_r2=0.9)


def test_outcomes_are_those_of_measured_epochs_and_diverged_is_worst() -> None:
    found = some_outcomes()
    assert found.epochs.tolist() == [0, 2]
    last = found.at(2)
    assert last.diverged.tolist() == [False, True, True, False]
    assert last.train.tolist() == pytest.approx([0.1, np.inf, np.inf, 1])
    assert last.test.tolist() == pytest.approx([0.1, np.inf, np.inf, 0.125])
    assert last.solved.tolist() == [True, False, False, True]


def test_a_constant_target_is_never_solved() -> None:
    flat = BASELINE._replace(variance=Split(0.0, 0.0))
    assert not outcomes(LOSSES, flat, solved_r2=0.9).solved.any()


@pytest.mark.parametrize(
    ("at_epochs", "earlier"), [([100], [100]), ([105, 109], [100]), ([9], []), ([1000, 2000], []), ([], [])]
)
def test_compared_epochs_are_on_the_grid_and_end_with_the_last(
    at_epochs: list[int], earlier: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(PARAMS.parent)
    default = load_params()
    params = default.model_copy(
        update={"evaluate": default.evaluate.model_copy(update={"at_epochs": at_epochs})}
    )
    assert compared_epochs(params) == [*earlier, 1000]


def weights(architecture: Architecture, replicates: int) -> dict[str, np.ndarray]:
    drawn = [start(architecture, 0, "any", r).weights for r in range(replicates)]
    return {name: np.stack([one[name] for one in drawn]) for name in drawn[0]}


def test_the_control_matches_stacked_in_parameters_and_in_work() -> None:
    sizes = [Architecture("rnn_tanh", 1, *size) for size in ((32, 1), (32, 2), (55, 1))]
    assert [one.parameters() for one in sizes] == [1153, 3265, 3246]
    assert [one.multiply_adds(20) for one in sizes] == [21_152, 62_112, 61_655]


def test_model_outcome_by_hand() -> None:
    found = metrics.model_outcome(some_outcomes().at(0), BASELINE.variance, np.random.default_rng(0))
    assert found.test._replace(r2=None) == ModelMeasure(1.0, None, Estimate(1.0, 1.0, 1.0))
    assert found.test.r2 == pytest.approx(0.2)
    last = metrics.model_outcome(some_outcomes().at(2), BASELINE.variance, np.random.default_rng(0))
    assert (last.solved.value, last.diverged) == (0.5, 0.5)
    assert last.test.iqm.value == np.inf


def test_a_pair_of_clear_winners_is_better_and_its_reverse_worse() -> None:
    values = np.arange(20.0)
    none = np.zeros(20, bool)
    low, high = (
        Outcomes(np.array(0), v, v, none | s, none) for v, s in ((values, True), (values + 100, False))
    )
    levels = Split(test=0.95, train=0.99)
    better, worse = metrics.pair_outcome(low, high, levels), metrics.pair_outcome(high, low, levels)
    assert (better.test.p.value, better.test.verdict) == (1, "better")
    assert (worse.train.p.value, worse.train.verdict, worse.train.level) == (0, "worse", 0.99)
    assert better.solved_difference.value == 1
    assert better.test.detectable is None
    same = metrics.pair_outcome(low, low, levels).test
    assert (same.p.value, same.verdict) == (0.5, "inconclusive")
    assert same.detectable == pytest.approx(0.75, abs=0.01)


def test_one_replicate_has_no_interval() -> None:
    alone = Outcomes(*(array[:1] if array.ndim else array for array in some_outcomes().at(2)))
    found = metrics.pair_outcome(alone, alone, Split(0.95, 0.95))
    assert (found.test.p, found.test.p_value) == (Estimate(0.5, None, None), None)
    assert found.test.verdict == "inconclusive"


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
    assert curves.nearest_median(np.array([4.0, np.nan, np.inf])) == 1
    assert curves.nearest_median(np.array([np.nan, 4.0, 1.0, 2.0])) == 1


def test_rows_of_the_tables() -> None:
    of_models = {"m": some_outcomes(), "n": some_outcomes()}
    progress = list(curves.progress(of_models, {"m": 7, "n": 8}))
    assert [row[:3] for row in progress] == [("m", 0, 0), ("m", 2, 42), ("n", 0, 0), ("n", 2, 48)]
    assert progress[1][6:] == (0.5, pytest.approx(0.15, abs=0.01), pytest.approx(0.85, abs=0.01))
    assert [row[1] for row in curves.losses({"m": LOSSES})] == [0, 1, 2]
    assert [row[:3] for row in curves.comparisons(of_models, ["m vs n"])] == [
        ("m vs n", 0, 0.5),
        ("m vs n", 2, 0.5),
    ]
    assert [row[:3] for row in curves.outcomes({"m": LOSSES}, [2])] == [("m", r, 2) for r in range(4)]
    assert list(curves.predictions({"m": (1, np.array([4.0, np.nan, 0, 0]))}, Y))[:2] == [
        ("m", 1, 0.0, 4.0),
        ("m", 1, 1.0, ""),
    ]


ARCHITECTURE = Architecture("rnn_tanh", 1, 7, 2)
FINE = np.zeros(3, bool)


def test_predictions_are_the_engines_and_the_modules_alike() -> None:
    x = np.random.default_rng(0).random((150, 20, 1), dtype=np.float32)
    trained = weights(ARCHITECTURE, replicates=3)
    predicted, by_torch = (predictions(trained, x, ARCHITECTURE, engine) for engine in ("exact", "torch"))
    assert predicted.shape == (3, 150)
    check_against_torch("m", predicted, by_torch, FINE)
    # From a file, the arrays come in the order of their names.
    in_file_order = dict(sorted(trained.items()))
    np.testing.assert_array_equal(predictions(in_file_order, x, ARCHITECTURE, "exact"), predicted)

    predicted[1, 7] += 2e-4
    with pytest.raises(
        InputError, match=r"m\.safetensors: the PyTorch module predicts otherwise .* allowed: 1e-04"
    ):
        check_against_torch("m", predicted, by_torch, FINE)
    check_against_torch("m", predicted, by_torch, np.array([False, True, False]))


def test_weights_of_another_training_are_refused() -> None:
    predicted = np.random.default_rng(0).random((3, 4), dtype=np.float32)
    by_weights = {part: mse(predicted, Y) for part in ("test", "train")}
    np.testing.assert_allclose(by_weights["test"], ((predicted - Y[:, 0]) ** 2).mean(axis=1), rtol=1e-6)
    check_against_losses("m", by_weights, by_weights, BASELINE)
    for part, factors in (("test", [1, 1, 1.1]), ("train", [1, 1, np.nan]), ("test", [1, 1, 1e9])):
        off = by_weights | {part: by_weights[part] * np.array(factors)}
        for one, other in ((by_weights, off), (off, by_weights)):
            with pytest.raises(
                InputError, match=rf"m\.safetensors: replicate 2: found {part}_mse .*; allowed: .* as in"
            ):
                check_against_losses("m", one, other, BASELINE)
    # What has diverged by both has no digits to compare.
    gone, too = (by_weights | {"train": by_weights["train"] * np.array([1, 1, far])} for far in (1e9, np.nan))
    check_against_losses("m", gone, too, BASELINE)
