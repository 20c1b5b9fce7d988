"""The files that pass from stage to stage: where they lie, what is in them, and how they are written.

Every file is written beside its place and renamed, so that an interrupted stage leaves the old one or none.
Text ends its lines with a line feed on every system. Numbers are in the shortest form that reads back as the
same float32 in data/, and have 6 significant digits in reports/.
"""

import json
import math
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import pandas as pd
from safetensors import SafetensorError
from safetensors.numpy import load_file, save

from stages.errors import InputError

DATASET = Path("data/dataset.npz")
LOSSES = Path("data/losses")
MODELS = Path("data/models")
REPORTS = Path("reports")
METRICS = REPORTS / "metrics.json"
FIGURES = REPORTS / "figures"


# The tables of reports/ and their columns.
TABLES: dict[str, tuple[str, ...]] = {
    "losses.csv": ("model", "epoch", "median", "q25", "q75"),
    "progress.csv": (
        "model", "epoch", "multiply_adds", "median", "q25", "q75", "solved", "solved_low", "solved_high",
    ),
    "comparisons.csv": ("pair", "epoch", "p", "p_low", "p_high"),
    "outcomes.csv": ("model", "replicate", "epoch", "train_mse", "test_mse"),
    "predictions.csv": ("model", "replicate", "y_true", "y_predicted"),
}  # fmt: skip

Weights: TypeAlias = dict[str, np.ndarray]  # float32 arrays by the PyTorch module's parameter names


class Dataset(NamedTuple):
    """Sequences (N, T, 1) and targets (N, 1), float32; the test set is never trained on."""

    x_train: np.ndarray
    y_train: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray


class Losses(NamedTuple):
    """Mean squared errors of one model, float32, (replicates, epochs + 1); column e is after e epochs.

    `measured`, bool (epochs + 1,), says after which epochs `test_mse` was measured; elsewhere it is nan.
    """

    train_mse: np.ndarray
    test_mse: np.ndarray
    measured: np.ndarray


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a path beside `path` to write to; on success it takes the place of `path`, else it is removed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    try:
        yield partial
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write `text` as UTF-8."""
    with replacing(path) as partial:
        partial.write_text(text, encoding="utf-8", newline="\n")


def write_dataset(dataset: Dataset) -> None:
    """Write data/dataset.npz."""
    with replacing(DATASET) as partial, partial.open("wb") as file:
        np.savez(file, **dataset._asdict())


def read_dataset() -> Dataset:
    """Return data/dataset.npz.

    Raises:
        InputError: it is missing, damaged, or its arrays do not fit together.

    """
    remedy = "`dvc repro generate` makes it"
    try:
        with np.load(DATASET) as arrays:
            dataset = Dataset(*(arrays[name] for name in Dataset._fields))
    except FileNotFoundError:
        raise InputError(f"{DATASET}: missing; {remedy}") from None
    except Exception as error:  # a damaged zip file can fail in many ways
        raise InputError(f"{DATASET}: damaged ({_one_line(error)}); {remedy}") from None
    for x, y in ((dataset.x_train, dataset.y_train), (dataset.x_test, dataset.y_test)):
        fits = (
            x.ndim == 3 and x.size > 0 and x.shape[1:] == dataset.x_train.shape[1:] and y.shape == (len(x), 1)
        )
        if not fits or not x.dtype == y.dtype == np.float32:
            raise InputError(
                f"{DATASET}: damaged (found x {x.shape} {x.dtype}, y {y.shape} {y.dtype}; "
                f"allowed: (N, T, I) and (N, 1), float32); {remedy}"
            )
    return dataset


def write_losses(model: str, losses: Losses) -> None:
    """Write data/losses/<model>.csv: a row a replicate and epoch; test_mse is empty where not measured."""
    rows = (
        (replicate, epoch, str(train_mse), str(test_mse) if measured else "")
        for replicate, curves in enumerate(zip(losses.train_mse, losses.test_mse, strict=True))
        for epoch, (train_mse, test_mse, measured) in enumerate(zip(*curves, losses.measured, strict=True))
    )
    write_csv(LOSSES / f"{model}.csv", ("replicate", "epoch", "train_mse", "test_mse"), rows)


def read_losses(model: str) -> Losses:
    """Return data/losses/<model>.csv.

    Raises:
        InputError: it is missing, damaged, or lacks a row.

    """
    path, remedy = LOSSES / f"{model}.csv", f"`dvc repro train@{model}` makes it"
    try:
        # Empty says "not measured" and nan "diverged": pandas must not read both as nan.
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
        replicate, epoch = (table[name].to_numpy(int) for name in ("replicate", "epoch"))
        shape = (replicate.max() + 1, epoch.max() + 1)
        measured = table["test_mse"].to_numpy(str).reshape(shape) != ""
        train_mse = table["train_mse"].to_numpy(np.float32).reshape(shape)
        test_mse = table["test_mse"].replace("", "nan").to_numpy(np.float32).reshape(shape)
    except FileNotFoundError:
        raise InputError(f"{path}: missing; {remedy}") from None
    except Exception as error:  # numbers too large for an int, columns of other lengths, a folder
        raise InputError(f"{path}: damaged ({_one_line(error)}); {remedy}") from None
    in_order = (replicate * shape[1] + epoch == np.arange(len(table))).all()
    if not in_order or (measured != measured[0]).any() or not measured[0, -1]:
        raise InputError(f"{path}: damaged (rows are missing or out of order); {remedy}")
    return Losses(train_mse, test_mse, measured[0])


def write_weights(model: str, weights: Mapping[str, np.ndarray]) -> None:
    """Write data/models/<model>.safetensors: every parameter with a leading replicate axis."""
    with replacing(MODELS / f"{model}.safetensors") as partial:
        # Not save_file, which lets the owner alone read what it writes.
        partial.write_bytes(save(dict(weights)))


def read_weights(model: str) -> Weights:
    """Return data/models/<model>.safetensors.

    Raises:
        InputError: it is missing or damaged.

    """
    path, remedy = MODELS / f"{model}.safetensors", f"`dvc repro train@{model}` makes it"
    try:
        return load_file(path)
    except FileNotFoundError:
        raise InputError(f"{path}: missing; {remedy}") from None
    except (OSError, SafetensorError) as error:
        raise InputError(f"{path}: damaged ({_one_line(error)}); {remedy}") from None


def remove_other_models(models: Iterable[str]) -> None:
    """Delete what lies in data/losses and data/models but belongs to none of `models`.

    A model taken out of params.yaml leaves its files behind, and DVC hashes the folders: without this, an old
    clone and a fresh one would end with different hashes.
    """
    names = set(models)
    for folder, suffix in ((LOSSES, ".csv"), (MODELS, ".safetensors")):
        for path in folder.iterdir():
            if path.is_dir():
                shutil.rmtree(path)
            elif path.suffix != suffix or path.stem not in names:
                path.unlink()


def write_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write a table; floats as 6 significant digits, everything else as its `str`."""
    lines = (",".join(map(_cell, row)) for row in (header, *rows))
    write_text(path, "".join(f"{line}\n" for line in lines))


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write nested numbers; floats rounded to 6 significant digits, null where they are not finite."""
    write_text(path, json.dumps(_rounded(content), indent=2, allow_nan=False) + "\n")


def read_json(name: str) -> dict[str, Any]:
    """Return reports/<name>.

    Raises:
        InputError: it is missing or no JSON object.

    """
    path = REPORTS / name
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise InputError(f"{path}: missing; `dvc repro evaluate` makes it") from None
    except (ValueError, TypeError) as error:
        raise InputError(f"{path}: damaged ({_one_line(error)}); `dvc repro evaluate` makes it") from None


def write_table(name: str, rows: Iterable[Sequence[object]]) -> None:
    """Write reports/<name>, one of TABLES."""
    write_csv(REPORTS / name, TABLES[name], rows)


def read_table(name: str) -> pd.DataFrame:
    """Return reports/<name>, one of TABLES: model and pair as text, the others as numbers.

    Raises:
        InputError: it is missing, no CSV, or has other columns.

    """
    path, columns = REPORTS / name, TABLES[name]
    try:
        # A model may be named nan, or null.
        numbers = {column: ["", "nan"] for column in columns if column not in ("model", "pair")}
        table = pd.read_csv(
            path, keep_default_na=False, na_values=numbers, dtype=dict.fromkeys(numbers, float)
        )
    except FileNotFoundError:
        raise InputError(f"{path}: missing; `dvc repro evaluate` makes it") from None
    except ValueError as error:
        raise InputError(f"{path}: damaged ({_one_line(error)}); `dvc repro evaluate` makes it") from None
    if tuple(table.columns) != tuple(columns):
        found = ", ".join(map(str, table.columns))
        raise InputError(
            f"{path}: damaged (found the columns {found}; allowed: {', '.join(columns)}); `dvc repro evaluate` makes it"
        )
    return table


def _cell(value: object) -> str:
    return f"{value:.6g}" if isinstance(value, float | np.floating) else str(value)


def _rounded(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _rounded(inner) for key, inner in value.items()}
    if isinstance(value, float | np.floating):
        return float(f"{value:.6g}") if math.isfinite(value) else None
    return value


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
