"""What git says."""

import os
import re
import subprocess
from pathlib import Path

from stages.errors import InputError


def git(*arguments: str, folder: Path = Path()) -> str:
    """Return git's answer. Raises InputError where git failed."""
    done = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True)
    if done.returncode:
        raise InputError(f"git {arguments[0]}: {' '.join(done.stderr.split())}")
    return done.stdout.rstrip()


def git_or_nothing(*arguments: str) -> str:
    """Return git's answer, empty where it has none."""
    try:
        return git(*arguments)
    except InputError:
        return ""


def check_top_folder() -> None:
    """Raise InputError outside of the top folder of a repository."""
    if git("rev-parse", "--show-cdup"):
        raise InputError("run from the top folder of the project")


def base_branch() -> str:
    """Return the base branch, or the commit where HEAD left it if it went on since: a pull request's diff.

    The base branch is the pull request's on a runner (GITHUB_BASE_REF), else the one that the remote calls
    its HEAD, else main.

    Raises:
        InputError: there is none, or no commit is common.
    """
    wanted = os.environ.get("GITHUB_BASE_REF")
    candidates = [f"origin/{wanted}"] if wanted else ["origin/HEAD", "main"]
    for candidate in candidates:
        if tip := git_or_nothing("rev-parse", "--verify", "--quiet", f"{candidate}^{{commit}}"):
            left = git_or_nothing("merge-base", candidate, "HEAD")
            if not left:
                raise InputError(
                    f"{candidate}: no commit in common with HEAD; `git fetch --unshallow` gets a clone's history"
                )
            return git("rev-parse", "--abbrev-ref", candidate) if left == tip else left
    raise InputError(
        f"no base branch: found none of {', '.join(candidates)}; name a revision to compare with"
    )


def image_folder(commit: str) -> str | None:
    """Return the address under which GitHub shows a commit's files; None where origin is elsewhere or lacks it."""
    if "GITHUB_REPOSITORY" in os.environ:
        server = os.environ.get("GITHUB_SERVER_URL", "https://github.com")
        return f"{server}/{os.environ['GITHUB_REPOSITORY']}/raw/{commit}"
    if not git_or_nothing("branch", "--remotes", "--contains", commit):
        return None
    origin = re.fullmatch(
        r"(?:https://|ssh://git@|git@)github\.com[:/](.+?)(?:\.git)?/?",
        git_or_nothing("remote", "get-url", "origin"),
    )
    return f"https://github.com/{origin[1]}/raw/{commit}" if origin else None
