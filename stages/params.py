"""params.yaml, typed and validated, its values as they stand there; nothing else reads that file.

`python -m stages.params` checks it and prints nothing when all is well. `make` runs that first, since a few
mistakes (no models, a name that is a number) would otherwise fail inside DVC, in words that hide the cause.
"""

import re
import subprocess
from pathlib import Path
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic.fields import FieldInfo

from stages.errors import InputError, run
from stages.yaml12 import parse_yaml

PATH = Path("params.yaml")
NAME = "[a-z][a-z0-9_-]{0,99}"  # of a model

# The upper limits are beyond any use, and within what every number type on the way can hold.
Seed = Annotated[int, Field(ge=0, lt=2**64, description="a whole number, 0 or more")]
Count = Annotated[int, Field(ge=1, le=10**12, description="a whole number, 1 or more")]
Pair = Annotated[
    str, Field(pattern=rf"^{NAME} vs {NAME}$", description="two models' names, such as stacked vs single")
]
Positive = Annotated[float, Field(gt=0, lt=1e38, allow_inf_nan=False, description="a number above 0")]


class _Section(BaseModel):
    # strict: "20" and true are no whole numbers; forbid: a misspelt key must not pass for a default.
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class DataParams(_Section):
    """The sequences: how many, how long, and what is predicted from them."""

    task: Literal["mean", "recall", "adding"]  # a module in stages/generate/ each
    num_samples: Count
    test_samples: Count
    seq_length: Count
    delay: Annotated[int, Field(ge=0, le=10**12)] | None = Field(
        description="a whole number, 0 or more, or blank"
    )
    seed: Seed


class ModelParams(_Section):
    """One network; `lr` is its own step size, or None for train.lr."""

    hidden_size: Count
    num_layers: Count
    cell: Literal["rnn_tanh", "rnn_relu", "gru", "lstm"]
    lr: Positive | None = Field(description="a number above 0, or blank")


class TrainParams(_Section):
    """How every network is trained."""

    engine: Literal["exact", "torch"]
    device: Literal["cpu", "cuda", "auto"]
    epochs: Count
    lr: Positive
    replicates: Count
    seed: Seed
    batch_size: Count | None = Field(description="a whole number, 1 or more, or blank")
    clip_norm: Positive | None = Field(description="a number above 0, or blank")
    eval_every: Count


class EvaluateParams(_Section):
    """What the evaluate stage measures."""

    at_epochs: list[Count] = Field(description="a list of whole numbers, 1 or more each")
    solved_r2: Annotated[float, Field(gt=0, le=1, description="a number above 0, at most 1")]
    compare: list[Pair] = Field(description="a list of pairs such as stacked vs single")
    primary: Pair


class Params(_Section):
    """The whole of params.yaml."""

    data: DataParams
    models: dict[str, ModelParams] = Field(description="one entry a model")
    train: TrainParams
    evaluate: EvaluateParams

    @model_validator(mode="after")
    def _sections_fit(self) -> Self:
        data = self.data
        if data.task == "recall" and not (data.delay is not None and data.delay < data.seq_length):
            raise InputError(
                f"{PATH}: data.delay: found {'nothing' if data.delay is None else data.delay}; "
                f"allowed with data.task recall: a whole number below data.seq_length, {data.seq_length}"
            )
        if data.task == "adding" and data.seq_length < 2:
            raise InputError(
                f"{PATH}: data.seq_length: found {data.seq_length}; allowed with data.task adding: 2 or more"
            )
        if self.train.engine == "exact" and self.train.device == "cuda":
            raise InputError(
                f"{PATH}: train.device: found cuda; allowed with train.engine exact: cpu "
                "(train.engine torch has the others)"
            )
        pairs = [frozenset(split_pair(pair)) for pair in self.evaluate.compare]
        for pair, models in zip(self.evaluate.compare, pairs, strict=True):
            if len(models) == 1 or pairs.count(models) > 1:
                raise InputError(
                    f"{PATH}: evaluate.compare: found {pair!r}; allowed: two different models, each two once"
                )
        if self.evaluate.primary not in self.evaluate.compare:
            raise InputError(
                f"{PATH}: evaluate.primary: found {self.evaluate.primary!r}; allowed: one of evaluate.compare, "
                f"{', '.join(self.evaluate.compare) or 'which is empty'}"
            )
        if self.train.batch_size is not None and self.train.batch_size > self.data.num_samples:
            raise InputError(
                f"{PATH}: train.batch_size: found {self.train.batch_size}; "
                f"allowed: at most data.num_samples, {self.data.num_samples}, or blank"
            )
        return self


def split_pair(pair: str) -> tuple[str, str]:
    """Return the two models that a pair such as "stacked vs single" names."""
    first, second = pair.split(" vs ")
    return first, second


def load_params() -> Params:
    """Return params.yaml of the current folder.

    Raises:
        InputError: the file is missing, no YAML, or holds anything but what the classes above allow.
    """
    try:
        return _load()
    except InputError as error:
        # `dvc exp run -S` leaves what it set, but for its temporary folders.
        changed = subprocess.run(["git", "status", "--porcelain", "--", PATH], capture_output=True).stdout
        undo = "; `git restore params.yaml` undoes what changed since the last commit"
        raise InputError(f"{error}{undo if changed and '.dvc' not in Path.cwd().parts else ''}") from None


def _load() -> Params:
    try:
        document = parse_yaml(PATH.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"{PATH}: missing; run from the top folder of the project") from None
    except UnicodeDecodeError as error:
        raise InputError(f"{PATH}: byte {error.start} is not UTF-8 text") from None
    except ValueError as error:
        raise InputError(f"{PATH}: {error}") from None
    if isinstance(document, dict) and isinstance(document.get("models", ()), dict | None):
        _check_model_names(document["models"])
    try:
        return Params.model_validate(document)
    except ValidationError as error:
        raise InputError(f"{PATH}: {_explain(error)}") from None


def _check_model_names(models: Any) -> None:
    """Raise InputError where DVC could not loop over `models:`, or a name could not be a file's."""
    if not models:
        raise InputError(f"{PATH}: models: found none; allowed: one entry a model, at least one")
    for name in models:
        if not isinstance(name, str) or not re.fullmatch(NAME, name) or "vs" in name.split("_"):
            raise InputError(
                f"{PATH}: models: found the name {name!r}; allowed: a letter a-z, then a-z, 0-9, _ and -, "
                "but vs is no part between underscores"
            )


def _explain(error: ValidationError) -> str:
    """Return one mistake as `key: found ...; allowed: ...`; a misspelt key before the one it leaves out."""
    first = min(error.errors(), key=lambda mistake: mistake["type"] != "extra_forbidden")
    key = ".".join(map(str, first["loc"]))
    # An item of a list is allowed what the list says.
    *section, name = [part for part in first["loc"] if isinstance(part, str)] or [""]
    fields = _fields(section)
    if first["type"] == "extra_forbidden" and section[:1] == ["models"] and name == "nonlinearity":
        return f"{key}: no longer a key; write cell: rnn_{first['input']} instead"
    if first["type"] == "extra_forbidden":
        return f"{key}: unknown key; allowed: {', '.join(fields)}"
    words = get_args(fields[name].annotation) if name in fields and first["type"] == "literal_error" else ()
    allowed = (
        " or ".join(filter(None, (", ".join(words[:-1]), *words[-1:])))
        or (name in fields and fields[name].description)
        or "a section of keys"
    )
    if first["type"] == "missing":
        return f"{key}: missing; allowed: {allowed}"
    found = "nothing" if first["input"] is None else repr(first["input"])
    return f"{key or 'the file'}: found {found}; allowed: {allowed}"


def _fields(section: list[str]) -> dict[str, FieldInfo]:
    """Return the keys that a section such as ["train"] or ["models", "single"] has; none of ["models"]."""
    match section:
        case []:
            return Params.model_fields
        case ["models", _]:
            return ModelParams.model_fields
        case _:
            return getattr(Params.model_fields[section[0]].annotation, "model_fields", {})


if __name__ == "__main__":
    run(load_params)  # type: ignore[arg-type]
