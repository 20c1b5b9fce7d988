"""What an experiment left in reports/, read through DVC's Python API."""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

import pandas as pd

from stages.files import METRICS, REPORTS


class Experiment(NamedTuple):
    """reports/metrics.json, outcomes.csv, and the rows of comparisons.csv at the same epochs."""

    metrics: dict[str, Any]
    outcomes: pd.DataFrame
    comparisons: pd.DataFrame

    def last(self, pair: str) -> Mapping[str, Any]:
        """Return the comparison of a pair after the last epoch: p, p_low, p_high."""
        rows = self.comparisons[self.comparisons["pair"] == pair]
        return dict(rows.loc[rows["epoch"].idxmax()])


def read_experiment(name: str) -> Experiment:
    """Return the reports of the DVC experiment `name`."""
    from dvc.api import DVCFileSystem

    files = DVCFileSystem(rev=name)

    def table(name: str) -> pd.DataFrame:
        with files.open((REPORTS / name).as_posix()) as file:
            return pd.read_csv(file)

    outcomes, comparisons = table("outcomes.csv"), table("comparisons.csv")
    return Experiment(
        json.loads(files.read_text(METRICS.as_posix())),
        outcomes,
        comparisons[comparisons["epoch"].isin(outcomes["epoch"])],
    )
