"""params.yaml, typed and validated, its values as they stand there; no other stage reads that file.

`python -m stages.params` checks it and prints nothing when all is well. `make` runs that first, since a few
mistakes (no models, a name that is a number) would otherwise fail inside DVC, in words that hide the cause. For DVC it
is the first stage: the others come after it, since what it makes is a dependency, which never changes. Past it go
`dvc repro --single-item` and `--downstream` alone, where .dvcignore still keeps a plain name from leading elsewhere.
"""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal, Self, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from stages.architecture import GATES
from stages.errors import InputError
from stages.files import write_text
from stages.yaml12 import parse_yaml

PATH = Path("params.yaml")
CHECKED = Path("data/params-checked")
TASKS = sorted(path.stem for path in Path(__file__).parent.glob("generate/tasks/[a-z]*.py"))
VERSUS = " vs "  # between the models of a pair
NAME = "[a-z][a-z0-9_-]{0,99}"  # of a model

# The upper limits are beyond any use, and within what every number type on the way can hold.
Seed = Annotated[int, Field(ge=0, lt=2**64, description="a whole number, 0 or more")]
Count = Annotated[int, Field(ge=1, le=10**12, description="a whole number, 1 or more")]
Name = Annotated[str, Field(pattern=rf"^(?!(.*_)?vs(_|$)){NAME}\Z")]  # a pair's key is a_vs_b
Pair = Annotated[str, Field(pattern=rf"^{NAME}{VERSUS}{NAME}\Z")]
Share = Annotated[float, Field(gt=0, lt=1, description="a number above 0, below 1")]
Text = Annotated[str, Field(min_length=1, description="text")]
Positive = Annotated[float, Field(gt=0, lt=1e38, allow_inf_nan=False, description="a number above 0")]


class _Section(BaseModel):
    # strict: "20" and true are no whole numbers; forbid: a misspelt key must not pass for a default.
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, regex_engine="python-re")


class SeriesParams(_Section):
    """Of the task forecast: the file, what is predicted from what, and how it is split."""

    path: Text
    column: Text
    inputs: list[Text] = Field(description="a list of names of columns, such as [a, b]")
    time: Text | None = Field(description="the name of a column, or blank (null with -S)")
    horizon: Count
    season: Count | None = Field(description="a whole number, 1 or more, or blank (null with -S)")
    test_share: Share
    validation_share: Share
    lr: dict[Name, Positive] = Field(description="a number above 0 for a model's name each")


class DataParams(_Section):
    """The sequences: how many, how long, and what is predicted from them."""

    task: Annotated[str, Field(pattern=rf"^({'|'.join(TASKS)})\Z", description=", ".join(TASKS))]
    num_samples: Count
    test_samples: Count
    seq_length: Count
    delay: Annotated[int, Field(ge=0, le=10**12)] | None = Field(
        default=None, description="a whole number, 0 or more, or blank (null with -S)"
    )
    seed: Seed
    series: SeriesParams | None = Field(default=None, description="a section of keys")

    @property
    def forecast(self) -> SeriesParams | None:
        """The series, where the task is to forecast it."""
        return self.series if self.task == "forecast" else None


class ModelParams(_Section):
    """One network; `lr` is its own step size, or None for train.lr."""

    hidden_size: Count
    num_layers: Annotated[int, Field(ge=1, le=1000, description="a whole number, 1 to 1000")]
    cell: Annotated[str, Field(pattern=rf"^({'|'.join(GATES)})\Z", description=", ".join(GATES))]
    lr: Positive | None = Field(description="a number above 0, or blank (null with -S)")


class TrainParams(_Section):
    """How every network is trained."""

    engine: Literal["exact", "torch"]
    device: Literal["cpu", "cuda", "auto"]
    epochs: Count
    lr: Positive
    replicates: Count
    seed: Seed
    batch_size: Count | None = Field(description="a whole number, 1 or more, or blank (null with -S)")
    clip_norm: Positive | None = Field(description="a number above 0, or blank (null with -S)")
    eval_every: Count

    @property
    def measurements(self) -> int:
        """How often a test MSE is measured: at the start, every `eval_every` epochs, and after the last."""
        return len(range(0, self.epochs, self.eval_every)) + 1


class EvaluateParams(_Section):
    """What the evaluate stage measures."""

    at_epochs: list[Count] = Field(description="a list of whole numbers, 1 or more each, such as [100]")
    solved_r2: Annotated[float, Field(gt=0, le=1, description="a number above 0, at most 1")]
    compare: list[Pair] = Field(description="a list of pairs, such as [stacked vs single]")
    primary: Pair = Field(description="one of the pairs of evaluate.compare, such as stacked vs single")


class Params(_Section):
    """The whole of params.yaml."""

    data: DataParams
    models: dict[Name, ModelParams] = Field(
        min_length=1,
        description="one entry a model, at least one, each named by a letter a-z, then a-z, 0-9, _ and -, "
        "where vs is no part between underscores",
    )
    train: TrainParams
    evaluate: EvaluateParams

    def complete_pairs(self) -> list[str]:
        """Return the pairs of `evaluate.compare` whose models are both there."""
        return [pair for pair in self.evaluate.compare if pair not in self.left_out()]

    def left_out(self) -> dict[str, str]:
        """Return why the other pairs are left out: a model that was taken out of `models:`, or is misspelt."""
        return {
            pair: f"no {absent[0]} in models"
            for pair in self.evaluate.compare
            if (absent := [name for name in split_pair(pair) if name not in self.models])
        }

    @model_validator(mode="after")
    def _sections_fit(self) -> Self:
        for key, found, allowed in self._contradictions():
            raise ValueError(_wrong(key, found, allowed))
        return self

    def _contradictions(self) -> Iterator[tuple[str, object, str]]:
        """Yield a key that others contradict, what was found there, and what they allow."""
        data, train, evaluate = self.data, self.train, self.evaluate
        if data.task == "recall" and (data.delay is None or data.delay >= data.seq_length):
            allowed = f"with data.task recall a whole number below data.seq_length, {data.seq_length}"
            yield "data.delay", data.delay, allowed
        if data.task == "adding" and data.seq_length < 2:
            yield "data.seq_length", data.seq_length, "with data.task adding 2 or more"
        if data.task == "forecast" and data.series is None:
            yield "data.series", None, "with data.task forecast a section of keys"
        if series := data.forecast:
            shares = series.test_share, series.validation_share
            if sum(shares) >= 1:
                allowed = "test_share and validation_share together below 1, since the rest is trained on"
                yield "data.series", shares, allowed
            if len({series.column, *series.inputs}) <= len(series.inputs):
                yield "data.series.inputs", series.inputs, "other columns than data.series.column, each once"
        elif train.batch_size is not None and train.batch_size > data.num_samples:
            allowed = f"at most data.num_samples, {data.num_samples}, or blank (null with -S)"
            yield "train.batch_size", train.batch_size, allowed
        if train.engine == "exact" and train.device == "cuda":
            allowed = "with train.engine exact cpu or auto (train.engine torch has the others)"
            yield "train.device", train.device, allowed
        pairs = [frozenset(split_pair(pair)) for pair in evaluate.compare]
        for pair, models in zip(evaluate.compare, pairs, strict=True):
            if len(models) == 1 or pairs.count(models) > 1:
                yield "evaluate.compare", pair, "two different models, each two once"
        if evaluate.primary not in evaluate.compare:
            absent = self.left_out()
            listed = [f"{pair} ({absent[pair]})" if pair in absent else pair for pair in evaluate.compare]
            allowed = f"one of the pairs of evaluate.compare: {', '.join(listed) or 'it is empty'}"
            yield "evaluate.primary", evaluate.primary, allowed


SECTIONS: dict[str, type[_Section]] = {
    "data": DataParams,
    "data.series": SeriesParams,
    "models": ModelParams,
    "train": TrainParams,
    "evaluate": EvaluateParams,
}


def split_pair(pair: str) -> tuple[str, str]:
    """Return the two models that a pair such as "stacked vs single" names."""
    first, _, second = pair.partition(VERSUS)
    return first, second


def load_params() -> Params:
    """Return params.yaml of the current folder.

    Raises:
        InputError: the file is missing, no YAML, or holds anything but what the classes above allow.
    """
    try:
        return Params.model_validate(parse_yaml(PATH.read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise InputError(f"{PATH}: missing; run from the top folder of the project") from None
    except ValidationError as error:
        problem = explain(error)
    except ValueError as error:  # no YAML, no UTF-8
        problem = str(error)
    # `dvc exp run -S` leaves what it set, and with --temp the next one starts from there, in a folder below .dvc.
    here = Path.cwd().parts
    workspace = Path(*here[: here.index(".dvc")] if ".dvc" in here else here)
    changed = subprocess.run(
        ["git", "status", "--porcelain", "--", PATH], cwd=workspace, capture_output=True
    ).stdout
    undo = "; `git restore params.yaml` undoes what changed since the last commit" if changed else ""
    raise InputError(f"{PATH}: {problem}{undo}")


def missing_series(path: str) -> InputError:
    """Return the mistake that the file at data.series.path is not there."""
    known = (
        f". An experiment with --temp or --queue has only what git knows: if it is there, `git add {path}` first, or "
        "name its absolute path"
    )
    return InputError(
        f"{path}: missing; {PATH} names it at data.series.path{'' if Path(path).is_absolute() else known}"
    )


def explain(error: ValidationError) -> str:
    """Return one mistake as `key: found ...; allowed: ...`; a misspelt key before the one it leaves out."""
    unknown = "extra_forbidden", "invalid_key"
    first = min(error.errors(), key=lambda mistake: mistake["type"] not in unknown)
    kind, place, found = first["type"], [str(part) for part in first["loc"]], first["input"]
    if kind == "value_error":
        return str(first["ctx"]["error"])
    if place[-1:] == ["[key]"]:  # a model's name, which the mapping says what is allowed of
        place = place[:-2]
    key = ".".join(place)[:80] or "the file"
    inner = SECTIONS.get(".".join(place[:2])) if place[2:] else None
    fields = (inner or (SECTIONS[place[0]] if place[1:] else Params)).model_fields
    if kind in unknown and place[-1] == "nonlinearity":
        return f"{key}: no longer a key; write cell: rnn_{found} instead"
    if kind in unknown:
        return f"{key}: unknown key; allowed: {', '.join(fields)}"
    # An item of a list is allowed what the list says.
    field = next((fields[part] for part in reversed(place) if part in fields), None)
    if field is None or kind == "model_type":
        allowed = "a section of keys"
    else:
        allowed = field.description or ", ".join(get_args(field.annotation))
    if kind == "missing":
        return f"{key}: missing; allowed: {allowed or 'a section of keys'}"
    return _wrong(key, found, allowed)


def _wrong(key: str, found: object, allowed: str) -> str:
    return f"{key}: found {'nothing' if found is None else f'{found!r:.80}'}; allowed: {allowed}"


def main() -> None:
    """Check params.yaml, and that DVC will find the series, and write data/params-checked, always the same."""
    params = load_params()
    for pair, reason in params.left_out().items():
        print(f"{PATH}: evaluate.compare: {pair} is left out: {reason}", file=sys.stderr)
    series = params.data.forecast
    if series and not Path(series.path).exists():
        raise missing_series(series.path)
    write_text(CHECKED, "params.yaml was checked\n")


if __name__ == "__main__":
    main()
