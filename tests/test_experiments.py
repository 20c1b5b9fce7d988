"""What DVC's users do with more than one run: a queue of experiments, and sharing through a remote."""

from pathlib import Path

import pytest

from stages.train.exact.compiled import cache_folder
from tests.conftest import Run, files, stages_run

pytestmark = pytest.mark.slow


def test_a_queue_finishes_on_two_workers(project: Path, run: Run) -> None:
    compiled = cache_folder()
    before = {path: path.stat().st_mtime_ns for path in compiled.iterdir()}
    queued = run("dvc exp run --queue -S models.stacked.num_layers=1,3 -S models.stacked.lr=0.003", project)
    assert queued.stdout.count("Queued experiment") == 2
    try:
        # `dvc queue start`, and waiting for the end.
        done = run("dvc exp run --run-all --jobs 2", project, OMP_NUM_THREADS="1")
    finally:
        run("dvc queue stop --kill", project)
    assert done.returncode == 0, done.stdout + done.stderr
    status = run("dvc queue status", project).stdout
    assert (status.count("Success"), status.count("Failed")) == (2, 0), status

    names = run("dvc exp list --name-only", project).stdout.split()
    review = run(f"python -m tools.review HEAD {' '.join(names)}", project)
    assert (review.returncode, review.stderr) == (0, "")
    changes = {f"models.stacked.num_layers={layers}, models.stacked.lr=0.003" for layers in (1, 3)}
    for change in changes:
        assert f": {change};" in review.stdout

    # The temporary folders are not the workspace, and use what was compiled there (other tests may compile more).
    assert run("git status --porcelain", project).stdout == ""
    assert {path: path.stat().st_mtime_ns for path in before} == before

    table = run("python -m tools.experiments", project).stdout
    assert max(map(len, table.splitlines())) <= 80
    paragraphs = [paragraph.splitlines() for paragraph in table.split("\n\n")[1:]]
    assert sorted(outcome.split()[-1] for _, outcome in paragraphs if outcome.split()[-1] in names) == sorted(
        names
    )
    assert {changed for changed, _ in paragraphs} == {"the last commit"} | changes


def test_a_second_clone_pulls_and_finds_everything_up_to_date(
    project: Path, run: Run, tmp_path: Path
) -> None:
    pushed = run(
        f"dvc remote add --force --default storage {tmp_path / 'storage'} "
        "&& git commit --quiet --message Remote .dvc/config && dvc push",
        project,
    )
    assert pushed.returncode == 0, pushed.stderr
    assert run(f"git clone --quiet {project} clone", tmp_path).returncode == 0
    clone = tmp_path / "clone"
    pulled = run("dvc pull", clone)
    assert pulled.returncode == 0, pulled.stderr
    assert files(clone, "data") == files(project, "data")
    again = run("dvc repro", clone)
    assert stages_run(again.stdout) == []
    assert again.stdout.endswith("Data and pipelines are up to date.\n")
    assert run("git status --porcelain", clone).stdout == ""
