"""What an experiment left in reports/, read through DVC's Python API."""

import json
from typing import Any, NamedTuple

import pandas as pd

from stages.files import METRICS, REPORTS


class Experiment(NamedTuple):
    """reports/metrics.json, final.csv and the last epoch's rows of comparisons.csv, indexed by pair."""

    metrics: dict[str, Any]
    final: pd.DataFrame
    comparisons: pd.DataFrame


def read_experiment(name: str) -> Experiment:
    """Return the reports of the DVC experiment `name`."""
    from dvc.api import DVCFileSystem

    files = DVCFileSystem(rev=name)
    with files.open((REPORTS / "final.csv").as_posix()) as file:
        final = pd.read_csv(file)
    with files.open((REPORTS / "comparisons.csv").as_posix()) as file:
        comparisons = pd.read_csv(file)
    last = comparisons[comparisons["epoch"] == comparisons["epoch"].max()]
    return Experiment(json.loads(files.read_text(METRICS.as_posix())), final, last.set_index("pair"))
