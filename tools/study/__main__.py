"""`python -m tools.study NAME`: run a study of `studies.py` as DVC experiments, then write its page.

That is reports/study/<name>/, and beside it lies the page of all studies.

What DVC has in its cache is not run again, so that an interrupted study goes on.
"""

import sys
from importlib import import_module

from stages.errors import one_of
from stages.params import load_params
from tools.git import check_top_folder
from tools.study import index
from tools.study.duration import announcement
from tools.study.experiments import run_study
from tools.study.studies import FOLDER, STUDIES, listing
from tools.terminal import show


def main() -> None:
    """Run the study that the command line names, write its page and print its answer; or list what there is."""
    if not sys.argv[1:]:
        show(listing())
        return
    name = one_of(STUDIES, sys.argv[1:], "make study STUDY=NAME")
    study = STUDIES[name]()
    check_top_folder()
    params = load_params()
    print(announcement(name, study, params), file=sys.stderr)
    ran = run_study(name, study, params)
    print(import_module(f"tools.study.{study.page}").write(ran, FOLDER / name))
    index.write(FOLDER)
    print(f"More in {FOLDER / name}/README.md; {FOLDER}/README.md is written anew, too.", file=sys.stderr)


if __name__ == "__main__":
    main()
