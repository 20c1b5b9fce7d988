"""`python -m tools.experiments`: the experiments but those of studies, in 80 columns.

What changed comes before what came out, for which DVC's own table has no setting.
"""

from textwrap import fill

from stages import words
from stages.params import split_pair
from tools import dvc
from tools.git import check_top_folder
from tools.review.compare import differences, primary, targets
from tools.revisions import Revision, read_revision, read_revisions
from tools.study.studies import PREFIX
from tools.terminal import show

INDENT = "    "


def main() -> None:
    """Print two lines for the last commit and two for each experiment, in the order of `place`."""
    check_top_folder()
    base = read_revision("HEAD")
    asked = primary(base)
    listed = dvc.experiments("--all-commits")
    names = list(listed.values())  # two of one name are told apart by their commits
    named = {
        name if names.count(name) == 1 else commit: name
        for commit, name in listed.items()
        if not name.startswith(PREFIX)
    }
    experiments = [one._replace(name=named[one.name]) for one in read_revisions(named)]
    text = fill(
        "Experiments, and how they differ from the last commit: how often "
        f"{' beats '.join(split_pair(asked))} on the test data, with interval and verdict, and how many replicates "
        "of each have solved the task. Those of the last commit's task first, then task "
        "by task, and of each the surest first, by the lower end of the interval",
        80,
    )
    for one in sorted([base, *experiments], key=lambda one: place(one, base)):
        changed = changes(one, base)
        question = "" if primary(one) == asked else f"{primary(one)}: "
        found = f"{question + outcome(one):<57}  {'' if one is base else one.name}"
        text += f"\n\n{fill(changed, 80, break_on_hyphens=False)}\n"
        text += fill(found, 80, initial_indent=INDENT, subsequent_indent=INDENT, break_on_hyphens=False)
    show(text)


def outcome(one: Revision) -> str:
    """Return "33 % (18 to 52 %), inconclusive; 10 and 30 % solved", of the primary question, its first model first.

    Of forecasts, instead of the shares, the RMSE of the best network and of the best baseline.
    """
    pair = primary(one)
    if pair not in one.results.pairs:
        absent = [name for name in split_pair(pair) if name not in one.results.models]
        return f"none, for want of {absent[0]}" if absent else "none, since the two were not compared"
    compared = words.outcome(one.results.pairs[pair].last.test)
    if forecasts := one.results.forecasts:
        name = forecasts.best_model()
        best, baseline = (forecasts.errors()[one].rmse for one in (name, forecasts.best))
        return f"{compared}; RMSE of {name} {words.number(best)}, of the baseline {words.number(baseline)}"
    of_models = (one.results.models[name].last.solved.value for name in split_pair(pair))
    shares = " and ".join(words.percent(share).removesuffix(" %") for share in of_models)
    return f"{compared}; {shares} % solved"


def changes(one: Revision, base: Revision) -> str:
    """Return what an experiment has changed since the last commit, and whether that was for nothing."""
    if one is base:
        stale = f", not run since {', '.join(base.not_run)} changed" if base.not_run else ""
        return f"the last commit{stale}"
    changed = differences(one, base)
    same = (one.results, one.figures, one.not_run, base.not_run) == (base.results, base.figures, [], [])
    if changed:
        return f"{changed}, which changes nothing that comes out" if same else changed
    return "as the last commit" if same else "the params of the last commit"


def place(one: Revision, base: Revision) -> tuple[object, ...]:
    """Return what is sorted by: first what predicts as the last commit does, and of each the surest first."""
    pair = primary(one)
    # By what is sure of it, else three replicates that all won would stand before two hundred of which most did.
    sure = one.results.pairs[pair].last.test.p.low if pair in one.results.pairs else None
    return (
        targets(one) != targets(base),
        str(targets(one)),
        -(sure or 0),
        differences(one, base),
        one is not base,
        one.name,
    )


if __name__ == "__main__":
    main()
