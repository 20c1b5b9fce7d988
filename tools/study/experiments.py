"""What an experiment left in reports/, read through DVC's Python API."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import pandas as pd

from stages.results import METRICS, REPORTS


class Experiment(NamedTuple):
    """reports/metrics.json, outcomes.csv, and the rows of comparisons.csv at the same epochs."""

    metrics: dict[str, Any]
    outcomes: pd.DataFrame
    comparisons: pd.DataFrame

    def last(self, pair: str) -> Mapping[str, Any]:
        """Return the comparison of a pair after the last epoch: p, p_low, p_high."""
        rows = self.comparisons[self.comparisons["pair"] == pair]
        return dict(rows.loc[rows["epoch"].idxmax()])


class Study(NamedTuple):
    """What the study ran: `sweep` by step size, from which each model's `best` step size was chosen; `fresh`, the run
    with these that is reported; `elsewhere`, runs on other data sets, by the settings that they were at.
    """

    sweep: Mapping[float, Experiment]
    best: Mapping[str, float]
    fresh: Experiment
    elsewhere: Mapping[str, Sequence[Experiment]]

    def titled(self) -> dict[str, Experiment]:
        """Return the runs of the sweep and the one that is reported, by what they are called."""
        sweep = {f"step size {lr:g}": one for lr, one in self.sweep.items()}
        return sweep | {"each model's best": self.fresh}


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
