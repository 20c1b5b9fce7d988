"""`python -m stages.prove`: whether the committed lock, reports and figures are what the commit's code makes.

HEAD is cloned to a temporary folder and run there from nothing: without its lock, without a cache. What git
then sees as changed is not proved. The folder that this is called in stays as it is.
"""

import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from stages.errors import InputError, run


def main() -> None:
    """Say whether HEAD is proved; DVC's own output goes to stderr."""
    with TemporaryDirectory(prefix="prove-") as folder:
        clone = Path(folder) / "clone"
        if git("rev-parse", "--show-cdup", folder=Path.cwd()) != "":
            raise InputError("run from the top folder of the project")
        git("clone", "--quiet", str(Path.cwd()), str(clone), folder=Path.cwd())
        (clone / "dvc.lock").unlink(missing_ok=True)
        repro(clone)
        changed = git("status", "--porcelain", folder=clone).splitlines()
        commit = git("rev-parse", "--short", "HEAD", folder=clone)
    print(words(commit, [line[3:] for line in changed]))
    if git("status", "--porcelain", folder=Path.cwd()):
        print("Changes that are not committed are no part of this.")
    sys.exit(1 if changed else 0)


def words(commit: str, changed: list[str]) -> str:
    """Return the outcome for a person, as Markdown."""
    if not changed:
        return (
            f"**Proved.** A run from nothing gives the `dvc.lock`, the reports and the figures of {commit}, "
            "to the byte."
        )
    files = "\n".join(f"- {path}" for path in changed)
    return (
        f"**Not proved.** A run from nothing gives other bytes than {commit} has in:\n\n{files}\n\n"
        "To mend it: `rm dvc.lock && dvc repro --force`, look at `git diff`, and commit what changed."
    )


def repro(clone: Path) -> None:
    """Run the whole pipeline in `clone`, with a cache of its own and this Python first on PATH.

    Raises:
        InputError: it failed.

    """
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    for command in (["config", "--local", "cache.dir", ".dvc/cache"], ["repro", "--force"]):
        done = subprocess.run(
            [sys.executable, "-m", "dvc", *command],
            cwd=clone,
            env=os.environ | {"PATH": path},
            stdout=sys.stderr,
        )
        if done.returncode:
            raise InputError(
                "not proved: `dvc repro --force` fails in a fresh clone of HEAD; its words are above"
            )


def git(*arguments: str, folder: Path) -> str:
    """Return git's answer.

    Raises:
        InputError: git failed.

    """
    done = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True)
    if done.returncode:
        raise InputError(f"git {arguments[0]}: {' '.join(done.stderr.split())}")
    return done.stdout.rstrip()


if __name__ == "__main__":
    run(main)
