"""A tiny project to run the pipeline in, and the ways to run it."""

import contextlib
import importlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from unittest import mock

import pytest
from filelock import FileLock
from hypothesis import settings

from stages import errors, params
from stages.evaluate import __main__ as evaluate
from stages.generate import __main__ as generate
from stages.plot import __main__ as plot
from stages.train import __main__ as train

# What is tested is trained, here and now: a test of the store says otherwise.
os.environ["STACKED_RNN_STORE_GB"] = "0"
# A make that a test runs is not told that `make test` runs it.
for name in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS"):
    os.environ.pop(name, None)

# The same examples each time; `make fuzz` runs the tests marked fuzz with more, and others each time.
settings.register_profile("suite", derandomize=True, deadline=None, max_examples=150)
settings.register_profile("quick", settings.get_profile("suite"), max_examples=25)
settings.register_profile("fuzz", deadline=None, max_examples=2500)
settings.load_profile("suite")

TOP = Path(__file__).parents[1]
PARAMS = Path(__file__).with_name("params.yaml")  # so that a reader's own, at the top, fail no test
PROJECT_FILES = (
    ".dvc/.gitignore",
    ".dvc/config",
    ".dvc/plots",
    ".dvcignore",
    ".gitignore",
    "data/sunspots.csv",
    "dvc.yaml",
    "requirements.in",
    "requirements.txt",
    "stages",
    "tools",
)
TINY = {
    "num_samples": 40,
    "test_samples": 30,
    "seq_length": 5,
    "hidden_size": 4,
    "epochs": 4,
    "replicates": 3,
    "eval_every": 2,
}

Run = Callable[..., subprocess.CompletedProcess[str]]
Call = Callable[..., tuple[int, str, str]]


def pytest_configure(config: pytest.Config) -> None:
    """Try fewer examples where slow tests are left out."""
    if "not slow" in config.getoption("markexpr"):
        settings.load_profile("quick")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put files with slow tests first, so that no core is left with one when the others are done."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


def tiny_params(**changes: int | float | str) -> str:
    """Return params.yaml with tiny sizes, and each number at the keys that are given replaced."""
    text = PARAMS.read_text()
    for key, value in (TINY | changes).items():
        text, count = re.subn(rf"\b{key}: [\d.]+", f"{key}: {value}", text)
        assert count
    return text


def make_project(folder: Path) -> Path:
    """Make a git repository in `folder` with this project's code and tiny params, all committed."""
    for name in PROJECT_FILES:
        source, target = TOP / name, folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, target)
    (folder / "params.yaml").write_text(tiny_params())
    for command in (
        ["init", "--quiet"],
        ["config", "user.name", "A Tester"],
        ["config", "user.email", "tester@example.org"],
        ["add", "--all"],
        ["commit", "--quiet", "--message", "A tiny project"],
    ):
        subprocess.run(["git", *command], cwd=folder, check=True)
    return folder


def change(path: Path, old: str, new: str) -> None:
    """Replace `old`, which must be there, in the file at `path`."""
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def files(folder: Path, *names: str) -> dict[str, bytes]:
    """Return the bytes of every file below the folders `names`."""
    paths = (path for name in names for path in (folder / name).rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(paths)}


def stages_run(output: str) -> list[str]:
    """Return the stages that DVC says it ran, in order."""
    return re.findall(r"^Running stage '(.*)'", output, re.MULTILINE)


def run_stages(folder: Path) -> dict[str, bytes]:
    """Run every stage in this process, which saves the imports, without DVC; return what is in data/ and reports/."""
    with contextlib.chdir(folder):
        params.main()
        generate.main()
        for name in params.load_params().models:
            with mock.patch("sys.argv", ["stages.train", name]):
                train.main()
        evaluate.main()
        plot.main()
    return files(folder, "data", "reports")


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Run a command in a folder, with this Python first on PATH and no configuration of the user's."""
    home = tmp_path_factory.mktemp("home")
    # A runner's variables would tell the review of another repository.
    environment = {key: value for key, value in os.environ.items() if not key.startswith("GITHUB_")} | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "DVC_GLOBAL_CONFIG_DIR": str(home),
        "DVC_SYSTEM_CONFIG_DIR": str(home),
        "DVC_SITE_CACHE_DIR": str(home),
        "DVC_NO_ANALYTICS": "1",
    }

    def run_command(command: str, folder: Path, **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command, shell=True, cwd=folder, env=environment | more, capture_output=True, text=True
        )

    return run_command


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Call:
    """Call what `python -m` runs in a folder, in this process; return its exit code, stdout and stderr."""

    def call_main(folder: Path, module: str, *arguments: str) -> tuple[int, str, str]:
        monkeypatch.chdir(folder)
        monkeypatch.setattr(sys, "argv", [module, *arguments])
        capsys.readouterr()
        code = 0
        try:
            try:
                importlib.import_module(f"{module}.__main__").main()
            except Exception as error:
                errors.tell(type(error), error, error.__traceback__)
                raise
        except SystemExit as end:
            code = int(end.code or 0)
        return code, *capsys.readouterr()

    return call_main


def made_once(name: str, make: Callable[[Path], None], temporary: pytest.TempPathFactory) -> Path:
    """Return a copy of the folder that `make` fills; it is called once for all of pytest's processes."""
    own = temporary.getbasetemp()
    shared = (own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / name
    with FileLock(f"{shared}.lock"):
        if not shared.exists():
            folder = temporary.mktemp("made")
            make(folder)
            folder.rename(shared)
    return Path(shutil.copytree(shared, temporary.mktemp(name) / "project", symlinks=True))


@pytest.fixture(scope="session")
def finished_project(run: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a project whose pipeline has run and whose results are committed; copy it, do not change it."""

    def make(folder: Path) -> None:
        run_stages(make_project(folder))
        done = run("dvc commit --force && git add --all && git commit --quiet --message Results", folder)
        assert done.returncode == 0, done.stdout + done.stderr

    return made_once("finished", make, tmp_path_factory)


@pytest.fixture(scope="session")
def idea(finished_project: Path, run: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the finished project after an experiment in place, whose words lie in .git/said; do not change it."""

    def make(folder: Path) -> None:
        shutil.copytree(finished_project, folder, symlinks=True, dirs_exist_ok=True)
        command = "dvc exp run --name idea -S models.stacked.num_layers=3 -S evaluate.solved_r2=0.8"
        done = run(f"{command} > .git/said", folder)
        assert done.returncode == 0, done.stderr

    return made_once("idea", make, tmp_path_factory)


@pytest.fixture
def project(finished_project: Path, tmp_path: Path) -> Path:
    """Return a copy of the finished project, free to be changed."""
    return Path(shutil.copytree(finished_project, tmp_path / "project", symlinks=True))
