"""What lies in reports/. details.json, metrics.json and the tables are written and read here alone.

details.json is all that was found, by the names of the records below. metrics.json is the few numbers that people
compare, for DVC's own tables: a group a model, a pair as "a_vs_b", and a baseline of forecasts. Numbers have 6
significant digits.
"""

import json
import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from io import StringIO
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import numpy as np
import pandas as pd
from pydantic import AfterValidator, BeforeValidator, ConfigDict, TypeAdapter, ValidationError

from stages import files, params

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
COUNTS = ("epoch", "replicate", "multiply_adds")  # whole numbers
LARGEST = 1e200  # of the numbers that are finite: no run comes near it, and figures overflow not far beyond
BLANK = ("solved_low", "solved_high", "p_low", "p_high", "y_predicted")  # where there is no number
# What the numbers of a column may be, where that is not 0 to inf.
RANGES = dict.fromkeys(("solved", "solved_low", "solved_high", "p", "p_low", "p_high"), (0, 1)) | {
    "y_true": (-LARGEST, LARGEST),
    "y_predicted": (-math.inf, math.inf),
}

Verdict = Literal["better", "worse", "inconclusive"]
LEVEL = 0.95  # of every interval by itself, and of all verdicts but the primary one together
# Of each model, for a verdict. With no difference, three would give a wrong one at 95 % in 10.0 % of all cases and four
# in 5.7 %, by counting all orders of the outcomes; five in 4.0 %.
FEWEST_REPLICATES = 5


def _number(value: Any) -> Any:
    """Return what stands in JSON, which has no infinity, for a number."""
    if isinstance(value, int | float) and not abs(value) <= LARGEST:
        raise ValueError(f"found {value}")
    return math.inf if value == "inf" else value


Number = Annotated[float, BeforeValidator(_number)]


class Estimate(NamedTuple):
    """A number with its interval; both ends are None where it has none. Any may be inf."""

    value: Number
    low: Number | None = None
    high: Number | None = None


def _share(estimate: Estimate) -> Estimate:
    """Return an estimate of a share or a probability. Raises ValueError where it can be none."""
    if any(not 0 <= value <= 1 for value in estimate if value is not None):
        raise ValueError(f"found {tuple(estimate)}; allowed: 0 to 1")
    return estimate


Share = Annotated[Estimate, AfterValidator(_share)]


class Split(NamedTuple):
    """A number of the test data and of the training data."""

    test: Number
    train: Number


class Baseline(NamedTuple):
    """What every model must beat, the MSEs of two predictors without a network; and the variance of the targets.

    `mean` always predicts the mean of the training targets; `least_squares` is None where there are too few sequences.
    """

    mean: Split
    least_squares: Split | None
    variance: Split


class ModelMeasure(NamedTuple):
    """One MSE over the replicates of a model; `r2` is that of the median, None where it is undefined or -inf."""

    median: Number
    r2: Number | None
    iqm: Estimate


class ModelOutcome(NamedTuple):
    """What the replicates of a model came to after an epoch: MSEs, and the shares solved and diverged."""

    test: ModelMeasure
    train: ModelMeasure
    solved: Share
    diverged: Number


class PairMeasure(NamedTuple):
    """How often, by one MSE, a replicate of the first model beats one of the second: probability `p`, its interval at
    `level`, the verdict by it, and the probability that could have been detected where that is inconclusive.
    """

    p: Share
    level: Number
    p_value: Number | None
    verdict: Verdict
    detectable: Number | None = None


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

    def at(self, epoch: int) -> ModelOutcome:
        """Return what it came to after an earlier epoch, or, by any other number, after the last."""
        return self.earlier.get(epoch, self.last)


class Pair(NamedTuple):
    """A pair's comparisons: the last, and earlier ones by epoch."""

    last: PairOutcome
    earlier: dict[int, PairOutcome]

    def at(self, epoch: int) -> PairOutcome:
        """Return how they compare after an earlier epoch, or, by any other number, after the last."""
        return self.earlier.get(epoch, self.last)


class Errors(NamedTuple):
    """Of forecasts of the test part, in the series' own unit; `blocks` are the RMSEs of consecutive parts of it."""

    rmse: Number
    mae: Number
    mase: Number | None
    blocks: list[Number]


class BaselineForecast(NamedTuple):
    """What a baseline came to: its errors, its last forecasts of the test part, and those of what comes next."""

    errors: Errors
    last: list[Number]
    next: list[Number]


class Band(NamedTuple):
    """Forecasts by the replicates of a model: the median and the quartiles, one after the other."""

    median: list[Number]
    q25: list[Number]
    q75: list[Number]


class NetworkForecast(NamedTuple):
    """What a model came to; errors are of its replicate nearest the median test MSE.

    `gain` is by how much its MSE is below that of the best baseline, as a share of that, with its interval over blocks
    of the test part; `validation` the interquartile mean of the scaled MSE on the validation part.
    """

    errors: Errors
    gain: Estimate | None
    verdict: Verdict
    validation: Number
    last: Band
    next: Band


class Forecasts(NamedTuple):
    """How good the forecasts of a series are; `times` and `true` are of the last ones, `starts` the blocks' first.

    A replicate with a test R2 of `solved_r2` is as good as the best baseline.
    """

    best: str
    samples: int  # of the test part
    outside: Number  # share of its targets below or above all that networks were trained on
    solved_r2: Number
    level: Number
    times: list[str]
    true: list[Number]
    starts: list[str]
    baselines: dict[str, BaselineForecast]
    models: dict[str, NetworkForecast]

    def ahead(self) -> list[str]:
        """Return the models that are shown to beat the best baseline."""
        return [name for name, one in self.models.items() if one.verdict == "better"]

    def best_model(self) -> str:
        """Return the model with the lowest RMSE, of those ahead if there are any; the first of equals."""
        return min(self.ahead() or self.models, key=lambda name: self.models[name].errors.rmse)

    def errors(self) -> dict[str, Errors]:
        """Return the errors of every baseline and model."""
        of_baselines = {name: one.errors for name, one in self.baselines.items()}
        return of_baselines | {name: one.errors for name, one in self.models.items()}


class Results(NamedTuple):
    """The content of details.json; models by name, pairs as params.yaml writes them: "a vs b".

    `forecasts` are of the task forecast, and of no other is there a word of them in the file.
    """

    baseline: Baseline
    models: dict[params.Name, Model]
    pairs: dict[params.Pair, Pair]
    forecasts: Forecasts | None = None

    def epochs(self, last: int) -> list[int]:
        """Return the epochs that there are outcomes of; `last` is what params.yaml says."""
        return [*next(iter(self.models.values())).earlier, last]


def write(results: Results) -> None:
    """Write reports/details.json and reports/metrics.json."""
    metrics: dict[str, dict[str, Any]] = {
        name: {"solved": model.last.solved.value, "test_mse": model.last.test.iqm.value}
        for name, model in results.models.items()
    } | {
        "_vs_".join(params.split_pair(pair)): dict(
            zip(("p", "p_low", "p_high"), compared.last.test.p, strict=True)
        )
        | {"verdict": compared.last.test.verdict}
        for pair, compared in results.pairs.items()
    }
    if results.forecasts:
        for name, errors in results.forecasts.errors().items():
            key = name.replace(" ", "_")
            metrics[key] = metrics.get(key, {}) | {"rmse": errors.rmse, "mase": errors.mase}
    for path, content in ((DETAILS, results), (METRICS, metrics)):
        files.write_text(path, _json(content))


def read() -> Results:
    """Return reports/details.json. Raises InputError where it is missing, damaged, or its parts do not fit together."""

    def parse_whole(path: Path) -> Results:
        results = parse(path.read_text(encoding="utf-8"))
        epochs = {tuple(model.earlier) for model in results.models.values()}
        epochs |= {tuple(pair.earlier) for pair in results.pairs.values()}
        named = set(results.models).union(*map(params.split_pair, results.pairs))
        if len(epochs) != 1 or named != results.models.keys():
            raise ValueError("its models, pairs and epochs do not fit together")
        return results

    return files.read(DETAILS, "evaluate", parse_whole)


def parse(text: str) -> Results:
    """Return what the text of a details.json says.

    Raises:
        ValueError: it is no JSON, or has other groups and numbers than `write` writes.
    """
    try:
        adapter = TypeAdapter(Results, config=ConfigDict(regex_engine="python-re"))
        results = adapter.validate_json(text, strict=True)
    except ValidationError as error:
        first = error.errors()[0]
        raise ValueError(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from None
    if json.loads(_json(results)) != json.loads(text):
        raise ValueError("keys are missing, or numbers have more than 6 digits")
    return results


def write_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write a table below reports/; floats as 6 significant digits, None as an empty cell, all else as its `str`."""
    files.write_csv(path, header, (map(_text, row) for row in rows))


def write_table(name: str, rows: Iterable[Sequence[object]]) -> None:
    """Write reports/<name>.csv, one of TABLES."""
    write_csv(table_path(name), TABLES[name], rows)


def read_table(name: str, groups: Collection[str], rows: int) -> pd.DataFrame:
    """Return reports/<name>.csv, one of TABLES, as `parse_table` does.

    Args:
        name: the table's.
        groups: the models or pairs that it must have, in this order.
        rows: of each.

    Raises:
        InputError: it is missing, damaged, or has other rows.
    """

    def parse_whole(path: Path) -> pd.DataFrame:
        table = parse_table(name, path.read_text(encoding="utf-8"))
        if (
            len(table) != len(groups) * rows
            or (table[TABLES[name][0]] != np.repeat(list(groups), rows)).any()
        ):
            raise ValueError(f"found other rows than {rows} of each of {', '.join(groups)}")
        return table

    return files.read(table_path(name), "evaluate", parse_whole)


def parse_table(name: str, text: str) -> pd.DataFrame:
    """Return the text of a table of TABLES: NAMES as text, COUNTS as int, else float64.

    Raises:
        ValueError: it is no CSV, has other columns, is cut within a row, or has a number that cannot be.
    """
    columns = TABLES[name]
    # As said, not as guessed: a model may be named nan, null, true or inf.
    types = {column: str if column in NAMES else int if column in COUNTS else float for column in columns}
    missing = {column: ["", "nan"] for column in columns if types[column] is float}
    with np.errstate(invalid="ignore"):  # an epoch too large for an int is refused, not warned of
        table = pd.read_csv(StringIO(text), dtype=types, keep_default_na=False, na_values=missing)
    if tuple(table.columns) != columns:
        raise ValueError(f"found the columns {', '.join(table.columns)}; allowed: {', '.join(columns)}")
    # pandas fills up a row that is too short.
    if not text.endswith("\n") or text.count(",") != (len(columns) - 1) * text.count("\n"):
        raise ValueError("a row is cut")
    floats = table.select_dtypes(float)
    if (np.isfinite(floats) & (floats.abs() > LARGEST)).any(axis=None):
        raise ValueError(f"found a number beyond {LARGEST:g}")
    for column in columns[1:]:
        low, high = RANGES.get(column, (0, math.inf))
        numbers = table[column].dropna() if column in BLANK else table[column]
        if not numbers.between(low, high).all():
            wrong = numbers[~numbers.between(low, high)].iloc[0]
            raise ValueError(f"{column}: found {wrong:g}; allowed: {low:g} to {high:g}")
    return table


def table_path(name: str) -> Path:
    """Return where a table of TABLES lies."""
    return REPORTS / f"{name}.csv"


def figure_path(name: str) -> Path:
    """Return where a figure lies."""
    return FIGURES / f"{name}.png"


def _text(value: object) -> str:
    return f"{value:.6g}" if isinstance(value, float | np.floating) else "" if value is None else str(value)


def _json(content: Any) -> str:
    return json.dumps(_plain(content), indent=2, allow_nan=False) + "\n"


def _plain(value: Any) -> Any:
    """Return records as mappings, and floats rounded; of forecasts there is no word where there are none."""
    if isinstance(value, tuple):
        return _plain(value._asdict())  # type: ignore[attr-defined]
    if isinstance(value, Mapping):
        return {key: _plain(inner) for key, inner in value.items() if (key, inner) != ("forecasts", None)}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    if isinstance(value, float):
        return float(_text(value)) if math.isfinite(value) else _text(value)
    return value
