"""`python -m tools.experiments`: the experiments since the last commit, best first, in 80 columns.

What changed comes before what came out, for which DVC's own table has no setting.
"""

import subprocess
import sys
from textwrap import fill

from stages import words
from stages.params import load_params
from tools.git import check_top_folder
from tools.review.compare import differences
from tools.revisions import Revision, read_revision, read_revisions


def main() -> None:
    """Print two lines for the last commit and two for each experiment, best first."""
    check_top_folder()
    pair = load_params().evaluate.primary
    base = read_revision("HEAD")
    command = [sys.executable, "-m", "dvc", "exp", "list", "--name-only"]
    listed = subprocess.run(command, capture_output=True, text=True, check=True)
    experiments = read_revisions(listed.stdout.split())
    print(
        fill(f"How often {pair.replace(' vs ', ' beats ')} on the test data, with interval and verdict", 80)
    )
    for one in sorted([base, *experiments], key=lambda one: -share(one, pair)):
        changed = differences(one, base) or "the last commit"
        outcome = words.outcome(one.results.pairs[pair].last.test) if pair in one.results.pairs else "none"
        print("\n" + fill(changed, 80, break_on_hyphens=False))
        print(f"    {outcome:<45}{'' if one is base else one.name}".rstrip())


def share(one: Revision, pair: str) -> float:
    """Return what experiments are sorted by."""
    return one.results.pairs[pair].last.test.p.value if pair in one.results.pairs else -1


if __name__ == "__main__":
    main()
