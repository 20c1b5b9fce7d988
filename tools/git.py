"""What git says."""

import subprocess
from pathlib import Path

from stages.errors import InputError


def git(*arguments: str, folder: Path = Path()) -> str:
    """Return git's answer.

    Raises:
        InputError: git failed.

    """
    done = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True)
    if done.returncode:
        raise InputError(f"git {arguments[0]}: {' '.join(done.stderr.split())}")
    return done.stdout.rstrip()


def check_top_folder() -> None:
    """Raise InputError outside of the top folder of a repository."""
    if git("rev-parse", "--show-cdup"):
        raise InputError("run from the top folder of the project")
