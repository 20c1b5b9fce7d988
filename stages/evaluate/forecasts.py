"""How good the forecasts of a series are: errors in its own unit, and whether any network beats the best baseline."""

import math
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from scipy import special

from stages.data import Dataset, Forecast
from stages.evaluate import statistics
from stages.evaluate.curves import quartiles
from stages.results import (
    LEVEL,
    Band,
    BaselineForecast,
    Errors,
    Estimate,
    Forecasts,
    NetworkForecast,
    Verdict,
)

SHOWN = 100  # test targets, the last ones, that the figure shows
MOST_BLOCKS = 10  # of the test part


class Predicted(NamedTuple):
    """What the replicates of a model predict, scaled: (replicates, N) each; and the replicate that stands for all."""

    test: np.ndarray
    validation: np.ndarray
    next: np.ndarray
    typical: int


def best_baseline(series: Forecast, variance: float) -> tuple[int, float]:
    """Return which baseline has the lowest test MSE, and its R2; `variance` is that of the scaled test targets."""
    mse = ((series.baselines - series.y_true) ** 2).mean(axis=1)
    best = int(np.argmin(mse))
    r2 = statistics.r2(mse[best] / series.scaling[1] ** 2, variance)
    return best, 1.0 if r2 is None else float(r2)


def forecasts(
    dataset: Dataset, series: Forecast, predicted: Mapping[str, Predicted], season: int, variance: float
) -> Forecasts:
    """Return what baselines and models came to.

    Args:
        dataset: the scaled windows, the column that is predicted first, and targets.
        series: the targets and the baselines' forecasts.
        predicted: by each model.
        season: rows of a season, 1 for none.
        variance: of the scaled test targets.
    """
    y, (best, solved_r2) = series.y_true, best_baseline(series, variance)
    blocks = block_starts(len(y), max(season, series.x_next.shape[0]))
    naive_mae, level = float(series.naive_mae[0]), statistics.widened(LEVEL, len(predicted))
    # The first rows of the training part are no targets, but stand in its windows.
    trained = np.append(dataset.x_train[:, :, 0], dataset.y_train)
    outside = (dataset.y_test < trained.min()) | (dataset.y_test > trained.max())
    by_baseline = {
        name: BaselineForecast(
            errors(of_test - y, naive_mae, blocks), of_test[-SHOWN:].tolist(), ahead.tolist()
        )
        for name, of_test, ahead in zip(series.names, series.baselines, series.baselines_next, strict=True)
    }
    by_model = {}
    for name, of_model in predicted.items():
        test, ahead = (
            series.scaling[0] + series.scaling[1] * scaled.astype(np.float64)
            for scaled in (of_model.test, of_model.next)
        )
        error = test[of_model.typical] - y
        gained = gain(error, series.baselines[best] - y, blocks, level)
        by_model[name] = NetworkForecast(
            errors(error, naive_mae, blocks),
            gained,
            verdict(gained),
            validation_mse(of_model.validation, series.y_validation),
            band(test[:, -SHOWN:]),
            band(ahead),
        )
    return Forecasts(
        series.names[best],
        len(y),
        float(outside.mean()),
        solved_r2,
        level,
        series.times[-SHOWN:],
        y[-SHOWN:].tolist(),
        [series.times[start] for start in blocks],
        by_baseline,
        by_model,
    )


def block_starts(samples: int, shortest: int) -> np.ndarray:
    """Return where consecutive blocks of the test part start, as equal as can be, none shorter than `shortest`."""
    blocks = min(max(samples // shortest, 1), MOST_BLOCKS)
    return np.arange(blocks) * samples // blocks


def errors(error: np.ndarray, naive_mae: float, blocks: np.ndarray) -> Errors:
    """Return what the errors (N,) of forecasts come to; those of a network that diverged to inf."""
    error = np.where(np.isfinite(error), np.abs(error), np.inf)
    with np.errstate(over="ignore"):
        mse = np.add.reduceat(error**2, blocks) / np.diff(blocks, append=len(error))
        rmse = math.sqrt((error**2).mean())
    mae = float(error.mean())
    return Errors(rmse, mae, mae / naive_mae if naive_mae > 0 else None, np.sqrt(mse).tolist())


def gain(error: np.ndarray, of_baseline: np.ndarray, blocks: np.ndarray, level: float) -> Estimate | None:
    """Return by how much the MSE of errors (N,) is below the baseline's, as a share of that, with its interval.

    Errors that follow each other are alike, so that they are no N independent ones: the interval is Student's t over
    the means of blocks, valid for means that correlate little, however their spreads differ (Ibragimov and Mueller
    2010, Journal of Business and Economic Statistics 28, 453, section 2). A single block has none. None where it is
    undefined.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        lower = (of_baseline**2 - error**2) / (of_baseline**2).mean()
    if not np.isfinite(lower).all():
        return None
    n, value = len(blocks), float(lower.mean())
    if n < 2:
        return Estimate(value)
    means = np.add.reduceat(lower, blocks) / np.diff(blocks, append=len(lower))
    half = float(special.stdtrit(n - 1, (1 + level) / 2) * means.std(ddof=1) / math.sqrt(n))
    return Estimate(value, value - half, min(value + half, 1.0))  # no MSE is below 0


def verdict(gained: Estimate | None) -> Verdict:
    """Return whether the interval of a gain excludes 0; a network whose forecasts are no numbers is worse."""
    if gained is None:
        return "worse"
    if gained.low is None or gained.high is None or gained.low <= 0 <= gained.high:
        return "inconclusive"
    return "better" if gained.low > 0 else "worse"


def validation_mse(predicted: np.ndarray, y: np.ndarray) -> float:
    """Return the interquartile mean over replicates of the MSE on the validation part, (replicates, V), (V, 1)."""
    with np.errstate(over="ignore", invalid="ignore"):
        mse = ((predicted.astype(np.float64) - y[:, 0]) ** 2).mean(axis=1)
    return statistics.interquartile_mean(np.where(np.isnan(mse), np.inf, mse))


def band(values: np.ndarray) -> Band:
    """Return the median and the quartiles over replicates (replicates, N); where one is no number, it is above all."""
    return Band(*(each.tolist() for each in quartiles(np.where(np.isfinite(values), values, np.inf))))
