"""Errors of forecasts, computed again with pandas; and what their intervals cover."""

import math

import numpy as np
import pandas as pd
import pytest

from stages.data import Dataset, Forecast
from stages.evaluate.forecasts import Predicted, best_baseline, block_starts, errors, forecasts, gain, verdict
from stages.results import Estimate

SEASON, SCALING = 5, np.array([40.0, 8.0])
RNG = np.random.default_rng(0)
Y = 40 + 8 * RNG.normal(size=64)
SCALED = ((Y - 40) / 8).astype(np.float32)
X = np.zeros((64, 3, 1), np.float32)
DATASET = Dataset(X[:2], np.array([[0.5], [1.25]], np.float32), X, SCALED[:, None])  # trained on 40 to 50


def series() -> Forecast:
    noise = RNG.normal(size=(2, len(Y)))
    return Forecast(
        np.zeros((7, 3, 1), np.float32),
        np.linspace(-1, 1, 7, dtype=np.float32)[:, None],
        np.zeros((2, 3, 1), np.float32),
        SCALING,
        np.array([2.5]),
        Y,
        Y + np.array([[9.0], [5.0]]) * noise,
        np.array([[1.0, 2.0], [3.0, 4.0]]),
        ["last value", "linear autoregression"],
        [str(year) for year in range(1900, 1964)],
    )


def predicted(error: float) -> Predicted:
    """Return what seven replicates predict whose errors are that large, in the series' unit."""
    test = SCALED + error / 8 * RNG.normal(size=(7, len(Y)))
    return Predicted(test, np.zeros((7, 7), np.float32), np.arange(14.0).reshape(7, 2), typical=3)


def test_errors_are_those_of_pandas_in_the_series_own_unit() -> None:
    given, of_model = series(), predicted(4)
    found = forecasts(DATASET, given, {"single": of_model}, SEASON, float(SCALED.var()))
    table = pd.DataFrame(
        {name: given.baselines[row] - Y for row, name in enumerate(given.names)}
        | {"single": of_model.test[3] * 8 + 40 - Y}
    )
    starts = [0, 6, 12, 19, 25, 32, 38, 44, 51, 57]
    blocks = pd.cut(np.arange(64), [*starts, 64], right=False, labels=False)
    assert found.starts == [str(1900 + start) for start in starts]
    for name, of_one in found.errors().items():
        assert of_one.rmse == pytest.approx((table[name] ** 2).mean() ** 0.5)
        assert of_one.mae == pytest.approx(table[name].abs().mean())
        assert of_one.mase == pytest.approx(table[name].abs().mean() / 2.5)
        assert of_one.blocks == pytest.approx(((table[name] ** 2).groupby(blocks).mean() ** 0.5).tolist())
    assert (found.best, found.samples) == ("linear autoregression", 64)
    assert found.outside == ((Y < 40) | (Y > 50)).mean()
    single, baseline = (table[name] ** 2 for name in ("single", found.best))
    gained = found.models["single"].gain
    assert gained and gained.value == pytest.approx(1 - single.mean() / baseline.mean())
    # A replicate is as good as the best baseline from its R2 on.
    mse = ((of_model.test - SCALED) ** 2).mean(axis=1)
    better = mse * 64 <= baseline.mean()
    np.testing.assert_array_equal(1 - mse / SCALED.var() >= found.solved_r2, better)
    assert found.models["single"].validation == pytest.approx((np.linspace(-1, 1, 7) ** 2).mean())
    assert found.models["single"].next.median == pytest.approx([40 + 8 * 6, 40 + 8 * 7])
    assert found.models["single"].last.q25 == pytest.approx(
        np.quantile(of_model.test * 8 + 40, 0.25, axis=0).tolist()
    )


def test_a_diverged_network_has_no_gain_and_is_worse() -> None:
    of_model = predicted(4)
    of_model.test[3:, 5:] = np.nan
    one = forecasts(DATASET, series(), {"single": of_model}, SEASON, 1.0).models["single"]
    assert (one.errors.rmse, one.errors.mae, one.gain, one.verdict) == (math.inf, math.inf, None, "worse")
    assert one.last.median[-1] == math.inf


def test_a_flat_test_part_is_solved_by_nobody() -> None:
    assert best_baseline(series(), 0.0)[1] == 1.0


@pytest.mark.parametrize(
    ("samples", "shortest", "blocks"), [(72, 11, 6), (1000, 11, 10), (10, 11, 1), (20, 3, 6)]
)
def test_no_block_is_shorter_than_a_season(samples: int, shortest: int, blocks: int) -> None:
    starts = block_starts(samples, shortest)
    lengths = np.diff(starts, append=samples)
    assert len(starts) == blocks
    assert lengths.max() - lengths.min() <= 1
    assert blocks == 1 or lengths.min() >= shortest


def test_the_interval_of_a_gain_covers_where_errors_are_correlated() -> None:
    """By simulation: both forecasters' errors follow themselves with 0.6, so that the true gain is 0."""
    rng = np.random.default_rng(1)
    samples, runs = 120, 2000
    noise = rng.normal(size=(runs, 2, samples + 50))
    error = np.zeros_like(noise)
    for step in range(1, noise.shape[2]):
        error[:, :, step] = 0.6 * error[:, :, step - 1] + noise[:, :, step]
    blocks = block_starts(samples, 10)
    found = [gain(one[0], one[1], blocks, 0.95) for one in error[:, :, 50:]]
    covered = np.mean([verdict(gained) == "inconclusive" for gained in found])
    # Had each error been taken for an independent one, 86 % or so would.
    assert 0.935 < covered < 0.97
    naive = [gain(one[0], one[1], np.arange(samples), 0.95) for one in error[:, :, 50:]]
    assert np.mean([verdict(gained) == "inconclusive" for gained in naive]) < 0.9


@pytest.mark.parametrize(
    ("gained", "expected"),
    [
        (Estimate(0.2, 0.1, 0.3), "better"),
        (Estimate(-0.2, -0.3, -0.1), "worse"),
        (Estimate(0.2, -0.1, 0.5), "inconclusive"),
        (Estimate(0.9), "inconclusive"),
        (None, "worse"),
    ],
)
def test_the_verdict_is_the_intervals(gained: Estimate | None, expected: str) -> None:
    assert verdict(gained) == expected


def test_mase_is_undefined_where_the_naive_forecast_is_right() -> None:
    assert errors(np.ones(4), 0.0, np.array([0])).mase is None
