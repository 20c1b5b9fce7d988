"""The study chooses on one set of seeds, reports on another, and says what the numbers say."""

import contextlib
import math
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import LineCollection

from stages import results
from stages.params import Params, load_params
from stages.results import Estimate, Verdict
from tests.conftest import PARAMS, TOP, Run
from tests.tools import conftest as made_up
from tools.study import experiments, mean, studies
from tools.study.data_sets import mean_interval, shares_of_spread, variance_shares
from tools.study.experiments import Experiment, Ran, best_steps, read_experiment, run_study
from tools.study.mean import REPORTED
from tools.study.studies import Run as StudyRun

PAIRS = ["stacked vs single", "stacked vs wide"]
BEST = {"single": 0.003, "stacked": 0.001, "wide": 0.001}


@pytest.fixture(scope="module")
def params() -> Params:
    with contextlib.chdir(PARAMS.parent):
        return load_params()


def experiment(
    single: float,
    stacked: float,
    wide: float,
    p: float = 0.6,
    verdict: Verdict = "inconclusive",
    solved: float = 0.5,
    detectable: float | None = 0.61,
) -> Experiment:
    """Return an experiment with these IQMs, and the same outcome in both pairs."""
    iqm = {
        name: Estimate(value, 0.001, math.inf) if value < math.inf else Estimate(value)
        for name, value in (("single", single), ("stacked", stacked), ("wide", wide))
    }
    groups = {name: made_up.model(estimate, Estimate(solved, 0.4, 0.6)) for name, estimate in iqm.items()}
    early = made_up.pair(Estimate(p / 2, 0.5, 0.7), "worse").last.test
    compared = made_up.pair(
        Estimate(p, 0.5, 0.7), verdict, early, detectable if verdict == "inconclusive" else None
    )
    comparisons = pd.DataFrame(
        [(pair, epoch, p * epoch / 1000, 0.5, 0.7) for pair in PAIRS for epoch in (100, 1000)],
        columns=["pair", "epoch", "p", "p_low", "p_high"],
    )
    outcomes = pd.DataFrame(
        [(name, r, epoch, 0.0, 10.0 ** -(r + p)) for name in iqm for r in range(3) for epoch in (100, 1000)],
        columns=["model", "replicate", "epoch", "train_mse", "test_mse"],
    )
    both = made_up.results(**groups, stacked_vs_single=compared, stacked_vs_wide=compared)
    return Experiment(both, outcomes, comparisons)


SWEEP = {
    0.001: experiment(3e-3, 1e-5, 1e-5),
    0.003: experiment(2e-5, 2e-5, 1e-5),
    0.01: experiment(math.inf, math.inf, math.inf),
}


def answered(
    params: Params,
    fresh: Experiment,
    sweep: dict[float, Experiment] = SWEEP,
    elsewhere: tuple[Experiment, ...] = (),
) -> Ran:
    """Return a study of which these runs came out; `elsewhere` is on other data sets, with the default settings."""
    runs = [(StudyRun(f"lr-{lr}", 3, {}, lr), one) for lr, one in sweep.items()]
    runs.append((StudyRun("best", 3, {}, "best"), fresh))
    runs += [(StudyRun(f"data-{n}", 3, {"data.seed": n}, "own"), one) for n, one in enumerate(elsewhere)]
    study = studies.mean()._replace(runs=tuple(run for run, _ in runs))
    return Ran("mean", study, params, BEST, {run.name: one for run, one in runs})


def test_each_models_best_step_has_the_lowest_mean_and_the_first_of_equals() -> None:
    assert best_steps(SWEEP, list(BEST)) == BEST


def test_selection_and_report_use_other_seeds_than_each_other_and_than_the_default() -> None:
    assert len({0, studies.SELECTION_SEED, studies.FRESH_SEED}) == 3


def test_the_answer_is_three_sentences_from_the_numbers(params: Params) -> None:
    fresh = experiment(1e-5, 1e-5, 1e-5, p=0.8, verdict="better", solved=0.9)
    assert mean.sentences(answered(params, fresh)) == (
        "With the original's step size of 0.01, after 100 epochs 0 % of stacked and 0 % of single replicates have "
        "solved the task, and after 1,000 epochs stacked beats single in 60 % of pairs (95 % interval 50 to 70 %): "
        "inconclusive, since so many replicates tell only 39 % or less, or 61 % or more from 50 %. With each model's "
        "best step size (0.003 for single, 0.001 for stacked, 0.001 for wide; chosen on other seeds), 90 % of the "
        "stacked and 90 % of the single replicates have solved it (IQM of the test MSE 1e-05 and 1e-05), and stacked "
        "beats single in 80 % of pairs (95 % interval 50 to 70 %): better. Against wide, the control, stacked beats "
        "wide in 80 % of pairs (95 % interval 50 to 70 %): better."
    )


def test_too_few_replicates_and_other_settings_change_the_answer(
    params: Params, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mean, "ORIGINAL_LR", 0.02)
    few = experiment(1e-5, 1e-5, 1e-5, detectable=None)
    late = {name: one._replace(earlier={200: one.last}) for name, one in few.results.models.items()}
    original = few._replace(results=few.results._replace(models=late))
    text = mean.sentences(answered(params, few, {0.02: original}))
    assert text.startswith(
        "With the original's step size of 0.02, after 200 epochs 50 % of stacked and 50 % of single replicates have "
        "solved the task, and after 1,000 epochs stacked beats single in 60 % of pairs (95 % interval 50 to 70 %): "
        "inconclusive, since too few replicates tell nothing (it takes 5 at least)."
    )


def test_page_and_tables_show_every_run(params: Params) -> None:
    fresh = experiment(1e-5, 2e-5, 3e-5, p=0.8)
    elsewhere = experiment(1e-5, 1e-5, 1e-5, p=0.5), experiment(1e-5, 1e-5, 1e-5, p=0.7)
    ran = answered(params, fresh, elsewhere=elsewhere)
    page = mean.report(ran)
    assert "\n![How often stacked beats single, and how often wide, at each step size](answer.png)\n" in page
    assert "| step size 0.003 | 2e-05, 50 % | 2e-05, 50 % | 1e-05, 50 % |" in page
    assert "| each model's best | 1e-05, 50 % | 2e-05, 50 % | 3e-05, 50 % |" in page
    cells = "40 % (50 to 70 %), worse | 80 % (50 to 70 %), inconclusive"
    assert f"| each model's best | {cells} | {cells} |" in page
    # t of one degree of freedom is 12.7
    assert (
        "On 2 other data sets, 3 replicates a model each: at the default settings stacked beats single in 60 % of "
        "pairs (0 to 100 %) and stacked beats wide in 60 % of pairs (0 to 100 %)."
    ) in page.split("\n")
    assert "| the default settings | 2 %, 98 % |" in page
    runs = mean.titled(ran)
    *_, without_interval, _, _, last = mean.sweep_rows(ran)
    assert last == ("best, fresh seeds", "wide", 0.001, 0.002, 3e-5, 0.001, math.inf, 0.5, 0.4, 0.6, 0.0)
    assert without_interval[:7] == ("lr 0.01, selection seeds", "wide", 0.01, 0.002, math.inf, None, None)
    assert list(mean.comparison_rows(runs))[-1] == ("each model's best", PAIRS[1], 1000, 0.8, 0.5, 0.7)


def test_the_figure_has_a_panel_a_pair_and_the_last_epoch_of_every_run() -> None:
    rows = [
        (run, pair, epoch, p * epoch / 1000, p - 0.1, p + 0.1)
        for run, p in (("step size 0.1", 0.25), (REPORTED, 0.75))
        for pair in PAIRS
        for epoch in (100, 1000)
    ]
    figure = mean.figure(pd.DataFrame(rows, columns=mean.COMPARISONS))
    assert [axes.get_title() for axes in figure.axes] == PAIRS
    words = [text.get_text() for text in figure.axes[0].get_yticklabels()]
    assert words == ["step size 0.1", "reported: each model's best\nstep size, fresh seeds"]
    for axes, second in zip(figure.axes, ("single", "wide"), strict=True):
        (lines,) = axes.collections
        assert isinstance(lines, LineCollection)
        assert [line[:, 0].tolist() for line in lines.get_segments()] == [[0.15, 0.35], [0.65, 0.85]]
        points, middle = (np.asarray(line.get_xdata()).tolist() for line in axes.get_lines())
        assert (points, middle) == ([0.25, 0.75], [0.5, 0.5])
        sides = {text.get_text(): text.get_position()[0] < 0.5 for text in axes.texts}
        assert (sides["stacked ahead"], sides[f"{second} ahead"]) == (False, True)


def test_the_committed_figure_is_drawn_from_the_committed_table(tmp_path: Path) -> None:
    committed = TOP / "reports/study/mean"
    shutil.copy(committed / "comparisons.csv", tmp_path)
    mean.draw(tmp_path)
    assert (tmp_path / "answer.png").read_bytes() == (committed / "answer.png").read_bytes()


def test_the_mean_over_data_sets_has_students_interval() -> None:
    # of 1, 2, 3 hundredths: 0.02 and 4.303 times 0.01 / sqrt(3) either way
    assert mean_interval([0.51, 0.52, 0.53]) == pytest.approx((0.52, 0.49516, 0.54484), abs=1e-5)
    assert mean_interval([0.1, 0.9]) == (0.5, 0.0, 1.0)


def test_the_study_runs_what_it_says(params: Params, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    asked: dict[str, list[str]] = {}

    def run(name: str, changes: list[str]) -> Experiment:
        asked[name] = changes
        if name == "study-mean-best":
            return experiment(1e-5, 1e-5, 1e-5, p=0.9)
        if "lr" not in name:
            return experiment(1e-5, 1e-5, 1e-5)
        lr = float(name.removeprefix("study-mean-lr-"))
        return experiment(1, 1, 1, p=0.4) if lr == 0.01 else SWEEP.get(lr, SWEEP[0.01])

    monkeypatch.setattr(experiments, "run_experiment", run)
    ran = run_study("mean", studies.mean(), params)
    assert ran.best == BEST
    selection = ["train.replicates=100", "train.seed=1"]
    own = [f"models.{name}.lr={lr}" for name, lr in BEST.items()]
    few = "train.replicates=20"
    assert asked == {
        **{
            f"study-mean-lr-{lr}": [*selection, *(f"models.{name}.lr={lr}" for name in BEST)]
            for lr in (0.0003, 0.001, 0.003, 0.01)
        },
        "study-mean-best": ["train.replicates=100", "train.seed=2", *own],
        **{f"study-mean-data-{seed}": [few, f"data.seed={seed}"] for seed in range(1, 11)},
        **{
            f"study-mean-best-data-{seed}": [few, "train.seed=2", f"data.seed={seed}", *own]
            for seed in range(1, 11)
        },
    }
    said = mean.write(ran, tmp_path / "mean")
    page = (tmp_path / "mean/README.md").read_text()
    assert said in page.split("\n")
    assert "With the original's step size of 0.01, after 100 epochs" in page
    assert "stacked beats single in 40 % of pairs" in page
    assert "stacked beats single in 90 % of pairs" in page
    found = {path.name for path in (tmp_path / "mean").iterdir()}
    assert found == {"README.md", "answer.png", "comparisons.csv", "sweep.csv"}


@pytest.mark.parametrize(("of_rows", "of_columns"), [(0.0, 0.0), (0.5, 0.0), (0.3, 0.3), (0.0, 0.8)])
def test_variance_shares_are_those_that_the_values_were_made_of(of_rows: float, of_columns: float) -> None:
    rng = np.random.default_rng(0)
    values = (
        np.sqrt(of_rows) * rng.standard_normal((400, 1))
        + np.sqrt(of_columns) * rng.standard_normal((1, 400))
        + np.sqrt(1 - of_rows - of_columns) * rng.standard_normal((400, 400))
    )
    assert variance_shares(values) == pytest.approx((of_rows, of_columns), abs=0.05)


def test_shares_of_spread_line_up_replicates_over_data_sets() -> None:
    weights_only = [
        pd.DataFrame(
            [("m", r, 0.0, 10.0**-r) for r in order], columns=["model", "replicate", "train_mse", "test_mse"]
        )
        for order in ([0, 1, 2], [2, 1, 0])
    ]
    assert shares_of_spread(weights_only) == {"m": (0.0, 1.0)}


def test_an_experiments_reports_are_read_from_dvc(
    compared: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(compared)
    head = run("git rev-parse HEAD", compared).stdout.strip()
    # A branch of the same name and another commit, and a commit since.
    aside = "git branch idea && git commit --quiet --allow-empty --message Later"
    assert run(aside, compared).returncode == 0
    found = read_experiment("idea", head)
    assert run("git branch --delete idea && git reset --quiet --soft HEAD~1", compared).returncode == 0
    idea = run("git for-each-ref --format '%(objectname)' 'refs/exps/*/*/idea'", compared).stdout.split()[0]
    assert found.results == results.parse(run(f"git show {idea}:reports/details.json", compared).stdout)
    assert found.comparisons["pair"].unique().tolist() == PAIRS
    assert found.comparisons["epoch"].unique().tolist() == [4]
    assert len(found.outcomes) == 9
