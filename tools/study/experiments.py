"""The study's experiments: what DVC ran, and what they left in reports/."""

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
from pydantic import ValidationError

from stages import words
from stages.errors import InputError
from stages.params import Params, explain
from stages.results import Results
from tools.dvc import dvc, experiments
from tools.git import git
from tools.revisions import Files
from tools.study.studies import FRESH_SEED, PREFIX, SELECTION_SEED, Run, Study


class Experiment(NamedTuple):
    """reports/details.json, outcomes.csv, and the rows of comparisons.csv at the same epochs."""

    results: Results
    outcomes: pd.DataFrame
    comparisons: pd.DataFrame

    def replicates(self) -> int:
        """Return how many replicates of each model there are."""
        return int(self.outcomes["replicate"].nunique())


class Ran(NamedTuple):
    """A study that has run: each model's best step size, and the experiments by the names of the runs."""

    name: str
    study: Study
    params: Params  # of the first run
    best: Mapping[str, float]
    experiments: Mapping[str, Experiment]

    def sweep(self) -> dict[float, Experiment]:
        """Return the experiments that each model's best step size was chosen from, by step size."""
        return {run.lr: self.experiments[run.name] for run in self.study.runs if isinstance(run.lr, float)}

    def reported(self, key: str, usual: int) -> dict[int, Experiment]:
        """Return those with each model's best step size by their value of a param, `usual` where it was not changed."""
        runs = {run.changes.get(key, usual): run.name for run in self.study.runs if run.lr == "best"}
        return {value: self.experiments[runs[value]] for value in sorted(runs)}

    def page(self, **values: object) -> str:
        """Return the study's page: the template of its kind, filled with `values` and what all studies have."""
        sweep = self.sweep()
        return words.fill(
            Path(__file__).with_name(f"{self.study.page}.md.jinja"),
            words=words,
            name=self.name,
            question=self.study.question,
            params=self.params,
            seeds=(SELECTION_SEED, FRESH_SEED),
            selection_replicates=next(iter(sweep.values())).replicates(),
            lrs=", ".join(f"{lr:g}" for lr in sweep),
            at_the_end=[name for name, lr in self.best.items() if lr in (min(sweep), max(sweep))],
            **values,
        )


def run_study(name: str, study: Study, params: Params) -> Ran:
    """Run every experiment of a study, one after another.

    Raises:
        InputError: DVC could not run one.
    """
    ran = Ran(name, study, params_of(study, study.runs[0], params, {}), {}, {})
    for run in study.runs:
        if run.lr == "best" and not ran.best:
            ran = ran._replace(best=best_steps(ran.sweep(), list(ran.params.models)))
        flags = set_params(study, run, params, ran.best)
        experiment = run_experiment(f"{PREFIX}{name}-{run.name}", flags)
        ran = ran._replace(experiments={**ran.experiments, run.name: experiment})
    return ran


def best_steps(sweep: Mapping[float, Experiment], models: Sequence[str]) -> dict[str, float]:
    """Return each model's step size with the lowest interquartile mean of the MSE; the first of equals.

    Of a series that is the MSE on the validation part, since its test part is judged with the same data; of drawn
    sequences the test MSE. One that diverged too often to have a finite one is never chosen over one that has it.
    """

    def mse(name: str, results: Results) -> float:
        forecasts = results.forecasts
        return forecasts.models[name].validation if forecasts else results.models[name].last.test.iqm.value

    return {name: min(sweep, key=lambda lr: mse(name, sweep[lr].results)) for name in models}


def changes(study: Study, run: Run, models: Sequence[str], best: Mapping[str, float]) -> dict[str, Any]:
    """Return what a run changes in params.yaml, by flat keys; the study's own models are there already."""
    lrs: dict[str, float | None] = {}
    if run.lr != "own":
        lrs = {f"models.{name}.lr": best.get(name) if run.lr == "best" else run.lr for name in models}
    return {"train.replicates": run.replicates, **study.changes, **run.changes, **lrs}


def params_of(study: Study, run: Run, params: Params, best: Mapping[str, float]) -> Params:
    """Return the params of a run. Raises InputError where they contradict each other."""
    nested = params.model_dump()
    if study.groups:
        nested["models"] = entries(study)
    for key, value in changes(study, run, nested["models"], best).items():
        *sections, last = key.split(".")
        section = nested
        for name in sections:
            section = section[name]
        section[last] = value
    try:
        return Params.model_validate(nested)
    except ValidationError as error:
        raise InputError(f"tools/study/studies.py: run {run.name}: {explain(error)}") from None


def entries(study: Study) -> dict[str, dict[str, Any]]:
    """Return the study's models as params.yaml has them."""
    return {
        name: {"hidden_size": one.hidden_size, "num_layers": one.num_layers, "cell": one.cell, "lr": None}
        for name, one in study.models().items()
    }


def set_params(study: Study, run: Run, params: Params, best: Mapping[str, float]) -> list[str]:
    """Return what `dvc exp run --set-param` takes, in Hydra's grammar, to make params.yaml that of a run."""
    models: Mapping[str, Any] = params.models
    flags = []
    if study.groups:
        flags = [f"~models.{name}" for name in models]
        models = entries(study)
        for name, entry in models.items():
            pairs = ", ".join(f"{key}: {json.dumps(value)}" for key, value in entry.items())
            flags.append(f"+models.{name}={{{pairs}}}")
    pairs_of = changes(study, run, list(models), best).items()
    return [*flags, *(f"{key}={json.dumps(value)}" for key, value in pairs_of)]


def run_experiment(name: str, set_params: Sequence[str]) -> Experiment:
    """Run the pipeline with changed params as the DVC experiment `name`, apart from the workspace; return its reports.

    Raises:
        InputError: DVC could not run it.
    """
    # The name may be that of an earlier study.
    subprocess.run(["dvc", "exp", "remove", "--quiet", name], check=False, stderr=subprocess.DEVNULL)
    flags = [flag for change in set_params for flag in ("--set-param", change)]
    command = ["exp", "run", "--temp", "--name", name, *flags]
    print(f"Experiment {name}", file=sys.stderr)
    head = git("rev-parse", "HEAD")  # which a commit moves while this runs
    if dvc(*command):
        raise InputError(f"dvc {' '.join(command)}: failed, see above; begun again, the study goes on there")
    return read_experiment(name, head)


def read_experiment(name: str, head: str) -> Experiment:
    """Return the reports of the DVC experiment `name` of the commit `head`, whatever branch has that name too."""
    files = Files({name: commit for commit, name in experiments("--rev", head).items()}[name])
    outcomes, comparisons = files.table("outcomes"), files.table("comparisons")
    return Experiment(files.results(), outcomes, comparisons[comparisons["epoch"].isin(outcomes["epoch"])])
