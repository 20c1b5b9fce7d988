"""How much of the spread of outcomes comes from the data set rather than from the initial weights."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy import special

from stages.results import LEVEL, Estimate


def shares_of_spread(outcomes: Sequence[pd.DataFrame]) -> dict[str, tuple[float, float]]:
    """Return, for each model, the shares of the variance of log test MSE due to data set and to initial weights.

    Args:
        outcomes: one epoch of reports/outcomes.csv for each data set, in which a replicate has the same initial
            weights in all.
    """
    tables = pd.concat([table.assign(data_set=number) for number, table in enumerate(outcomes)])
    shares = {}
    for name, rows in tables.groupby("model", sort=False):
        values = rows.pivot(index="data_set", columns="replicate", values="test_mse").to_numpy(float)
        shares[str(name)] = variance_shares(np.log10(values))
    return shares


def mean_interval(values: Sequence[float]) -> Estimate:
    """Return the mean over data sets of two values or more, and its interval by Student's t, within 0 and 1."""
    mean, n = float(np.mean(values)), len(values)
    half = float(special.stdtrit(n - 1, (1 + LEVEL) / 2) * np.std(values, ddof=1) / np.sqrt(n))
    return Estimate(mean, max(mean - half, 0.0), min(mean + half, 1.0))


def variance_shares(values: np.ndarray) -> tuple[float, float]:
    """Return the shares of the total variance due to rows and to columns of (rows, columns), each at least 0.

    The components of a two-way layout with one value a cell, random effects, by the method of moments (Searle,
    Casella and McCulloch, Variance Components, section 4.4); what is left is their interaction. Both are nan
    where a value is not finite.
    """
    rows, columns = values.shape
    by_row, by_column = values.mean(axis=1), values.mean(axis=0)
    rest = values - by_row[:, None] - by_column + values.mean()
    within = (rest**2).sum() / ((rows - 1) * (columns - 1))
    of_rows = max(by_row.var(ddof=1) - within / columns, 0.0)
    of_columns = max(by_column.var(ddof=1) - within / rows, 0.0)
    total = of_rows + of_columns + within
    return float(of_rows / total), float(of_columns / total)
