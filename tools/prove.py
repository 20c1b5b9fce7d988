"""`python -m tools.prove`: whether the committed lock, reports and figures are what the commit's code makes.

HEAD is cloned to a temporary folder and run there from nothing: without its lock, without a cache. What git
then sees as changed is not proved. The folder that this is called in stays as it is.
"""

import os
import sys
from argparse import ArgumentParser
from pathlib import Path
from tempfile import TemporaryDirectory

from stages.errors import InputError
from stages.results import REPORTS
from stages.train.store import LIMIT as STORE_LIMIT
from stages.words import markdown
from tools.dvc import dvc
from tools.git import check_top_folder, git
from tools.study.studies import FOLDER as STUDY


def main() -> None:
    """Say whether HEAD is proved; DVC's own output goes to stderr."""
    ArgumentParser(prog="python -m tools.prove", description=main.__doc__).parse_args()
    check_top_folder()
    commit = git("rev-parse", "--short", "HEAD")
    with TemporaryDirectory(prefix="prove-") as folder:
        clone = Path(folder) / "clone"
        git("clone", "--quiet", str(Path.cwd()), str(clone))
        forget(clone)
        repro(clone)
        changed = git("status", "--porcelain", folder=clone).splitlines()
    print(words(commit, changed))
    if git("status", "--porcelain"):
        print("Changes that are not committed are no part of this.")
    sys.exit(1 if changed else 0)


def words(commit: str, changed: list[str]) -> str:
    """Return the outcome for a person, as Markdown.

    Args:
        commit: short.
        changed: what git's status says, as " M path"; " D" is of a file that the run has not made.
    """
    if not changed:
        return (
            f"**Proved.** A run from nothing gives the `dvc.lock`, the reports and the figures of {commit}, "
            "to the byte. (`reports/study` is what `make study` makes, and no part of this.)"
        )
    files = "\n".join(
        f"- {markdown(line[3:])}{', which no stage makes: delete it' if line[1] == 'D' else ''}"
        for line in changed
    )
    return (
        f"**Not proved.** A run from nothing gives other bytes than {commit} has in:\n\n{files}\n\n"
        "To mend it: `rm dvc.lock && dvc repro --force`, look at `git diff`, and commit what changed."
    )


def forget(clone: Path) -> None:
    """Delete what a run must make again, so that nothing committed can pass for made."""
    for name in git("ls-files", "--", "dvc.lock", str(REPORTS), f":!{STUDY}", folder=clone).splitlines():
        (clone / name).unlink()


def repro(clone: Path) -> None:
    """Run the whole pipeline in `clone`, with a cache of its own.

    Raises:
        InputError: it failed.
    """
    (clone / ".dvc/config.local").write_text("[cache]\n    dir = cache\n")
    # Nothing that an earlier run has kept: machine code, and replicates where the system knows no XDG_CACHE_HOME.
    environment = os.environ | {STORE_LIMIT: "0", "XDG_CACHE_HOME": str(clone.with_name("user-cache"))}
    if dvc("repro", "--force", folder=clone, environment=environment):
        print("**Not proved.** `dvc repro --force` fails in a fresh clone of this commit.")
        raise InputError(
            "not proved: `dvc repro --force` fails in a fresh clone of HEAD; its words are above"
        )


if __name__ == "__main__":
    main()
