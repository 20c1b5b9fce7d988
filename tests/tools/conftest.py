"""Revisions to compare: made up for the pure functions, a tiny project with an experiment for the rest."""

import hashlib
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import vl_convert

from stages.results import (
    Band,
    Baseline,
    BaselineForecast,
    Errors,
    Estimate,
    Forecasts,
    Model,
    ModelMeasure,
    ModelOutcome,
    NetworkForecast,
    Pair,
    PairMeasure,
    PairOutcome,
    Results,
    Split,
    Verdict,
)
from tests.conftest import Call, Run, change, made_once, run_stages
from tools.revisions import Revision

Revise = Callable[..., Revision]
Review = Callable[..., tuple[int, str, str]]

PARAMS: dict[str, Any] = {
    "models.single.num_layers": 1,
    "models.single.lr": None,
    "models.stacked.num_layers": 2,
    "train.lr": 0.01,
    "evaluate.compare": ["stacked vs single"],
    "evaluate.primary": "stacked vs single",
}
LOSSES = pd.DataFrame(
    {
        "model": ["single"] * 3 + ["stacked"] * 3,
        "epoch": [0, 1, 2] * 2,
        "median": [0.1, 0.05, 0.02, 0.2, 0.06, 0.01],
        "q25": [0.09, 0.04, 0.01, 0.1, 0.05, 0.005],
        "q75": [0.2, 0.06, 0.03, 0.3, 0.07, 0.02],
    }
)
FIGURE = Path("reports/figures/losses.png")
IQM, EARLY_IQM = Estimate(0.002, 0.001, 0.003), Estimate(0.004)
SOLVED, P = Estimate(0.25, 0.1, 0.4), Estimate(0.345, 0.193388, 0.536427)


def model(iqm: Estimate = IQM, solved: Estimate = SOLVED, early: Estimate = EARLY_IQM) -> Model:
    """Return a model's results after the last epoch, and after 100 with another IQM and nothing solved."""
    measure = ModelMeasure(median=0.002, r2=0.5, iqm=iqm)
    last = ModelOutcome(measure, measure, solved, diverged=0.0)
    earlier = last._replace(test=measure._replace(iqm=early), solved=Estimate(0.0, 0.0, 0.1))
    return Model(1153, 21152, last, {100: earlier})


def pair(
    p: Estimate = P,
    verdict: Verdict = "inconclusive",
    early: PairMeasure | None = None,
    detectable: float | None = 0.75,
) -> Pair:
    """Return a pair's results after the last epoch, and after 100 if `early` says those of the test data."""
    measure = PairMeasure(p, 0.95, 0.5, verdict, detectable)
    last = PairOutcome(measure, measure, Estimate(0.1, -0.1, 0.3))
    return Pair(last, {100: last._replace(test=early)} if early else {})


def results(**groups: Model | Pair) -> Results:
    """Return results of two models and their pair; what is given, a pair as a_vs_b, is put in their place or added."""
    found = {"single": model(), "stacked": model(), "stacked_vs_single": pair()} | groups
    baseline = Baseline(Split(0.004, 0.004), None, Split(0.004, 0.004))
    return Results(
        baseline,
        {name: one for name, one in found.items() if isinstance(one, Model)},
        {name.replace("_vs_", " vs "): one for name, one in found.items() if isinstance(one, Pair)},
    )


RESULTS = results()


@pytest.fixture
def forecasts() -> Forecasts:
    """Return forecasts by the better of two networks and by one baseline."""
    better, worse, theirs = (Errors(rmse, 1.0, None, [rmse]) for rmse in (20.84, 21.0, 19.3))
    none = Band([], [], [])
    models = {
        "stacked": NetworkForecast(worse, None, "inconclusive", 0.3, none, none),
        "single": NetworkForecast(better, None, "worse", 0.3, none, none),
    }
    baselines = {"last value": BaselineForecast(theirs, [], [])}
    return Forecasts("last value", 9, 0.0, 0.5, 0.95, [], [], [], baselines, models)


@pytest.fixture(scope="session")
def revise() -> Revise:
    """Return a function that makes a revision of two models; what it is given replaces what is here."""

    def make(
        name: str = "main",
        params: dict[str, Any] | None = None,
        results: Results = RESULTS,
        losses: pd.DataFrame = LOSSES,
        figures: dict[Path, bytes] | None = None,
        commit: str | None = None,
        not_run: list[str] | None = None,
    ) -> Revision:
        return Revision(
            name=name,
            commit=commit,
            params=PARAMS | (params or {}),
            results=results,
            losses=losses,
            figures={FIGURE: b"png"} if figures is None else figures,
            not_run=not_run or [],
        )

    return make


@pytest.fixture
def review(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch, call: Call) -> Review:
    """Return a function that calls the command in a folder, and gives its exit code, stdout and stderr."""
    for name in ("GITHUB_BASE_REF", "GITHUB_REPOSITORY"):
        monkeypatch.delenv(name, raising=False)
    for name in ("GLOBAL_CONFIG_DIR", "SYSTEM_CONFIG_DIR", "SITE_CACHE_DIR"):
        monkeypatch.setenv(f"DVC_{name}", str(tmp_path_factory.getbasetemp()))

    return lambda folder, *arguments: call(folder, "tools.review", *arguments)


@pytest.fixture(scope="module")
def no_vega() -> Iterator[None]:
    """Leave out Vega, which takes two seconds a page."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(vl_convert, "javascript_bundle", lambda *_, **__: "")
        yield


@pytest.fixture(scope="session")
def compared(finished_project: Path, run: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a project with an experiment `idea` and the branches that cannot be compared; do not change it.

    `bare` has no pipeline, `unrun` no reports, `broken` damaged metrics, and the losses of `uncached` are
    neither in git nor in the cache.
    """

    def make(folder: Path) -> None:
        shutil.copytree(finished_project, folder, symlinks=True, dirs_exist_ok=True)
        pipeline = (folder / "dvc.yaml").read_text()
        cached = re.sub(r"(- reports/losses\.csv):\n +cache: false", r"\1", pipeline, count=1)
        (folder / "cached.yaml").write_text(cached)
        change(folder / "params.yaml", "solved_r2: 0.9", "solved_r2: 0.8")
        change(folder / "params.yaml", "num_layers: 2", "num_layers: 3")
        run_stages(folder)
        for script in (
            "git branch --move --force main && mv cached.yaml .git",
            "dvc exp save --name idea && git reset --quiet --hard && dvc checkout",
            "git checkout -q --orphan bare && git rm -q -rf . && git commit -q --allow-empty -m Bare",
            "git checkout -q -b unrun main && git rm -q -r reports && git commit -q -m Unrun",
            "git checkout -q -b broken main && echo { > reports/details.json && git commit -q -am Broken",
            "git checkout -q -b uncached main && mv .git/cached.yaml dvc.yaml && git rm -q --cached reports/losses.csv "
            "&& git commit -q -am Uncached && rm reports/losses.csv && git checkout -q main",
        ):
            done = run(script, folder)
            assert done.returncode == 0, done.stderr
        # Where a run puts no report, `dvc commit` and `dvc exp save` put all.
        md5 = hashlib.md5((folder / "reports/losses.csv").read_bytes()).hexdigest()
        (folder / ".dvc/cache/files/md5" / md5[:2] / md5[2:]).unlink()

    return made_once("compared", make, tmp_path_factory)
