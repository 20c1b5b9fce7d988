"""The whole pipeline, run by the real DVC on tiny params."""

import json
import re
import shutil
from pathlib import Path

import pandas as pd
import pytest

from stages.plot.figures import FIGURES
from stages.results import TABLES, figure_path, table_path
from tests.conftest import TOP, Call, Run, change, files, run_stages, stages_run, tiny_params

pytestmark = pytest.mark.slow

TRAINED = ["train@single", "train@stacked", "train@wide"]
FILES = {
    "data/dataset.safetensors",
    "data/params-checked",
    *(f"data/losses/{name}.csv" for name in ("single", "stacked", "wide")),
    *(f"data/models/{name}.safetensors" for name in ("single", "stacked", "wide")),
}
REPORTS = {
    "reports/README.md",
    "reports/details.json",
    "reports/metrics.json",
    *(figure_path(name).as_posix() for name in FIGURES),
    *(table_path(name).as_posix() for name in TABLES),
}


def test_leaves_exactly_the_promised_files_and_a_clean_tree(finished_project: Path, run: Run) -> None:
    assert set(files(finished_project, "data")) == FILES | {"data/sunspots.csv"}
    assert set(files(finished_project, "reports")) == REPORTS
    assert run("git status --porcelain", finished_project).stdout == ""
    tracked = run("git ls-files", finished_project).stdout.split()
    assert REPORTS.issubset(tracked)
    assert FILES.isdisjoint(tracked)


def test_a_second_repro_does_nothing(project: Path, run: Run) -> None:
    again = run("dvc repro", project)
    assert again.stdout.endswith("Data and pipelines are up to date.\n")
    assert stages_run(again.stdout) == []
    assert run("git status --porcelain", project).stdout == ""


def test_distclean_removes_what_the_stages_make_and_nothing_of_the_users(tmp_path: Path, run: Run) -> None:
    shutil.copy(TOP / "Makefile", tmp_path)
    mine = ["data/mine.csv", "data/mine.tsv", "data/raw/mine.csv"]
    for name in (*FILES, *mine):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    assert run("make distclean", tmp_path).returncode == 0
    assert sorted(files(tmp_path, "data")) == mine


def test_an_idea_reruns_only_what_it_concerns_and_rewrites_its_lines(idea: Path, run: Run) -> None:
    assert stages_run((idea / ".git/said").read_text()) == ["check", "train@stacked", "evaluate", "plot"]
    assert run("git diff --numstat params.yaml", idea).stdout == "2\t2\tparams.yaml\n"
    shown = run("dvc exp show --csv", idea).stdout
    assert "stacked.solved" in shown


def test_a_changed_line_in_the_plot_stage_reruns_plot_alone(project: Path, run: Run) -> None:
    change(project / "stages/plot/report.md.jinja", "# Results", "# The results")
    again = run("dvc repro", project)
    assert stages_run(again.stdout) == ["plot"]
    assert (project / "reports/README.md").read_text().startswith("# The results\n")


def test_adding_a_model_or_a_replicate_changes_no_other_numbers(project: Path, run: Run, call: Call) -> None:
    before = files(project, "data")
    entry = "  a-third_0: {hidden_size: 3, num_layers: 3, cell: rnn_relu, lr: 0.02}\n"
    change(project / "params.yaml", "\ntrain:\n", f"{entry}\ntrain:\n")
    assert stages_run(run("dvc repro train", project).stdout) == ["check", "train@a-third_0"]
    after = files(project, "data")
    assert {name: after[name] for name in before} == before
    assert call(project, "stages.evaluate")[0] == 0
    assert "a-third_0" in json.loads((project / "reports/metrics.json").read_text())

    change(project / "params.yaml", "replicates: 3", "replicates: 4")
    assert call(project, "stages.train", "single")[0] == 0
    more = (project / "data/losses/single.csv").read_bytes()
    assert more.startswith(before["data/losses/single.csv"])
    assert len(more) > len(before["data/losses/single.csv"])


def test_a_models_own_step_size_wins_over_the_common_one(project: Path, call: Call) -> None:
    losses = project / "data/losses/single.csv"
    before = losses.read_bytes()
    change(project / "params.yaml", "lr: 0.01", "lr: 0.5")
    assert call(project, "stages.train", "single")[0] == 0
    assert losses.read_bytes() != before
    change(project / "params.yaml", "lr: # this", "lr: 0.01 # this")
    assert call(project, "stages.train", "single")[0] == 0
    assert losses.read_bytes() == before


def test_a_removed_model_is_gone_and_leaves_a_fresh_clones_hashes(
    project: Path, run: Run, call: Call
) -> None:
    """DVC hashes what evaluate depends on after evaluate has deleted what is of no model."""
    before = files(project, "data")
    text = (project / "params.yaml").read_text()
    (project / "params.yaml").write_text(re.sub(r"(?m)^  wide:.*?(?=\ntrain:)", "", text, flags=re.DOTALL))
    assert stages_run(run("dvc repro evaluate", project).stdout) == ["check", "evaluate"]
    assert files(project, "data") == {name: content for name, content in before.items() if "wide" not in name}
    assert run("dvc status evaluate", project).stdout == "Data and pipelines are up to date.\n"
    assert call(project, "stages.plot")[0] == 0
    assert "| wide |" not in (project / "reports/README.md").read_text()


def test_another_season_is_evaluated_anew_though_no_window_is_another(project: Path, run: Run) -> None:
    change(project / "params.yaml", "season: 11", "season: 12")
    assert "data.series.season" in run("dvc status evaluate", project).stdout


def test_wrong_params_say_so_and_checkout_brings_everything_back(project: Path, run: Run) -> None:
    before = files(project, "data", "reports")
    change(project / "params.yaml", "lr: 0.01", "lr: -1")
    failed = run("dvc repro", project)
    assert failed.returncode == 255
    assert "params.yaml: train.lr: found -1; allowed: a number above 0; `git restore" in failed.stderr
    assert "Traceback" not in failed.stderr
    change(project / "params.yaml", "lr: -1", "lr: 0.01")
    assert run("dvc checkout && git checkout --quiet reports", project).returncode == 0
    assert files(project, "data", "reports") == before


def test_wrong_params_stop_each_stage_with_one_line(project: Path, call: Call) -> None:
    before = files(project, "data", "reports")
    change(project / "params.yaml", "epochs: 4", "epochs: 0")
    line = "params.yaml: train.epochs: found 0; allowed: a whole number, 1 or more; `git restore params.yaml` undoes"
    for stage in (["generate"], ["train", "single"], ["evaluate"], ["plot"]):
        code, out, err = call(project, f"stages.{stage[0]}", *stage[1:])
        assert (code, out) == (2, "")
        assert err.startswith(line) and err.count("\n") == 1
    assert files(project, "data", "reports") == before


def test_a_missing_or_damaged_dataset_names_the_command_that_makes_it(
    project: Path, call: Call, run: Run
) -> None:
    path = project / "data/dataset.safetensors"
    content = path.read_bytes()
    for damaged in (None, content[:500], b"no arrays\n"):
        path.unlink()
        if damaged:
            path.write_bytes(damaged)
        found = r"damaged \(.*\)" if damaged else "missing"
        for stage in (["train", "single"], ["evaluate"]):
            code, out, err = call(project, f"stages.{stage[0]}", *stage[1:])
            assert (code, out) == (2, "")
            assert re.fullmatch(rf"data/dataset\.safetensors: {found}; `dvc repro generate` makes it\n", err)
        path.write_bytes(content)
    path.unlink()
    assert run("dvc repro generate", project).returncode == 0
    assert path.read_bytes() == content


NETWORK = "hidden_size: 4, num_layers: 1, cell: rnn_tanh, lr: 0.01"
BLOCK = NETWORK.replace(", ", "\n    ")


NAMES = {
    "shell": (f"'x; touch pwned; true ': {{{NETWORK}}}", "ERROR: Path .* is ignored by .dvcignore"),
    "path": (f"../../reports/study/sweep: {{{NETWORK}}}", "ERROR: Path .* is ignored by .dvcignore"),
    "other letters": (f"Big model.2: {{{NETWORK}}}", r"params\.yaml: models: found 'Big model\.2'; allowed"),
    "path outside": (
        f"../../../outside: {{{NETWORK}}}",
        r"params\.yaml: models: found '\.\./\.\./\.\./outside'; allowed",
    ),
    # Its path is data/losses/b.csv, and its params are those that the first line nests.
    "both": (
        f"a:\n    {BLOCK}\n    '; touch pwned; /':\n      '':\n        /b: 1\n"
        f"  'a.; touch pwned; /../b': {{{NETWORK}}}",
        r"params\.yaml: models\.a\.; touch pwned; /: unknown key",
    ),
}


# Of an experiment, one that DVC refuses and one that the first stage does.
@pytest.mark.parametrize(
    ("command", "name"),
    [
        *(("dvc repro", name) for name in NAMES),
        *(("dvc exp run -S train.lr=0.02", name) for name in ("path", "both")),
    ],
)
def test_a_models_name_runs_and_removes_nothing(command: str, name: str, project: Path, run: Run) -> None:
    models, line = NAMES[name]
    change(project / "params.yaml", "\ntrain:", f"  {models}\n\ntrain:")
    kept = [project / "reports/study/sweep.csv", project.parent / "outside.csv"]
    for path in kept:
        path.parent.mkdir(exist_ok=True)
        path.write_text("kept\n")
    before = files(project, "data/losses", "data/models", "reports")
    failed = run(command, project)
    assert re.search(f"^{line}", failed.stdout + failed.stderr, re.MULTILINE)
    assert failed.returncode == 255
    assert files(project, "data/losses", "data/models", "reports") == before
    assert kept[1].exists() and not list(project.rglob("pwned"))
    assert set(stages_run(failed.stdout)) <= {"check"}


def test_pytorchs_engine_trains_the_same_networks(finished_project: Path, tmp_path: Path) -> None:
    (tmp_path / "params.yaml").write_text(tiny_params().replace("engine: exact", "engine: torch"))
    run_stages(tmp_path)
    for name in ("single", "stacked", "wide"):
        by_torch, by_kernel = (
            pd.read_csv(folder / f"data/losses/{name}.csv") for folder in (tmp_path, finished_project)
        )
        assert by_torch["train_mse"].tolist() == pytest.approx(by_kernel["train_mse"].tolist(), rel=1e-4)
        assert by_torch["train_mse"].tolist() != by_kernel["train_mse"].tolist()


def test_each_report_has_its_columns(finished_project: Path) -> None:
    losses = pd.read_csv(finished_project / "reports/losses.csv")
    assert list(losses.columns) == ["model", "epoch", "median", "q25", "q75"]
    assert losses.groupby("model", sort=False)["epoch"].apply(list).to_dict() == {
        name: [0, 1, 2, 3, 4] for name in ("single", "stacked", "wide")
    }
    raw = pd.read_csv(finished_project / "data/losses/single.csv")
    assert list(raw.columns) == ["replicate", "epoch", "train_mse", "test_mse"]
    assert raw[raw["test_mse"].notna()]["epoch"].unique().tolist() == [0, 2, 4]
    medians = raw.groupby("epoch")["train_mse"].median()
    assert losses[losses["model"] == "single"]["median"].tolist() == pytest.approx(medians.tolist(), rel=1e-5)
    predictions = pd.read_csv(finished_project / "reports/predictions.csv")
    assert predictions.groupby("model").size().to_dict() == {"single": 30, "stacked": 30, "wide": 30}


def test_the_template_draws_every_model_and_revision(project: Path, run: Run) -> None:
    losses = pd.read_csv(project / "reports/losses.csv")
    losses.assign(median=losses["median"] / 2).to_csv(project / "reports/losses.csv", index=False)
    spec = json.loads(run("dvc plots diff --show-vega HEAD workspace --targets losses", project).stdout)
    values = spec["data"]["values"]
    assert {row["model"] for row in values} == {"single", "stacked", "wide"}
    assert {row["rev"] for row in values} == {"HEAD", "workspace"}
    assert {"epoch", "median", "q25", "q75"} <= set(values[0])
    assert "DVC_METRIC" not in json.dumps(spec)


def test_what_decides_no_byte_of_training_leaves_it_up_to_date(project: Path, run: Run) -> None:
    for path in (
        "requirements.in",
        "requirements.txt",
        "stages/errors.py",
        "stages/evaluate/requirements.in",
        "stages/params.py",
        "stages/plot/figures.py",
        "stages/plot/requirements.in",
        "stages/results.py",
        "stages/train/README.md",
        "stages/words.py",
        "stages/yaml12.py",
    ):
        with (project / path).open("a") as file:
            file.write("\n")
    change(project / "params.yaml", "solved_r2: 0.9", "solved_r2: 0.8")
    status = run(f"dvc status {' '.join(TRAINED)}", project)
    assert status.stdout == "Data and pipelines are up to date.\n"
    change(project / "params.yaml", "engine: exact", "engine: torch")
    stale = run("dvc status", project).stdout
    assert re.findall(r"^(\S+):$", stale, re.MULTILINE) == ["check", *TRAINED, "evaluate", "plot"]
