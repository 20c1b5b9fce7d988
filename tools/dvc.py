"""What DVC is asked to run, and what it says."""

import contextlib
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path


def dvc(*arguments: str, folder: Path = Path(), environment: Mapping[str, str] = os.environ) -> int:
    """Run DVC with its words on stderr, and return its exit code.

    After Ctrl-C it is waited for, and KeyboardInterrupt raised then: DVC has the signal too and ends by itself, while
    `subprocess.run` would kill it on the way, which leaves an experiment that `dvc exp show` lists as running.
    """
    # DVC runs the `python` that it finds on PATH.
    path = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
    command = [sys.executable, "-m", "dvc", *arguments]
    process = subprocess.Popen(command, cwd=folder, env={**environment, "PATH": path}, stdout=sys.stderr)
    try:
        return process.wait()
    except KeyboardInterrupt:
        while process.poll() is None:
            with contextlib.suppress(KeyboardInterrupt):
                process.wait()
        raise


def experiments(*flags: str) -> dict[str, str]:
    """Return the names of the experiments that `dvc exp list` shows by their short hashes: two may have one name."""
    command = [sys.executable, "-m", "dvc", "exp", "list", *flags]
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return dict(re.findall(r"^\t(\w+) \[(.+)\]$", listed, re.MULTILINE))
