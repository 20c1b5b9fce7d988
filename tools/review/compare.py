"""What differs between revisions, as tables of text: a row a param, metric or question, a column a revision.

The first revision is the one that the others are compared with.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from stages import words
from stages.results import Estimate, Model, Pair
from tools.revisions import Revision

T = TypeVar("T")
ABSENT = "\N{EM DASH}"
UP, DOWN = "\N{BLACK UP-POINTING TRIANGLE}", "\N{BLACK DOWN-POINTING TRIANGLE}"


class Table(NamedTuple):
    """Rows of text under a header, all of one length; the first cell of each names it."""

    header: list[str]
    rows: list[list[str]]


def alike(revisions: Sequence[Revision]) -> bool:
    """Whether params, results, loss curves and figures are the same in all."""
    base = revisions[0]
    return all(
        (other.params, other.results, other.figures) == (base.params, base.results, base.figures)
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


def changed_numbers(revisions: Sequence[Revision]) -> Table:
    """Return everything in the results that is not the same everywhere."""
    numbers = [dict(_numbers(revision.results)) for revision in revisions]
    found = {place: [one.get(place) for one in numbers] for place in _union(numbers)}
    rows = [_row(place, values, _number) for place, values in found.items() if len(set(values)) > 1]
    return Table(["number", *headings(revisions)], rows)


def differences(revision: Revision, base: Revision) -> str:
    """Return in one line how the params of `revision` differ from the base's, such as "train.lr=0.003"."""
    keys = (key for key in revision.params | base.params if revision.params.get(key) != base.params.get(key))
    return ", ".join(f"{key}={param(revision.params.get(key, ABSENT))}" for key in keys)


def outcomes(revisions: Sequence[Revision]) -> Table:
    """Return each model's test MSE and share solved with their intervals, marked where they moved."""
    rows = []
    for name, after, found in _after_epochs([revision.results.models for revision in revisions]):
        mse = [outcome.test.iqm if outcome else None for outcome in found]
        solved = [outcome.solved if outcome else None for outcome in found]
        rows.append(
            _row(f"{name} IQM of test MSE{after}", mse, lambda x: words.with_interval(x, words.number))
        )
        rows.append(_row(f"{name} solved{after}", solved, lambda x: words.with_interval(x, words.percent)))
    return Table(["model", *headings(revisions)], rows)


def verdicts(revisions: Sequence[Revision]) -> Table:
    """Return how often the first model of each pair beats the second on the test data, and the verdict."""
    rows = []
    for pair, after, found in _after_epochs([revision.results.pairs for revision in revisions]):
        asked = " (the primary question)" if not after and pair == primary(revisions[0]) else ""
        tests = [outcome.test if outcome else None for outcome in found]
        rows.append(_row(f"{pair}{after}{asked}", tests, words.outcome, lambda test: test.p))
    return Table(["question", *headings(revisions)], rows)


def figures(revisions: Sequence[Revision]) -> tuple[list[Path], list[Path]]:
    """Return the paths of the figures that differ between revisions, and of those that do not."""
    paths = _union(revision.figures for revision in revisions)
    same = [path for path in paths if len({revision.figures.get(path) for revision in revisions}) == 1]
    return [path for path in paths if path not in same], same


def moved(before: Any, after: Any) -> str:
    """Return UP or DOWN where an estimate's interval lies wholly above or below the one before, else nothing."""
    if not all(isinstance(one, Estimate) and one.low is not None for one in (before, after)):
        return ""
    return UP if after.low > before.high else DOWN if after.high < before.low else ""


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


def primary(revision: Revision) -> str:
    """Return the pair that the primary question is about."""
    return str(revision.params.get("evaluate.primary", ABSENT))


def param(value: Any) -> str:
    """Return a param as params.yaml shows it."""
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    return "blank" if value is None else str(value)


def _summary(base: Revision, after: Revision) -> str:
    if alike([base, after]):
        return "the same params, metrics, loss curves and figures"
    pair = primary(base)
    was, now = (
        revision.results.pairs[pair].last.test.verdict if pair in revision.results.pairs else ABSENT
        for revision in (base, after)
    )
    rows = [row for table in (verdicts([base, after]), outcomes([base, after])) for row in table.rows]
    marked = [f"{row[0]} {row[-1][-1]}" for row in rows if row[-1].endswith((UP, DOWN))]
    return "; ".join(
        [
            differences(after, base) or "the same params",
            f"{pair}: {now}, {'as before' if was == now else f'was {was}'}",
            f"moved beyond its interval: {', '.join(marked)}"
            if marked
            else "no metric moved beyond its interval",
        ]
    )


def _after_epochs(
    groups: Sequence[Mapping[str, Model]] | Sequence[Mapping[str, Pair]],
) -> Iterator[tuple[str, str, list[Any]]]:
    """Yield what each revision's models or pairs came to: a name, words for the epoch, an outcome a revision or None.

    The last epoch comes first; of more than two revisions it comes alone, so that the table stays narrow.
    """
    for name in _union(groups):
        found = [group.get(name) for group in groups]
        yield name, "", [one.last if one else None for one in found]
        if len(groups) <= 2:
            for epoch in _union(one.earlier for one in found if one):
                outcomes = [one.earlier.get(epoch) if one else None for one in found]
                yield name, f" after {words.epochs(epoch)}", outcomes


def _row(
    name: str,
    found: Sequence[T | None],
    text: Callable[[T], str],
    estimate: Callable[[T], Any] = lambda one: one,
) -> list[str]:
    """Return a row of what each revision has, as text, with a mark where its estimate moved from the first's."""
    base = None if found[0] is None else estimate(found[0])
    return [
        name,
        *(ABSENT if one is None else f"{text(one)} {moved(base, estimate(one))}".rstrip() for one in found),
    ]


def _numbers(record: Any, place: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every number or word of the results with its place in them, such as "models.single.last.test.iqm"."""
    entries = record._asdict() if hasattr(record, "_asdict") else record
    if isinstance(record, Estimate) or not isinstance(entries, dict):
        yield place, record
    else:
        for name, value in entries.items():
            yield from _numbers(value, f"{place}.{name}" if place else str(name))


def _number(value: Any) -> str:
    return words.with_interval(value, str) if isinstance(value, Estimate) else str(value)


def _union(lists: Iterable[Iterable[T]]) -> list[T]:
    """Return what is in any of the lists, once, in the order met."""
    return list(dict.fromkeys(item for items in lists for item in items))
