"""What lies in data/ and passes from stage to stage: the data set, and each model's losses and weights.

Arrays are kept as safetensors, whose bytes depend on nothing but what is in them. Losses are CSV, in the shortest
form that reads back as the same float32.
"""

import math
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple, TypeAlias

import numpy as np
import pandas as pd
from safetensors.numpy import load_file, save

from stages.files import read, replacing, write_csv

DATA = Path("data")
DATASET = DATA / "dataset.safetensors"
LOSSES_COLUMNS = ("replicate", "epoch", "train_mse", "test_mse")

Weights: TypeAlias = dict[str, np.ndarray]  # float32 arrays by the PyTorch module's parameter names


class Dataset(NamedTuple):
    """Sequences (N, T, I) and targets (N, 1), float32; the test set is never trained on."""

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


def losses_path(model: str) -> Path:
    """Return where a model's losses lie."""
    return DATA / "losses" / f"{model}.csv"


def weights_path(model: str) -> Path:
    """Return where a model's weights lie."""
    return DATA / "models" / f"{model}.safetensors"


def maker(model: str) -> str:
    """Return the stage of dvc.yaml that makes a model's losses and weights."""
    return f"train@{model}"


def write_dataset(dataset: Dataset) -> None:
    """Write data/dataset.safetensors."""
    _write_arrays(DATASET, dataset._asdict())


def read_dataset() -> Dataset:
    """Return data/dataset.safetensors.

    Raises:
        InputError: it is missing, damaged, or its arrays do not fit together.
    """
    return read(DATASET, "generate", _parse_dataset)


def _parse_dataset(path: Path) -> Dataset:
    arrays = load_file(path)
    dataset = Dataset(*(arrays[name] for name in Dataset._fields))
    for x, y in ((dataset.x_train, dataset.y_train), (dataset.x_test, dataset.y_test)):
        fits = (
            x.ndim == 3 and x.size > 0 and x.shape[1:] == dataset.x_train.shape[1:] and y.shape == (len(x), 1)
        )
        if not fits or not x.dtype == y.dtype == np.float32:
            raise ValueError(
                f"found x {x.shape} {x.dtype}, y {y.shape} {y.dtype}; allowed: (N, T, I) and (N, 1), float32"
            )
    return dataset


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
    mses = (np.where(mse == "", "nan", mse).astype(np.float32) for mse in (train_mse, test_mse))
    return replicate.astype(np.int32), epoch.astype(np.int32), *mses, test_mse != ""


def write_weights(model: str, weights: Mapping[str, np.ndarray]) -> None:
    """Write data/models/<model>.safetensors: every parameter with a leading replicate axis."""
    _write_arrays(weights_path(model), weights)


def read_weights(model: str) -> Weights:
    """Return data/models/<model>.safetensors. Raises InputError where it is missing or damaged."""
    return read(weights_path(model), maker(model), load_file)


def remove_other_models(models: Iterable[str]) -> None:
    """Delete what lies in data/losses and data/models but belongs to none of `models`.

    A model taken out of params.yaml leaves its files behind, and DVC hashes the folders: without this, an old
    clone and a fresh one would end with different hashes.
    """
    keep = {path(name) for name in models for path in (losses_path, weights_path)}
    for folder in {path.parent for path in keep}:
        for path in folder.iterdir():
            if path.is_dir():
                shutil.rmtree(path)
            elif path not in keep:
                path.unlink()


def _write_arrays(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    with replacing(path) as partial:
        # Not save_file, which lets the owner alone read what it writes.
        partial.write_bytes(save(dict(arrays)))
