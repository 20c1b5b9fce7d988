"""`make prove`: the committed results are what the committed code makes, or it says which are not."""

import hashlib
from pathlib import Path

import pytest

from stages.train.exact.compiled import cache_folder
from stages.train.store import LIMIT, pack, unpack
from tests.conftest import Call, Run, change
from tools.prove import words


@pytest.fixture
def forged_store(
    project: Path, call: Call, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> dict[str, str]:
    """Return an environment in which the store has other weights for a model, which its stage takes for trained."""
    cache = tmp_path / "cache/stacked-rnn"
    cache.mkdir(parents=True)
    (cache / cache_folder().name).symlink_to(cache_folder())  # what is compiled, for its time
    environment = {"XDG_CACHE_HOME": str(tmp_path / "cache"), LIMIT: "1"}
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    weights = project / "data/models/single.safetensors"
    honest = weights.read_bytes()
    assert call(project, "stages.train", "single")[0] == 0
    kept = list((cache / "replicates").glob("*/*"))
    assert len(kept) == 3
    for path in kept:
        state = unpack(path.read_bytes())
        path.write_bytes(
            pack(state._replace(weights={name: array + 1 for name, array in state.weights.items()}))
        )
    assert call(project, "stages.train", "single")[0] == 0
    assert weights.read_bytes() != honest
    assert run("dvc checkout --force", project).returncode == 0
    assert weights.read_bytes() == honest
    return environment


@pytest.mark.slow
def test_what_differs_is_named_and_the_folder_stays_as_it_is(
    project: Path, run: Run, forged_store: dict[str, str]
) -> None:
    """A commit of which `dvc repro` says that everything is up to date: the lock was forged too, not only the store."""
    report, lock = project / "reports/README.md", project / "dvc.lock"
    before = hashlib.md5(report.read_bytes()).hexdigest()
    report.write_bytes(report.read_bytes().replace(b"inconclusive", b"inconclusivE", 1))
    change(lock, before, hashlib.md5(report.read_bytes()).hexdigest())
    # What was committed once and is made no more; the study is made elsewhere.
    (project / "reports/old.png").write_bytes(b"from another time")
    (project / "reports/study").mkdir()
    (project / "reports/study/README.md").write_text("The study.\n")
    done = run("git add --all && git commit --quiet --message Forged && dvc repro", project)
    assert done.stdout.endswith("Data and pipelines are up to date.\n")
    # DVC keeps the entry of a model that is gone.
    change(lock, "  evaluate:\n", "  train@gone:\n    cmd: python -m stages.train gone\n  evaluate:\n")
    assert run("git commit --quiet --all --message Gone", project).returncode == 0
    (project / "notes.txt").write_text("mine\n")
    state = run("git status --porcelain && git rev-parse HEAD", project).stdout
    proof = run("python -m tools.prove", project, **forged_store)
    assert proof.returncode == 1, proof.stderr
    assert [line for line in proof.stdout.splitlines() if line.startswith("- ")] == [
        "- dvc.lock",
        "- reports/README.md",
        "- reports/old.png, which no stage makes: delete it",
    ]
    assert "To mend it: `rm dvc.lock && dvc repro --force`" in proof.stdout
    assert proof.stdout.endswith("Changes that are not committed are no part of this.\n")
    assert run("git status --porcelain && git rev-parse HEAD", project).stdout == state
    assert lock.exists()


def test_the_words_for_honest_results() -> None:
    assert words("abc1234", []).startswith("**Proved.** A run from nothing gives the `dvc.lock`, the reports")


def test_a_files_name_is_no_markup() -> None:
    assert "\n- reports/\\`@&#8203;you\\`\n" in words("abc1234", [" M reports/`@you`"])


@pytest.mark.slow
def test_a_pipeline_that_fails_is_not_proved(project: Path, run: Run) -> None:
    (project / "params.yaml").write_text((project / "params.yaml").read_text().replace("lr: 0.01", "lr: -1"))
    assert run("git commit --quiet --all --message Wrong", project).returncode == 0
    proof = run("python -m tools.prove", project)
    assert proof.returncode == 2
    assert proof.stdout.startswith("**Not proved.** `dvc repro --force` fails")
    assert proof.stderr.endswith(
        "not proved: `dvc repro --force` fails in a fresh clone of HEAD; its words are above\n"
    )


@pytest.mark.slow
def test_elsewhere_it_says_where_to_run(project: Path, run: Run, tmp_path: Path) -> None:
    below = run("PYTHONPATH=.. python -m tools.prove", project / "reports")
    assert (below.returncode, below.stderr) == (2, "run from the top folder of the project\n")
    outside = run(f"PYTHONPATH={project} GIT_CEILING_DIRECTORIES=/ python -m tools.prove", tmp_path)
    assert outside.returncode == 2
    assert outside.stderr.startswith("git rev-parse: fatal: not a git repository")
    assert outside.stderr.count("\n") == 1
