"""`python -m tools.review [REV ...] [--html FILE]`: compare the workspace, commits and experiments."""

import argparse
import sys
from pathlib import Path

from stages.errors import InputError
from stages.files import write_text
from tools.git import base_branch, check_top_folder, image_folder
from tools.review.markdown import markdown
from tools.review.page import page
from tools.revisions import WORKSPACE, read_revisions
from tools.terminal import show


def main() -> None:
    """Print the review as Markdown; with --html, write it as a page too."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.review",
        description="Compare params, metrics, verdicts and figures. Prints Markdown.",
    )
    parser.add_argument(
        "revisions",
        nargs="*",
        metavar="REV",
        help="a branch, tag, commit, experiment or 'workspace'; the first is what the others are compared "
        "with. One alone is compared with the workspace; none: where this branch left the base branch",
    )
    parser.add_argument("--html", type=Path, metavar="FILE", help="write a page with interactive charts too")
    arguments = parser.parse_args()
    check_top_folder()
    if arguments.html and arguments.html.is_dir():
        raise InputError(f"{arguments.html}: a folder; name a file")
    names = arguments.revisions or [base_branch()]
    if len(names) == 1:
        names.append(WORKSPACE)
    if len(set(names)) < 2:
        raise InputError(f"found {names[0]} alone; allowed: two different revisions")
    revisions = read_revisions(dict.fromkeys(names))
    if len(revisions) < 2:
        sys.exit(2)  # and why one cannot be read has been said
    show(markdown(revisions, image_folder, sys.stdout.isatty()))
    if arguments.html:
        write_text(arguments.html, page(revisions))
        print(f"{arguments.html}: open it in a browser, no network needed", file=sys.stderr)


if __name__ == "__main__":
    main()
