"""The study's experiments: what DVC ran, and what they left in reports/."""

import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import pandas as pd

from stages.errors import InputError
from stages.results import Estimate, Results
from tools.revisions import Files

REPORTED = "each model's best"


class Experiment(NamedTuple):
    """reports/details.json, outcomes.csv, and the rows of comparisons.csv at the same epochs."""

    results: Results
    outcomes: pd.DataFrame
    comparisons: pd.DataFrame

    def last(self, pair: str) -> Estimate:
        """Return how often the first of a pair beats the second after the last epoch, at 95 % by itself."""
        rows = self.comparisons[self.comparisons["pair"] == pair]
        return Estimate(*rows.loc[rows["epoch"].idxmax(), ["p", "p_low", "p_high"]])


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
        return sweep | {REPORTED: self.fresh}


def run_experiment(name: str, changes: Sequence[str]) -> Experiment:
    """Run the pipeline with `changes` as the DVC experiment `name`, apart from the workspace, and return its reports.

    Raises:
        InputError: DVC could not run it.
    """
    # The name may be that of an earlier study.
    subprocess.run(["dvc", "exp", "remove", "--quiet", name], check=False, stderr=subprocess.DEVNULL)
    flags = [flag for change in changes for flag in ("--set-param", change)]
    command = ["dvc", "exp", "run", "--temp", "--name", name, *flags]
    print("$", *command, file=sys.stderr)
    if subprocess.run(command, check=False, stdout=sys.stderr).returncode != 0:
        raise InputError(f"{' '.join(command)}: failed, see above")
    return read_experiment(name)


def read_experiment(name: str) -> Experiment:
    """Return the reports of the DVC experiment `name`."""
    files = Files(name)
    outcomes, comparisons = files.table("outcomes"), files.table("comparisons")
    return Experiment(files.results(), outcomes, comparisons[comparisons["epoch"].isin(outcomes["epoch"])])
