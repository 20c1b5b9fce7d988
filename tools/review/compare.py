"""What differs between revisions, as tables of text: a row a param, metric or question, a column a revision.

The first revision is the one that the others are compared with.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from pathlib import PurePosixPath
from typing import Any, NamedTuple

from tools.review.revisions import Revision

ABSENT = "\N{EM DASH}"
UP, DOWN = "\N{BLACK UP-POINTING TRIANGLE}", "\N{BLACK DOWN-POINTING TRIANGLE}"


class Table(NamedTuple):
    """Rows of text under a header, all of one length; the first cell of each names it."""

    header: list[str]
    rows: list[list[str]]


def alike(revisions: Sequence[Revision]) -> bool:
    """Whether params, metrics, loss curves and figures are the same in all."""
    base = revisions[0]
    return all(
        (other.params, other.metrics, other.figures) == (base.params, base.metrics, base.figures)
        and other.losses.equals(base.losses)
        for other in revisions[1:]
    )


def title(revisions: Sequence[Revision]) -> str:
    """Return what is compared with what."""
    base, *others = headings(revisions)
    return f"Review: {others[0] if len(others) == 1 else f'{len(others)} revisions'} against {base}"


def summary(revisions: Sequence[Revision]) -> list[str]:
    """Return a line a revision: what was changed, whether the verdict did, and which metrics moved.

    Before them a line for each whose params have changed since it was run.
    """
    base = revisions[0]
    return [
        f"{revision.name}: not run since {', '.join(revision.not_run)} changed in params.yaml; "
        "what is shown came of other params"
        for revision in revisions
        if revision.not_run
    ] + [f"{after.name}: {_summary(base, after)}" for after in revisions[1:]]


def sections(revisions: Sequence[Revision]) -> list[tuple[str, Table]]:
    """Return the tables of a review with their headings; of many revisions with a row each."""
    tables = [
        ("What changed in params.yaml", changed_params(revisions)),
        ("Verdicts", verdicts(revisions)),
        ("Metrics", outcomes(revisions)),
    ]
    if len(revisions) <= 2:
        return tables
    return [(heading, transposed(table) if table.rows else table) for heading, table in tables]


def legend(revisions: Sequence[Revision]) -> str:
    """Return what the figures in the tables mean."""
    return (
        "In brackets the intervals of reports/metrics.json over replicates, at 95 % each; those of pairs other "
        "than the primary question are widened for their number. Verdicts: the share of pairs of replicates in "
        f"which the first model has the lower test MSE. {UP} and {DOWN}: the interval lies wholly above or "
        f"below that of {headings(revisions)[0]}."
    )


def changed_params(revisions: Sequence[Revision]) -> Table:
    """Return the params that are not the same everywhere."""
    rows = []
    for key in _union(revision.params for revision in revisions):
        cells = [param(revision.params.get(key, ABSENT)) for revision in revisions]
        if len(set(cells)) > 1:
            rows.append([key, *cells])
    return Table(["param", *headings(revisions)], rows)


def changed_metrics(revisions: Sequence[Revision]) -> Table:
    """Return every number of reports/metrics.json that is not the same everywhere, with its interval's ends."""
    keys = _union(revision.metrics for revision in revisions)
    rows = [
        [key, *_cells(revisions, key, str)]
        for key in keys
        if not key.endswith(("_low", "_high"))
        and len({revision.metrics.get(key) for revision in revisions}) > 1
    ]
    return Table(["metric", *headings(revisions)], rows)


def differences(revision: Revision, base: Revision) -> str:
    """Return in one line how the params of `revision` differ from the base's, such as "train.lr=0.003"."""
    keys = (key for key in revision.params | base.params if revision.params.get(key) != base.params.get(key))
    return ", ".join(f"{key}={param(revision.params.get(key, ABSENT))}" for key in keys)


def outcomes(revisions: Sequence[Revision]) -> Table:
    """Return each model's test MSE and share solved with their intervals, marked where they moved."""
    rows = []
    for model in _union(models(revision) for revision in revisions):
        for at, words in epochs(revisions, model):
            for measure, name, text in (("test.iqm", "test MSE", number), ("solved", "solved", percent)):
                key = f"{model}.{at}{measure}"
                rows.append([f"{model} {name}{words}", *(_cells(revisions, key, text))])
    return Table(["model", *headings(revisions)], rows)


def verdicts(revisions: Sequence[Revision]) -> Table:
    """Return how often the first model of each pair beats the second on the test data, and the verdict."""
    rows = []
    for pair in _union(pairs(revision) for revision in revisions):
        for at, words in epochs(revisions, group(pair)):
            key = f"{group(pair)}.{at}test"
            cells = _cells(revisions, f"{key}.p", percent, f"{key}.verdict")
            asked = " (the primary question)" if not at and pair == primary(revisions[0]) else ""
            rows.append([f"{pair}{words}{asked}", *cells])
    return Table(["question", *headings(revisions)], rows)


def figures(revisions: Sequence[Revision]) -> tuple[list[str], list[str]]:
    """Return the paths of the figures that differ between revisions, and of those that do not."""
    paths = _union(revision.figures for revision in revisions)
    same = [path for path in paths if len({revision.figures.get(path) for revision in revisions}) == 1]
    return [path for path in paths if path not in same], same


def caption(path: str) -> str:
    """Return a figure's name: "losses" of "reports/figures/losses.png"."""
    return PurePosixPath(path).stem


def moved(before: Revision, after: Revision, key: str) -> str:
    """Return UP or DOWN where the metric's interval lies wholly above or below the one before, else nothing."""
    was, now = interval(before, key), interval(after, key)
    if was is None or now is None:
        return ""
    return UP if now[0] > was[1] else DOWN if now[1] < was[0] else ""


def interval(revision: Revision, key: str) -> tuple[float, float] | None:
    """Return the two ends of a metric's interval, None where the revision has none.

    A high end that is missing is infinite: metrics.json has null for what JSON has no number for.
    """
    low, high = (revision.metrics.get(f"{key}_{end}") for end in ("low", "high"))
    return None if low is None else (low, math.inf if high is None else high)


def with_interval(revision: Revision, key: str, text: Callable[[Any], str]) -> str:
    """Return a metric as "0.35 (0.19 to 0.54)", without what the revision has not."""
    if key not in revision.metrics:
        return ABSENT
    value, ends = text(revision.metrics[key]), interval(revision, key)
    return f"{value} ({text(ends[0]).removesuffix(' %')} to {text(ends[1])})" if ends else value


def transposed(table: Table) -> Table:
    """Return the same cells with a row a revision."""
    columns = [list(column) for column in zip(table.header, *table.rows, strict=True)]
    return Table(["revision", *columns[0][1:]], columns[1:])


def headings(revisions: Sequence[Revision]) -> list[str]:
    """Return each revision's name with its commit, unless the name is the commit."""
    return [
        revision.name
        if revision.commit is None or revision.commit.startswith(revision.name)
        else f"{revision.name} ({revision.commit[:7]})"
        for revision in revisions
    ]


def models(revision: Revision) -> list[str]:
    """Return the names under `models:` in params.yaml."""
    return _union(key.split(".")[1:2] for key in revision.params if key.startswith("models."))


def pairs(revision: Revision) -> list[str]:
    """Return the pairs in evaluate.compare, such as "stacked vs single"."""
    return [str(pair) for pair in revision.params.get("evaluate.compare") or []]


def primary(revision: Revision) -> str:
    """Return the pair that the primary question is about."""
    return str(revision.params.get("evaluate.primary", ABSENT))


def group(pair: str) -> str:
    """Return a pair's group in metrics.json: "stacked_vs_single"."""
    return pair.replace(" vs ", "_vs_")


def epochs(revisions: Sequence[Revision], name: str) -> list[tuple[str, str]]:
    """Return where a model or pair was measured, as prefixes of keys with the words for them, last epoch first.

    Of more than two revisions the last epoch alone, so that the table stays narrow.
    """
    prefix = f"{name}.epoch_"
    found = _union(
        [key.removeprefix(prefix).split(".")[0]] for revision in revisions for key in revision.metrics
        if key.startswith(prefix)
    )  # fmt: skip
    earlier = [(f"epoch_{epoch}.", f" after {epoch} epochs") for epoch in found]
    return [("", ""), *(earlier if len(revisions) <= 2 else [])]


def number(value: float) -> str:
    """Return `value` with three significant digits."""
    return f"{value:.3g}"


def percent(value: float) -> str:
    """Return a share in whole percent, for reading."""
    return f"{100 * value:.0f} %"


def param(value: Any) -> str:
    """Return a param as params.yaml shows it."""
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    return "blank" if value is None else str(value)


def _summary(base: Revision, after: Revision) -> str:
    if alike([base, after]):
        return "the same params, metrics, loss curves and figures"
    params = differences(after, base)
    pair = primary(base)
    was, now = (revision.metrics.get(f"{group(pair)}.test.verdict") for revision in (base, after))
    rows = [row for table in (verdicts([base, after]), outcomes([base, after])) for row in table.rows]
    marked = [f"{row[0]} {row[-1][-1]}" for row in rows if row[-1].endswith((UP, DOWN))]
    return "; ".join(
        [
            params or "the same params",
            f"{pair}: {now or ABSENT}, {'as before' if was == now else f'was {was or ABSENT}'}",
            f"moved beyond its interval: {', '.join(marked)}"
            if marked
            else "no metric moved beyond its interval",
        ]
    )


def _cells(
    revisions: Sequence[Revision], key: str, text: Callable[[float], str], verdict: str = ""
) -> list[str]:
    """Return a metric of each revision as text: its interval, the verdict where there is one, the mark."""
    cells = []
    for revision in revisions:
        said = revision.metrics.get(verdict)
        cell = with_interval(revision, key, text) + (f", {said}" if said else "")
        cells.append(f"{cell} {moved(revisions[0], revision, key)}".rstrip())
    return cells


def _union(lists: Iterable[Iterable[str]]) -> list[str]:
    """Return what is in any of the lists, once, in the order met."""
    return list(dict.fromkeys(item for items in lists for item in items))
