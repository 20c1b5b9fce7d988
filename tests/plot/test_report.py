"""The report says what the metrics say, in words that hold for every outcome."""

from typing import Any

import pytest

from stages.params import Params
from stages.plot.report import report, verdict

MODELS = {
    name: {"hidden_size": 4, "num_layers": layers, "nonlinearity": "tanh", "lr": None}
    for name, layers in (("single", 1), ("stacked", 2))
}
TRAIN = {
    "engine": "exact", "device": "cpu", "epochs": 1000, "lr": 0.01, "replicates": 20, "seed": 0,
    "batch_size": None, "clip_norm": None, "eval_every": 10,
}  # fmt: skip
EVALUATE = {
    "at_epochs": [100], "solved_r2": 0.9, "compare": ["stacked vs single"], "primary": "stacked vs single",
}  # fmt: skip
DATA = {"task": "mean", "num_samples": 9, "test_samples": 9, "seq_length": 3, "seed": 0}


def params(**train: Any) -> Params:
    return Params.model_validate(
        {"data": DATA, "models": MODELS, "train": TRAIN | train, "evaluate": EVALUATE}
    )


def model(solved: float, r2: float | None) -> dict[str, Any]:
    measure = {"median": 0.00129, "r2": r2, "iqm": 0.00165, "iqm_low": 0.00023, "iqm_high": None}
    return {
        "test": measure, "train": measure | {"median": 0.00122}, "solved": solved, "solved_low": 0.258,
        "solved_high": 0.658, "diverged": 0.1,
    }  # fmt: skip


def pair(p: float | None, low: float | None, high: float | None, verdict: str) -> dict[str, Any]:
    measure: dict[str, Any] = {
        "p": p, "p_low": low, "p_high": high, "level": 0.95, "p_value": 0.106, "verdict": verdict,
    }  # fmt: skip
    if verdict == "inconclusive":
        measure["detectable"] = 0.7506
    return {
        "test": measure, "train": measure | {"level": 0.9929}, "solved_difference": -0.15,
        "solved_difference_low": -0.41, "solved_difference_high": 0.14,
    }  # fmt: skip


def metrics(last: tuple[float, float], group: dict[str, Any]) -> dict[str, Any]:
    sizes = {"parameters": 1153, "multiply_adds": 21152}
    return {
        "baseline": {
            "mean": {"test": 0.00411, "train": 0.00403},
            "least_squares": {"test": None, "train": None},
        },
        "single": sizes | model(last[1], 0.686) | {"epoch_100": model(0, 0.114)},
        "stacked": sizes | model(last[0], 0.0738) | {"epoch_100": model(0, 0.191)},
        "stacked_vs_single": group | {"epoch_100": pair(0.595, 0.351, 0.8, "inconclusive")},
    }


INCONCLUSIVE = metrics((0.3, 0.45), pair(0.345, 0.193, 0.536, "inconclusive"))


def test_an_inconclusive_verdict_says_what_would_have_been_seen() -> None:
    assert verdict(INCONCLUSIVE, params()) == (
        "After 100 epochs neither model has solved the task (median test R2 0.191 for stacked and 0.114 for "
        "single; predicting the mean has 0). After 1,000 epochs 30 % of the stacked and 45 % of the single "
        "replicates have solved the task (test R2 of 0.9 or more), and stacked beats single in 34 % of pairs "
        "(95 % interval 19 to 54 %): inconclusive; 20 replicates would have shown 25 % or less, or 75 % or more."
    )


@pytest.mark.parametrize("word", ["better", "worse"])
def test_a_clear_verdict_stands_alone(word: str) -> None:
    clear = metrics((1, 0), pair(0.9, 0.8, 0.95, word))
    assert verdict(clear, params()).endswith(f"in 90 % of pairs (95 % interval 80 to 95 %): {word}.")


def test_one_replicate_decides_nothing() -> None:
    alone = metrics((1, 0), pair(1, None, None, "inconclusive"))
    assert verdict(alone, params(replicates=1)).startswith("One replicate decides nothing: no verdict")
    assert "none (95 %)" in report(alone, params(replicates=1))


def test_a_missing_primary_pair_is_said() -> None:
    without = {name: group for name, group in INCONCLUSIVE.items() if name != "stacked_vs_single"}
    assert verdict(without, params()).startswith("No verdict: the primary question is stacked vs single")
    assert "| pair |" not in report(without, params())


def test_tables_have_a_row_a_model_a_baseline_and_a_comparison_for_each_epoch() -> None:
    page = report(INCONCLUSIVE, params())
    assert page.index(verdict(INCONCLUSIVE, params())) < page.index("## After 1,000 epochs")
    assert page.index("## After 1,000 epochs") < page.index("## After 100 epochs")
    row = "| 1,153 | 21,152 | 0.00122 | 0.00129 | 0.00165 (0.00023 to inf) | 0.686 | 45 % (26 % to 66 %) | 10 % |"
    assert f"| single {row}" in page
    assert "| constant predictor |  |  | 0.00403 | 0.00411 |" in page
    assert "| least squares on all numbers |  |  | none | none |" in page
    assert (
        "| stacked vs single | test | 0.345 | 0.193 to 0.536 (95 %) | 0.106 | inconclusive | 0.751 "
        "| -15 % (-41 % to 14 %) |"
    ) in page
    assert "| stacked vs single | train | 0.345 | 0.193 to 0.536 (99.3 %) |" in page
    for name in ("losses", "improvement", "solved", "final", "cost", "predictions"):
        assert f"(figures/{name}.png)" in page
