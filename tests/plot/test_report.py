"""The report says what the metrics say."""

from stages.plot.report import report, summary

MODEL = {
    "parameters": 1153,
    "train_mse": 0.00327,
    "test_mse": 0.00339,
    "r2": 0.174,
    "solved": 0.25,
    "diverged": 1,
}
METRICS = {
    "baseline": {"mean": {"train_mse": 0.00403123, "test_mse": 0.0041}},
    "single": MODEL,
    "stacked": MODEL | {"train_mse": None, "test_mse": None, "r2": None, "diverged": 4},
}


def test_summary_is_one_sentence_with_every_model() -> None:
    assert summary(METRICS, epochs=100, replicates=4) == (
        "Training MSE after 100 epochs, median of 4 replicates: single 0.00327, stacked none; "
        "a constant prediction has 0.00403."
    )


def test_table_has_a_row_a_model_and_the_baseline() -> None:
    page = report(METRICS, epochs=100, replicates=4)
    assert "| single | 1,153 | 0.00327 | 0.00339 | 0.174 | 25% | 1 of 4 |" in page
    assert "| stacked | 1,153 | none | none | none | 25% | 4 of 4 |" in page
    assert "| constant | 1 | 0.00403 | 0.0041 |  |  |  |" in page
    assert "(figures/losses.png)" in page
    assert "(figures/predictions.png)" in page
