"""What is printed at length, to one who reads it all and to one who has gone."""

import os
import subprocess
import sys

import pytest

from tests.conftest import TOP


@pytest.mark.parametrize(
    "command", [["-c", "from tools.terminal import show\nshow('x')\nprint('y')"], ["-m", "tools.study"]]
)
def test_a_reader_who_has_gone_is_no_mistake(command: list[str]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [sys.executable, *command], cwd=TOP, stdout=writing, stderr=subprocess.PIPE, text=True
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (0, "")
