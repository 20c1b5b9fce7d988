"""`python -m tools.study NAME`: run a study of `studies.py` as DVC experiments, then write reports/study/<name>/.

What DVC has in its cache is not run again, so that an interrupted study goes on.
"""

import sys
from importlib import import_module

from stages.files import write_text
from stages.params import load_params
from tools.git import check_top_folder
from tools.study.duration import announcement
from tools.study.experiments import run_study
from tools.study.studies import FOLDER, STUDIES, named


def main() -> None:
    """Run the study that the command line names, write its page and print its answer."""
    name, study = named(sys.argv[1:])
    check_top_folder()
    params = load_params()
    print(announcement(name, study, params), file=sys.stderr)
    ran = run_study(name, study, params)
    print(import_module(f"tools.study.{study.page}").write(ran, FOLDER / name))
    write_text(FOLDER / "README.md", index())


def index() -> str:
    """Return reports/study/README.md: what each study that has a page asks, and its answer from there."""
    lines = ["# The studies", "", "`make study STUDY=name` repeats one."]
    for name, study in STUDIES.items():
        page = FOLDER / name / "README.md"
        if page.exists():
            _, answer, *_ = page.read_text(encoding="utf-8").split("\n\n")
            lines += ["", f"- [{name}]({name}/README.md): {study().question} {answer}"]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
