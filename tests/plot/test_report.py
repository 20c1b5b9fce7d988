"""The report says what the metrics say, in words that hold for every outcome."""

import math
from typing import Any

import pytest

from stages.params import Params
from stages.plot.report import report, verdict
from stages.results import (
    Baseline,
    Estimate,
    Model,
    ModelMeasure,
    ModelOutcome,
    Pair,
    PairMeasure,
    PairOutcome,
    Results,
    Split,
    Verdict,
)

MODELS = {
    name: {"hidden_size": 4, "num_layers": layers, "cell": "rnn_tanh", "lr": None}
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


def params(models: dict[str, Any] = MODELS, evaluate: dict[str, Any] = EVALUATE, **train: Any) -> Params:
    return Params.model_validate(
        {"data": DATA, "models": models, "train": TRAIN | train, "evaluate": evaluate}
    )


def model(solved: float, r2: float | None) -> ModelOutcome:
    measure = ModelMeasure(0.00129, r2, Estimate(0.00165, 0.00023, math.inf))
    train = measure._replace(median=0.00122)
    return ModelOutcome(measure, train, Estimate(solved, 0.258, 0.658), 0.1)


def pair(p: float, low: float | None, high: float | None, verdict: Verdict) -> PairOutcome:
    detectable = 0.7506 if verdict == "inconclusive" and low else None
    measure = PairMeasure(Estimate(p, low, high), 0.95, 0.106, verdict, detectable)
    return PairOutcome(measure, measure._replace(level=0.9929), Estimate(-0.15, -0.41, 0.14))


def results(last: tuple[float, float], compared: PairOutcome) -> Results:
    return Results(
        Baseline(Split(0.00411, 0.00403), None, Split(0.004, 0.004)),
        {
            "single": Model(1153, 21152, model(last[1], 0.686), {100: model(0, 0.114)}),
            "stacked": Model(1153, 21152, model(last[0], 0.0738), {100: model(0, 0.191)}),
        },
        {"stacked vs single": Pair(compared, {100: pair(0.595, 0.351, 0.8, "inconclusive")})},
    )


INCONCLUSIVE = results((0.3, 0.45), pair(0.345, 0.193, 0.536, "inconclusive"))


def test_an_inconclusive_verdict_says_what_would_have_been_seen() -> None:
    assert verdict(INCONCLUSIVE, params()) == (
        "After 100 epochs neither stacked nor single has solved the task (median test R2 0.191 for stacked and 0.114 "
        "for single; the constant predictor has 0). After 1,000 epochs 30 % of the stacked and 45 % of the single "
        "replicates have solved the task (test R2 of 0.9 or more), and stacked beats single in 34 % of pairs "
        "(95 % interval 19 to 54 %): inconclusive, since so many replicates tell only 25 % or less, or 75 % or "
        "more from 50 %."
    )


def test_where_most_diverged_the_missing_r2_says_so() -> None:
    gone, flat = (ModelMeasure(median, None, Estimate(median)) for median in (math.inf, 0.001))
    neither = [model(0, None)._replace(test=measure) for measure in (gone, flat)]
    models = dict(zip(MODELS, (Model(9, 9, outcome, {}) for outcome in neither), strict=False))
    assert verdict(INCONCLUSIVE._replace(models=models), params()).startswith(
        "After 1,000 epochs neither stacked nor single has solved the task (median test R2 undefined for stacked and "
        "diverged for single; the constant predictor has 0), and stacked beats"
    )


@pytest.mark.parametrize("word", ["better", "worse"])
def test_a_clear_verdict_stands_alone(word: Verdict) -> None:
    clear = results((1, 0), pair(0.9, 0.8, 0.95, word))
    assert verdict(clear, params()).endswith(f"in 90 % of pairs (95 % interval 80 to 95 %): {word}.")


def test_one_replicate_decides_nothing() -> None:
    alone = results((1, 0), pair(1, None, None, "inconclusive"))
    assert verdict(alone, params(replicates=1)).startswith("One replicate decides nothing: no verdict")
    page = report(alone, params(replicates=1), "", {})
    assert "none (95 %)" in page
    assert "| too few replicates against single |" in page


def test_a_missing_primary_pair_is_said() -> None:
    without, alone = INCONCLUSIVE._replace(pairs={}), params(models={"stacked": MODELS["stacked"]})
    assert verdict(without, alone) == (
        "No verdict: the primary question is stacked vs single, and there is no single in models."
    )
    assert "| pair |" not in report(without, alone, "", {})


def test_other_pairs_that_were_left_out_are_said_last() -> None:
    misspelt = params(evaluate=EVALUATE | {"compare": ["stacked vs single", "staked vs single"]})
    assert verdict(INCONCLUSIVE, misspelt) == (
        f"{verdict(INCONCLUSIVE, params())} staked vs single is left out: no staked in models."
    )


def test_the_page_has_a_summary_and_tables_with_a_row_a_model_a_baseline_and_a_comparison_for_each_epoch() -> (
    None
):
    page = report(INCONCLUSIVE, params(), "A note.", {"losses": "What it shows"})
    parts = (verdict(INCONCLUSIVE, params()), "1,000 epochs</summary>", " 100 epochs</summary>")
    assert sorted(parts, key=page.index) == list(parts)
    assert "| stacked | 30 % (26 to 66 %) | 0.00165 (0.00023 to inf) | inconclusive against single |" in page
    row = (
        "| 1,153 | 21,152 | 0.00122 | 0.00129 | 0.00165 (0.00023 to inf) | 0.686 | 45 % (26 to 66 %) | 10 % |"
    )
    assert f"| single {row}" in page
    assert "| constant predictor |  |  | 0.00403 | 0.00411 |" in page
    assert "| least squares on all numbers |  |  | none | none |" in page
    assert (
        "| stacked vs single | test | 0.345 | 0.193 to 0.536 (95 %) | 0.106 | inconclusive | 0.751 "
        "| -15 % (-41 to 14 %) |"
    ) in page
    assert "| stacked vs single | train | 0.345 | 0.193 to 0.536 (99.3 %) |" in page
    assert "A note." in page
    assert "![What it shows](figures/losses.png)" in page
