"""What an experiment left in reports/, read through DVC's Python API."""

import json
from typing import Any, NamedTuple

import pandas as pd

from stages.files import METRICS, REPORTS


class Experiment(NamedTuple):
    """reports/metrics.json, and the last epoch of outcomes.csv and of comparisons.csv, the latter by pair."""

    metrics: dict[str, Any]
    outcomes: pd.DataFrame
    comparisons: pd.DataFrame


def read_experiment(name: str) -> Experiment:
    """Return the reports of the DVC experiment `name`."""
    from dvc.api import DVCFileSystem

    files = DVCFileSystem(rev=name)

    def last_epoch(table: str) -> pd.DataFrame:
        with files.open((REPORTS / table).as_posix()) as file:
            rows = pd.read_csv(file)
        return rows[rows["epoch"] == rows["epoch"].max()]

    metrics = json.loads(files.read_text(METRICS.as_posix()))
    return Experiment(metrics, last_epoch("outcomes.csv"), last_epoch("comparisons.csv").set_index("pair"))
