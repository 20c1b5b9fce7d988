"""What differs between revisions, as tables of text: a row a param, metric or question, a column a revision.

The first revision is the one that the others are compared with.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

from stages import words
from stages.params import split_pair
from stages.results import Estimate, Forecasts, Model, Pair
from tools.revisions import Revision, flat

ABSENT = "\N{EM DASH}"
UP, DOWN = "\N{BLACK UP-POINTING TRIANGLE}", "\N{BLACK DOWN-POINTING TRIANGLE}"

OTHER_TARGETS = "other targets, whose MSEs and shares solved are not compared"
MOST_SHOWN = 12  # of a list of results; a hundred forecasts are too many to read


class Cell(NamedTuple):
    """Text; the estimate that it shows if it shows one, and what it means that this moved up or down."""

    text: str
    estimate: Estimate | None = None
    up: str = ""
    down: str = ""


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
        f"In brackets the intervals of reports/details.json over replicates, at {words.CONFIDENCE} each; those of "
        "pairs other than the primary question are widened for their number. Verdicts: the share of pairs of "
        f"replicates in which the first model has the lower test MSE. {UP} and {DOWN}: the interval lies wholly above "
        f"or below that of {headings(revisions)[0]}, an MSE's as a share of the variance of the targets; a lower MSE "
        "is better, and so is a higher share solved. MSEs and shares solved of other targets are not compared."
    )


def changed_params(revisions: Sequence[Revision]) -> Table:
    """Return the params that are not the same everywhere."""
    return _changed("param", revisions, [revision.params for revision in revisions])


def changed_numbers(revisions: Sequence[Revision]) -> Table:
    """Return everything in the results that is not the same everywhere."""
    columns = [
        {place: _folded(value) for place, value in flat(revision.results).items() if value is not None}
        for revision in revisions
    ]
    return _changed("number", revisions, columns)


def _folded(value: Any) -> Any:
    """Return a long list as its ends."""
    if isinstance(value, list) and len(value) > MOST_SHOWN:
        return f"{value[0]} ... {value[-1]} ({len(value)} in all)"
    return value


def differences(revision: Revision, base: Revision) -> str:
    """Return in one line how the params of `revision` differ from the base's, such as "train.lr=0.003"."""
    said = []
    for key, _, now in changed_params([base, revision]).rows:
        model = key.rpartition(".")[0]
        removed = key.startswith("models.") and not any(
            other.startswith(f"{model}.") for other in revision.params
        )
        said.append(f"{model} removed" if removed else f"{key}={now}")
    return ", ".join(dict.fromkeys(said))


def outcomes(revisions: Sequence[Revision]) -> Table:
    """Return each model's test MSE and share solved with their intervals, marked where they moved.

    Those of other targets are not: another R2 solves a forecast. An MSE is compared as a share of the variance of its
    targets, which of the task mean falls with the length of the sequences.
    """
    columns = []
    for revision in revisions:
        column, comparable = {}, targets(revision) == targets(revisions[0])
        variance = revision.results.baseline.variance.test or 1
        for name, after, outcome in _measured(revision.results.models, revisions):
            iqm, solved = outcome.test.iqm, outcome.solved
            share = Estimate._make(value if value is None else value / variance for value in iqm)
            column[f"{name} IQM of test MSE{after}"] = Cell(
                words.with_interval(iqm, words.number), share if comparable else None, "worse", "better"
            )
            column[f"{name} solved{after}"] = Cell(
                words.with_interval(solved, words.percent), solved if comparable else None, "better", "worse"
            )
        columns.append(column | _forecasts(revision.results.forecasts))
    return _table("model", revisions, columns)


def verdicts(revisions: Sequence[Revision]) -> Table:
    """Return how often the first model of each pair beats the second on the test data, and the verdict."""
    asked = dict.fromkeys(questions(revisions), " (the primary question)")
    if len(asked) > 1:
        for pair in asked:
            askers = [revision.name for revision in revisions if primary(revision) == pair]
            asked[pair] = f" (the primary question of {words.listed(askers)})"
    columns = [
        {
            f"{pair}{after or asked.get(pair, '')}": Cell(
                words.outcome(outcome.test), outcome.test.p, *(f"towards {name}" for name in split_pair(pair))
            )
            for pair, after, outcome in _measured(revision.results.pairs, revisions)
        }
        for revision in revisions
    ]
    return _table("question", revisions, columns)


def figures(revisions: Sequence[Revision]) -> tuple[list[Path], list[Path]]:
    """Return the paths of the figures that differ between revisions, and of those that do not."""
    paths = dict.fromkeys(chain(*(revision.figures for revision in revisions)))
    same = [path for path in paths if len({revision.figures.get(path) for revision in revisions}) == 1]
    return [path for path in paths if path not in same], same


def moved(before: Cell, after: Cell) -> str:
    """Return UP or DOWN and what that means where an interval lies wholly above or below the one before."""
    both = (before.estimate, after.estimate)
    ends = [(one.low, one.high) for one in both if one and one.low is not None and one.high is not None]
    if len(ends) < 2:
        return ""
    (low, high), (low_now, high_now) = ends
    return f"{UP} {after.up}" if low_now > high else f"{DOWN} {after.down}" if high_now < low else ""


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


def targets(revision: Revision) -> list[Any]:
    """Return the params that say what is predicted."""
    task = revision.params.get("data.task")
    series = ("path", "column", "horizon", "test_share", "validation_share") if task == "forecast" else ()
    return [task, *(revision.params.get(f"data.series.{key}") for key in series)]


def questions(revisions: Sequence[Revision]) -> list[str]:
    """Return the primary questions, each once."""
    return list(dict.fromkeys(map(primary, revisions)))


def text(value: Any) -> str:
    """Return a param as params.yaml shows it, or a number of the results."""
    if isinstance(value, Estimate):
        return words.with_interval(value, str)
    if isinstance(value, list):
        return f"[{', '.join(map(str, value))}]"
    return "blank" if value is None else str(value)


def _summary(base: Revision, after: Revision) -> str:
    if alike([base, after]):
        return "the same params, metrics, loss curves and figures"
    pair = primary(after)
    was, now = (
        words.verdict(revision.results.pairs[pair].last.test) if pair in revision.results.pairs else ABSENT
        for revision in (base, after)
    )
    rows = verdicts([base, after]).rows + outcomes([base, after]).rows
    marked = [f"{name} {mark}" for name, _, cell in rows for mark in re.findall(f"[{UP}{DOWN}].*", cell)]
    return "; ".join(
        [
            differences(after, base) or "the same params",
            f"{pair}: {now}, {'as before' if was == now else f'was {was}'}",
            *([] if targets(base) == targets(after) else [OTHER_TARGETS]),
            f"moved beyond its interval: {', '.join(marked)}"
            if marked
            else "no metric moved beyond its interval",
        ]
    )


def _measured(
    groups: Mapping[str, Model] | Mapping[str, Pair], revisions: Sequence[Revision]
) -> Iterator[tuple[str, str, Any]]:
    """Yield what models or pairs came to, the last epoch first: a name, words for an earlier epoch, the outcome.

    Where more than two revisions are compared, the last epoch alone, so that the table stays narrow.
    """
    for name, group in groups.items():
        yield name, "", group.last
        if len(revisions) <= 2:
            for epoch, outcome in group.earlier.items():
                yield name, f" after {words.epochs(epoch)}", outcome


def _forecasts(found: Forecasts | None) -> dict[str, Cell]:
    """Return the RMSE of each network with its verdict, against that of the best baseline."""
    if not found:
        return {}
    networks = (
        f"{words.number(one.errors.rmse)} ({name}, {one.verdict})" for name, one in found.models.items()
    )
    best = f"{words.number(found.baselines[found.best].errors.rmse)} ({found.best})"
    return {"RMSE of the networks against the best baseline": Cell(f"{', '.join(networks)} against {best}")}


def _table(what: str, revisions: Sequence[Revision], columns: Sequence[Mapping[str, Cell]]) -> Table:
    """Return a row for whatever a revision has, with a mark where an estimate moved from the first revision's."""
    rows = []
    for name in dict.fromkeys(chain(*columns)):
        cells = [column.get(name, Cell(ABSENT)) for column in columns]
        rows.append([name, *(f"{cell.text} {moved(cells[0], cell)}".rstrip() for cell in cells)])
    return Table([what, *headings(revisions)], rows)


def _changed(what: str, revisions: Sequence[Revision], columns: Sequence[Mapping[str, Any]]) -> Table:
    """Return a row for whatever is not the same everywhere."""
    table = _table(
        what, revisions, [{name: Cell(text(value)) for name, value in column.items()} for column in columns]
    )
    return Table(table.header, [row for row in table.rows if len(set(row[1:])) > 1])
