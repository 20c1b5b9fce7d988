"""What is printed at length, to one who reads it all and to one who has gone."""

import os
import subprocess
import sys

from tests.conftest import TOP


def test_a_reader_who_has_gone_is_no_mistake() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-c", "from tools.terminal import show\nshow('x' * 100_000)\nprint('y')"]
    done = subprocess.run(command, cwd=TOP, stdout=writing, stderr=subprocess.PIPE, text=True)
    os.close(writing)
    assert (done.returncode, done.stderr) == (0, "")
