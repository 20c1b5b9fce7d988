"""Mistakes and interrupts are told in one line, whenever they come."""

import errno
import subprocess
import sys

import pytest

from stages.errors import InputError, tell
from tests.conftest import TOP, Run


@pytest.mark.parametrize(
    ("error", "line", "code"),
    [
        (InputError("a.csv: found\n\x1b[2J1\u2028é"), "a.csv: found  [2J1 é", 2),
        (OSError(errno.ENOSPC, "No space left on device", "a.csv"), "a.csv: No space left on device", 2),
        (OSError("odd"), "a file: odd", 2),
        (MemoryError("1 GB"), "params.yaml: sizes that need more memory than there is (1 GB)", 2),
        (KeyboardInterrupt(), "interrupted", 130),
    ],
)
def test_a_mistake_is_a_line_and_an_exit_code(
    error: BaseException, line: str, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        tell(type(error), error, None)
    assert (caught.value.code, capsys.readouterr().err) == (code, f"{line}\n")


def test_a_fault_of_our_own_keeps_its_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    tell(ZeroDivisionError, ZeroDivisionError("ours"), None)
    assert capsys.readouterr().err == "ZeroDivisionError: ours\n"


@pytest.mark.parametrize(
    ("module", "imported"),
    [("stages.plot", "matplotlib"), ("tools.review", "dvc"), ("stages.train", "numpy")],
)
def test_an_interrupt_during_the_imports_is_a_line(module: str, imported: str) -> None:
    code = (
        "import builtins, os, runpy, signal\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # a background process ignores it
        "before = builtins.__import__\n"
        "def interrupted(name, *rest, **more):\n"
        f"    name == '{imported}' and os.kill(os.getpid(), signal.SIGINT)\n"
        "    return before(name, *rest, **more)\n"
        "builtins.__import__ = interrupted\n"
        f"runpy.run_module('{module}', run_name='__main__')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=TOP, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "interrupted\n")


@pytest.mark.slow
def test_a_users_own_backend_of_matplotlib_does_not_matter(run: Run) -> None:
    done = run("python -c 'import stages.plot.__main__'", TOP, MPLBACKEND="nonsense")
    assert (done.returncode, done.stderr) == (0, "")
