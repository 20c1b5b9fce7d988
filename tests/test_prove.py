"""`make prove`: the committed results are what the committed code makes, or it says which are not."""

from pathlib import Path

import pytest

from stages.prove import words
from tests.conftest import Run


@pytest.mark.slow
def test_what_differs_is_named_and_the_folder_stays_as_it_is(project: Path, run: Run) -> None:
    metrics = project / "reports/metrics.json"
    metrics.write_text(metrics.read_text().replace('"parameters": ', '"parameters": 1', 1))
    assert run("git add --all && git commit --quiet --message Forged", project).returncode == 0
    (project / "notes.txt").write_text("mine\n")
    before = run("git status --porcelain && git rev-parse HEAD", project).stdout
    proof = run("python -m stages.prove", project)
    assert proof.returncode == 1
    assert [line for line in proof.stdout.splitlines() if line.startswith("- ")] == ["- reports/metrics.json"]
    assert "To mend it: `rm dvc.lock && dvc repro --force`" in proof.stdout
    assert proof.stdout.endswith("Changes that are not committed are no part of this.\n")
    assert run("git status --porcelain && git rev-parse HEAD", project).stdout == before
    assert (project / "dvc.lock").exists()


def test_the_words_for_honest_results() -> None:
    assert words("abc1234", []).startswith("**Proved.** A run from nothing gives the `dvc.lock`, the reports")


def test_a_pipeline_that_fails_is_not_proved(project: Path, run: Run) -> None:
    (project / "params.yaml").write_text((project / "params.yaml").read_text().replace("lr: 0.01", "lr: -1"))
    assert run("git commit --quiet --all --message Wrong", project).returncode == 0
    proof = run("python -m stages.prove", project)
    assert (proof.returncode, proof.stdout) == (2, "")
    assert proof.stderr.endswith(
        "not proved: `dvc repro --force` fails in a fresh clone of HEAD; its words are above\n"
    )


def test_elsewhere_it_says_where_to_run(project: Path, run: Run, tmp_path: Path) -> None:
    below = run("PYTHONPATH=.. python -m stages.prove", project / "reports")
    assert (below.returncode, below.stderr) == (2, "run from the top folder of the project\n")
    outside = run(f"PYTHONPATH={project} GIT_CEILING_DIRECTORIES=/ python -m stages.prove", tmp_path)
    assert outside.returncode == 2
    assert outside.stderr.startswith("git rev-parse: fatal: not a git repository")
    assert outside.stderr.count("\n") == 1
