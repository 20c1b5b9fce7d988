"""What lies in data/ and passes from stage to stage: the data set, and each model's losses and weights.

Arrays are kept as safetensors, whose bytes depend on nothing but what is in them. Losses are CSV, in the shortest
form that reads back as the same float32.
"""

import math
import re
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple, TypeAlias

import numpy as np
import pandas as pd
from safetensors.numpy import load_file, save

from stages.errors import one_line
from stages.files import read, replacing, write_csv
from stages.params import NAME, DataParams

DATA = Path("data")
DATASET = DATA / "dataset.safetensors"
# A model's file, and what a run that was killed left of one.
OF_MODEL = re.compile(rf"{NAME}\.(csv|safetensors)|\.{NAME}\.(csv|safetensors)\..*partial")
LOSSES_COLUMNS = ("replicate", "epoch", "train_mse", "test_mse")

Weights: TypeAlias = dict[str, np.ndarray]  # float32 arrays by the PyTorch module's parameter names


class Dataset(NamedTuple):
    """Sequences (N, T, I) and targets (N, 1), float32; the test set is never trained on."""

    x_train: np.ndarray
    y_train: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray


class Forecast(NamedTuple):
    """What the data set of task forecast has besides, in the series' own unit where it is float64.

    There are N test targets, the next H values after the last row, and B baselines.
    """

    x_validation: np.ndarray  # (V, T, I), float32
    y_validation: np.ndarray  # (V, 1), float32
    x_next: np.ndarray  # (H, T, I), float32, whose targets are after the last row
    scaling: np.ndarray  # (2,), mean and standard deviation of the training part
    naive_mae: np.ndarray  # (1,), that MASE divides by
    y_true: np.ndarray  # (N,)
    baselines: np.ndarray  # (B, N), their forecasts of y_true
    baselines_next: np.ndarray  # (B, H), and of what comes next
    names: list[str]  # of the baselines
    times: list[str]  # of the test targets


class Losses(NamedTuple):
    """Mean squared errors of one model, float32, (replicates, epochs + 1); column e is after e epochs.

    `measured`, bool (epochs + 1,), says after which epochs `test_mse` was measured; elsewhere it is nan.
    """

    train_mse: np.ndarray
    test_mse: np.ndarray
    measured: np.ndarray


def losses_path(model: str) -> Path:
    """Return where a model's losses lie."""
    return DATA / "losses" / f"{model}.csv"


def weights_path(model: str) -> Path:
    """Return where a model's weights lie."""
    return DATA / "models" / f"{model}.safetensors"


def maker(model: str) -> str:
    """Return the stage of dvc.yaml that makes a model's losses and weights."""
    return f"train@{model}"


def write_dataset(dataset: Dataset, forecast: Forecast | None = None) -> None:
    """Write data/dataset.safetensors."""
    more = forecast._asdict() if forecast else {}
    lists = {key: _lines(value) for key, value in more.items() if isinstance(value, list)}
    _write_arrays(DATASET, dataset._asdict() | more | lists)


def read_dataset(data: DataParams) -> Dataset:
    """Return data/dataset.safetensors.

    Raises:
        InputError: it is missing, damaged, or another than `data:` in params.yaml describes.
    """

    def parse(path: Path) -> Dataset:
        arrays = load_file(path)
        if (data.forecast is not None) != ("x_next" in arrays):
            raise ValueError(f"of another task than {data.task}")
        sizes = data.seq_length, arrays["x_train"].shape[-1]
        for name, drawn in (("train", data.num_samples), ("test", data.test_samples)):
            samples = len(arrays[f"x_{name}"]) if data.forecast else drawn
            _check_array(arrays, f"x_{name}", (samples, *sizes))
            _check_array(arrays, f"y_{name}", (samples, 1))
        return Dataset(*(arrays[name] for name in Dataset._fields))

    return read(DATASET, "generate", parse)


def read_forecast() -> Forecast:
    """Return what data/dataset.safetensors has for task forecast. Raises InputError where it is missing or damaged."""

    def parse(path: Path) -> Forecast:
        arrays = load_file(path)
        lists = {name: arrays[name].tobytes().decode().split("\n") for name in ("names", "times")}
        found = Forecast(**{name: arrays[name] for name in Forecast._fields} | lists)  # type: ignore[arg-type]
        sizes = len(found.names), len(found.times)
        if found.baselines.shape != sizes or found.y_true.shape != sizes[1:]:
            raise ValueError(f"baselines: found {found.baselines.shape}; allowed: {sizes}")
        return found

    return read(DATASET, "generate", parse)


def _lines(texts: list[str]) -> np.ndarray:
    return np.frombuffer("\n".join(texts).encode(), np.uint8)


def _check_array(arrays: Mapping[str, np.ndarray], name: str, shape: tuple[int, ...]) -> None:
    array = arrays[name]
    if array.shape != shape or array.dtype != np.float32:
        raise ValueError(f"{name}: found {array.shape} {array.dtype}; allowed: {shape} float32")
    if array.size == 0 or not np.isfinite(array).all():
        raise ValueError(f"{name}: found numbers that are not finite, or none")


def write_losses(model: str, losses: Losses) -> None:
    """Write data/losses/<model>.csv: a row a replicate and epoch; test_mse is empty where not measured."""
    rows = (
        (replicate, epoch, train_mse, test_mse if measured else "")
        for replicate, curves in enumerate(zip(losses.train_mse, losses.test_mse, strict=True))
        for epoch, (train_mse, test_mse, measured) in enumerate(zip(*curves, losses.measured, strict=True))
    )
    write_csv(losses_path(model), LOSSES_COLUMNS, rows)


def read_losses(model: str) -> Losses:
    """Return data/losses/<model>.csv. Raises InputError where it is missing, damaged, or lacks a row."""
    return read(losses_path(model), maker(model), _parse_losses)


def _parse_losses(path: Path) -> Losses:
    # A part at a time, since text takes many times the memory of numbers. Empty says "not measured" and nan
    # "diverged": pandas must not read both as nan.
    with pd.read_csv(path, dtype=str, keep_default_na=False, chunksize=100_000) as tables:
        parts = [_parse_rows(table) for table in tables]
    replicate, epoch, train_mse, test_mse, measured = map(np.concatenate, zip(*parts, strict=True))
    shape = (int(replicate[-1]) + 1, int(epoch[-1]) + 1)
    in_order = replicate.astype(np.int64) * shape[1] + epoch == np.arange(len(epoch))
    if not in_order.all() or len(epoch) != math.prod(shape):
        raise ValueError("rows are missing or out of order")
    measured = measured.reshape(shape)
    if (measured != measured[0]).any() or not measured[0, -1]:
        raise ValueError("test_mse is missing")
    return Losses(train_mse.reshape(shape), test_mse.reshape(shape), measured[0])


def _parse_rows(table: pd.DataFrame) -> tuple[np.ndarray, ...]:
    """Return the columns of losses as numbers, and which test MSEs were measured."""
    replicate, epoch, train_mse, test_mse = (table[name].to_numpy(str) for name in LOSSES_COLUMNS)
    if len(table) == 0:
        raise ValueError("no rows")
    if (train_mse == "").any():
        raise ValueError("train_mse is missing")
    mses = [np.where(mse == "", "nan", mse).astype(np.float32) for mse in (train_mse, test_mse)]
    if any((mse < 0).any() for mse in mses):
        raise ValueError("found an MSE below 0")
    return replicate.astype(np.int32), epoch.astype(np.int32), *mses, test_mse != ""


def write_weights(model: str, weights: Mapping[str, np.ndarray]) -> None:
    """Write data/models/<model>.safetensors: every parameter with a leading replicate axis."""
    _write_arrays(weights_path(model), weights)


def read_weights(model: str) -> Weights:
    """Return data/models/<model>.safetensors. Raises InputError where it is missing or damaged."""
    return read(weights_path(model), maker(model), load_file)


def remove_other_models(models: Iterable[str]) -> None:
    """Delete the models' files in data/losses and data/models that belong to none of `models`, and name what is none.

    A model taken out of params.yaml leaves its files behind, and DVC hashes the folders: without this, an old
    clone and a fresh one would end with different hashes. Of a link it is the link that is deleted.
    """
    keep = {path(name) for name in models for path in (losses_path, weights_path)}
    others = {path for folder in {path.parent for path in keep} for path in folder.iterdir()} - keep
    of_models = {
        path for path in others if OF_MODEL.fullmatch(path.name) and (path.is_symlink() or not path.is_dir())
    }
    for path in of_models:
        path.unlink()
    if unknown := sorted(map(str, others - of_models)):
        print(f"{one_line(', '.join(unknown))}: left alone; no model's file", file=sys.stderr)


def _write_arrays(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    with replacing(path) as partial:
        # Not save_file, which lets the owner alone read what it writes.
        partial.write_bytes(save(dict(arrays)))
