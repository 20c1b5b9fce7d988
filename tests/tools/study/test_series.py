"""The study of a series chooses step sizes on the validation part, and says what it tried."""

import contextlib
from pathlib import Path

import pandas as pd
import pytest

from stages.params import Params, load_params
from stages.results import Estimate, Verdict
from tests.conftest import PARAMS, TOP
from tests.plot.test_forecasts import forecasts
from tests.tools.study.test_mean import experiment
from tools.study import experiments, series, studies
from tools.study.duration import data_set
from tools.study.experiments import Experiment, run_study

GAIN: tuple[Estimate, Verdict] = (Estimate(0.1, -0.2, 0.4), "inconclusive")
# The test part would have the other step size chosen for each.
VALIDATION = {
    0.00003: {"single": 0.9, "stacked": 0.9, "wide": 0.9},
    0.0001: {"single": 0.5, "stacked": 0.4, "wide": 0.4},
    0.0003: {"single": 0.3, "stacked": 0.2, "wide": 0.9},
    0.001: {"single": 0.3, "stacked": 0.6, "wide": 0.8},
    0.003: {"single": 0.2, "stacked": 0.5, "wide": 0.7},
}
BEST = {"single": 0.003, "stacked": 0.0003, "wide": 0.0001}


@pytest.fixture
def params() -> Params:
    with contextlib.chdir(PARAMS.parent):
        return load_params()


def of_series(validation: dict[str, float]) -> Experiment:
    """Return an experiment with these MSEs on the validation part; on the test part the order is the other way."""
    found = forecasts(dict.fromkeys(validation, GAIN))
    models = {name: found.models[name]._replace(validation=mse) for name, mse in validation.items()}
    single, stacked, wide = (1 - mse for mse in validation.values())
    one = experiment(single, stacked, wide)
    return one._replace(results=one.results._replace(forecasts=found._replace(models=models)))


def test_steps_are_chosen_on_the_validation_part_and_told(
    params: Params, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked: dict[str, list[str]] = {}

    def run(name: str, changes: list[str]) -> Experiment:
        asked[name.removeprefix("study-series-")] = changes
        lr = name.removeprefix("study-series-lr-")
        one = of_series(VALIDATION[float(lr)] if lr != name else dict.fromkeys(BEST, 0.1))
        return one._replace(outcomes=pd.DataFrame({"replicate": range(3)})) if "horizon" in name else one

    monkeypatch.setattr(experiments, "run_experiment", run)
    ran = run_study("series", studies.series(), params)
    assert ran.best == BEST
    own = [f"models.{name}.lr={lr}" for name, lr in BEST.items()]
    common = 'data.task="forecast"'
    assert asked["lr-0.001"] == [
        "train.replicates=10", common, "train.seed=1", *(f"models.{name}.lr=0.001" for name in BEST),
    ]  # fmt: skip
    assert asked["best"] == ["train.replicates=20", common, "train.seed=2", *own]
    assert asked["horizon-5"] == [
        "train.replicates=10",
        common,
        "train.seed=2",
        "data.series.horizon=5",
        *own,
    ]

    said = series.write(ran, tmp_path)
    page = (tmp_path / "README.md").read_text()
    assert said.startswith("No network is shown to beat the linear autoregression, the best baseline:")
    assert said in page.split("\n")
    assert "| stacked | 0.9 | 0.4 | 0.2 | 0.6 | 0.5 | 0.0003 |" in page
    assert "The best one of single is at the end of what was tried." in page
    assert (
        "dvc exp run --temp -S data.task=forecast -S data.series.lr.single=0.003 -S data.series.lr.stacked=0.0003 "
        "-S data.series.lr.wide=0.0001\n"
    ) in page
    assert "| forecaster | 1 | 2 | 5 | 10 |" in page
    assert "which were chosen for 1 ahead; those at 2, 5 and 10 are of 3 replicates;" in page
    assert {path.name for path in tmp_path.iterdir()} == {
        "README.md",
        "horizon.csv",
        "horizon.png",
        "steps.csv",
    }


def test_a_series_says_how_many_windows_it_has(params: Params) -> None:
    with contextlib.chdir(TOP):
        found = data_set(params.data.model_copy(update={"task": "forecast"}))
    assert (found.x_train.shape, len(found.x_test)) == ((151, 20, 1), 72)
    assert data_set(params.data).x_train.shape == (1000, 20, 1)
