"""What lies in reports/: details.json, metrics.json, the tables and the figures. Written and read here alone.

details.json holds all numbers. Its grammar: a group a model by its name and a group a pair as "a_vs_b", each with what
came out after the last epoch and, in "epoch_N", after N; an estimate `x` has the ends of its interval beside it, as
"x_low" and "x_high"; null is a number that is undefined, or infinite. Numbers have 6 significant digits.

metrics.json holds the few of them that people compare, for DVC's own tables.
"""

import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from io import StringIO
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, TypeVar

import numpy as np
import pandas as pd
from pydantic import BeforeValidator, TypeAdapter, ValidationError

from stages import files
from stages.errors import InputError, one_line

REPORTS = Path("reports")
DETAILS = REPORTS / "details.json"
METRICS = REPORTS / "metrics.json"
FIGURES = REPORTS / "figures"
PAGE = REPORTS / "README.md"

# The tables and their columns.
TABLES: dict[str, tuple[str, ...]] = {
    "losses": ("model", "epoch", "median", "q25", "q75"),
    "progress": (
        "model", "epoch", "multiply_adds", "median", "q25", "q75", "solved", "solved_low", "solved_high",
    ),
    "comparisons": ("pair", "epoch", "p", "p_low", "p_high"),
    "outcomes": ("model", "replicate", "epoch", "train_mse", "test_mse"),
    "predictions": ("model", "replicate", "y_true", "y_predicted"),
}  # fmt: skip
NAMES = ("model", "pair")  # the columns that hold no numbers
COUNTS = ("epoch", "replicate")  # whole numbers

# The grammar of details.json.
SIZES = ("parameters", "multiply_adds")  # of a model, and so no pair has them
VERSUS, EPOCH, LOW, HIGH = "_vs_", "epoch_", "_low", "_high"

T = TypeVar("T")

Verdict = Literal["better", "worse", "inconclusive"]
MaybeInfinite = Annotated[float, BeforeValidator(lambda value: math.inf if value is None else value)]


class Estimate(NamedTuple):
    """A number with its interval; both ends are None where it has none. Any may be inf."""

    value: MaybeInfinite
    low: float | None = None
    high: float | None = None


class Split(NamedTuple):
    """A number of the test data and of the training data."""

    test: float
    train: float


class Baseline(NamedTuple):
    """What every model must beat, the MSEs of two predictors without a network; and the variance of the targets.

    `mean` always predicts the mean of the training targets; `least_squares` is None where there are too few sequences.
    """

    mean: Split
    least_squares: Split | None
    variance: Split


class ModelMeasure(NamedTuple):
    """One MSE over the replicates of a model; `r2` is that of the median, None where it is undefined or -inf."""

    median: MaybeInfinite
    r2: float | None
    iqm: Estimate


class ModelOutcome(NamedTuple):
    """What the replicates of a model came to after an epoch: MSEs, and the shares solved and diverged."""

    test: ModelMeasure
    train: ModelMeasure
    solved: Estimate
    diverged: float


class PairMeasure(NamedTuple):
    """How often, by one MSE, a replicate of the first model beats one of the second: probability `p`, its interval at
    `level`, the verdict by it, and the probability that could have been detected where that is inconclusive.
    """

    p: Estimate
    level: float
    p_value: float | None
    verdict: Verdict
    detectable: float | None = None


class PairOutcome(NamedTuple):
    """How two models compare after an epoch."""

    test: PairMeasure
    train: PairMeasure
    solved_difference: Estimate


class Model(NamedTuple):
    """A model's size, its multiply-adds for one prediction, and its outcomes: the last, and earlier ones by epoch."""

    parameters: int
    multiply_adds: int
    last: ModelOutcome
    earlier: dict[int, ModelOutcome]


class Pair(NamedTuple):
    """A pair's comparisons: the last, and earlier ones by epoch."""

    last: PairOutcome
    earlier: dict[int, PairOutcome]


class Results(NamedTuple):
    """The content of details.json; models by name, pairs as params.yaml writes them: "a vs b"."""

    baseline: Baseline
    models: dict[str, Model]
    pairs: dict[str, Pair]


def write(results: Results) -> None:
    """Write reports/details.json and reports/metrics.json."""
    details: dict[str, Any] = {"baseline": _flat(results.baseline)}
    metrics: dict[str, Any] = {}
    for name, model in results.models.items():
        sizes = {size: getattr(model, size) for size in SIZES}
        details[name] = sizes | _flat(model.last) | _by_epoch(model.earlier)
        metrics[name] = {
            "solved": _rounded(model.last.solved.value),
            "test_mse": _rounded(model.last.test.iqm.value),
        }
    for name, pair in results.pairs.items():
        key, test = name.replace(" vs ", VERSUS), _flat(pair.last.test)
        details[key] = _flat(pair.last) | _by_epoch(pair.earlier)
        metrics[key] = {name: test[name] for name in ("p", "p_low", "p_high", "verdict")}
    for path, content in ((DETAILS, details), (METRICS, metrics)):
        files.write_text(path, json.dumps(content, indent=2, allow_nan=False) + "\n")


def read() -> Results:
    """Return reports/details.json.

    Raises:
        InputError: it is missing or damaged.

    """
    return _read(DETAILS, parse)


def parse(text: str) -> Results:
    """Return what the text of a details.json says.

    Raises:
        ValueError: it is no JSON, or has other groups and numbers than `write` writes.

    """
    content = json.loads(text, parse_constant=_refuse)
    if not isinstance(content, dict) or not all(isinstance(group, dict) for group in content.values()):
        raise ValueError("found no groups of numbers")
    nested: dict[str, Any] = {"baseline": content.pop("baseline", None), "models": {}, "pairs": {}}
    for key, group in content.items():
        sizes = {size: group.pop(size) for size in SIZES if size in group}
        earlier = {at: group.pop(at) for at in list(group) if at.startswith(EPOCH)}
        entry: dict[str, Any] = sizes | {"last": _nested(group), "earlier": {}}
        for at, outcome in earlier.items():
            entry["earlier"][int(at.removeprefix(EPOCH))] = _nested(outcome)
        if sizes:
            nested["models"][key] = entry
        else:
            nested["pairs"][key.replace(VERSUS, " vs ")] = entry
    try:
        return TypeAdapter(Results).validate_python(nested, strict=True)
    except ValidationError as error:
        first = error.errors()[0]
        raise ValueError(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from None


def write_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write a table below reports/; floats as 6 significant digits, everything else as its `str`."""
    files.write_csv(path, header, (map(_text, row) for row in rows))


def write_table(name: str, rows: Iterable[Sequence[object]]) -> None:
    """Write reports/<name>.csv, one of TABLES."""
    write_csv(table_path(name), TABLES[name], rows)


def read_table(name: str) -> pd.DataFrame:
    """Return reports/<name>.csv, one of TABLES, as `parse_table` does.

    Raises:
        InputError: it is missing or damaged.

    """
    return _read(table_path(name), lambda text: parse_table(name, text))


def parse_table(name: str, text: str) -> pd.DataFrame:
    """Return the text of a table of TABLES: models and pairs as text, epochs and replicates as int, else float64.

    Raises:
        ValueError: it is no CSV, or has other columns.

    """
    columns = TABLES[name]
    # As said, not as guessed: a model may be named nan, null, true or inf.
    types = {column: str if column in NAMES else int if column in COUNTS else float for column in columns}
    missing = {column: ["", "nan"] for column in columns if types[column] is float}
    table = pd.read_csv(StringIO(text), dtype=types, keep_default_na=False, na_values=missing)
    if tuple(table.columns) != columns:
        raise ValueError(f"found the columns {', '.join(table.columns)}; allowed: {', '.join(columns)}")
    return table


def table_path(name: str) -> Path:
    """Return where a table of TABLES lies."""
    return REPORTS / f"{name}.csv"


def figure_path(name: str) -> Path:
    """Return where a figure lies."""
    return FIGURES / f"{name}.png"


def _flat(record: Any) -> dict[str, Any]:
    """Return a record as details.json has it: of an estimate x the entries x, x_low and x_high."""
    content: dict[str, Any] = {}
    for name, value in record._asdict().items():
        if isinstance(value, Estimate):
            content |= dict(zip((name, name + LOW, name + HIGH), map(_rounded, value), strict=True))
        elif isinstance(value, tuple):
            content[name] = _flat(value)
        elif name != "detectable" or record.verdict == "inconclusive":
            content[name] = _rounded(value)
    return content


def _nested(content: Any) -> Any:
    """Return what `_flat` made of a record, with its estimates as mappings again."""
    if not isinstance(content, dict):
        return content
    nested = {name: _nested(value) for name, value in content.items() if not name.endswith((LOW, HIGH))}
    for name in nested:
        if name + LOW in content:
            low, high = content[name + LOW], content.get(name + HIGH)
            high = math.inf if high is None and low is not None else high
            nested[name] = {"value": nested[name], "low": low, "high": high}
    return nested


def _text(value: object) -> str:
    return f"{value:.6g}" if isinstance(value, float | np.floating) else str(value)


def _rounded(value: Any) -> Any:
    if not isinstance(value, float | np.floating):
        return value
    return float(_text(value)) if math.isfinite(value) else None


def _refuse(constant: str) -> None:
    raise ValueError(f"found {constant}")


def _by_epoch(earlier: Mapping[int, NamedTuple]) -> dict[str, Any]:
    return {f"{EPOCH}{epoch}": _flat(outcome) for epoch, outcome in earlier.items()}


def _read(path: Path, parse: Callable[[str], T]) -> T:
    """Return what `parse` finds in a file that the evaluate stage makes."""
    try:
        return parse(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        problem = "missing"
    except ValueError as error:
        problem = f"damaged ({one_line(error)})"
    raise InputError(f"{path}: {problem}; `dvc repro evaluate` makes it")
