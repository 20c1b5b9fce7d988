"""Losses, weights and tables that are not what the stage before made: a line, exit code 2, and nothing written."""

import copy
import json
import re
import shutil
from collections.abc import Callable, Iterator
from functools import reduce
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from safetensors.numpy import load_file, save_file

from stages.results import TABLES
from tests.conftest import Call, change, files, run_stages, tiny_params

LOSSES, WEIGHTS = "data/losses/stacked.csv", "data/models/stacked.safetensors"


@pytest.fixture
def folder(finished_project: Path, tmp_path: Path) -> Path:
    """Return a folder in which every stage has run, free to be changed."""
    for name in ("data", "reports"):
        shutil.copytree(finished_project / name, tmp_path / name)
    shutil.copy(finished_project / "params.yaml", tmp_path)
    return tmp_path


def refused(call: Call, folder: Path, stage: str) -> str:
    """Return the one line with which a stage refuses what lies in the folder, where nothing has changed."""
    before = files(folder, "data", "reports")
    code, out, err = call(folder, f"stages.{stage}")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert files(folder, "data", "reports") == before
    return err


@pytest.mark.parametrize("column", ["train_mse", "test_mse"])
@pytest.mark.parametrize("value", ["nan", "9", "1e-9"])
def test_a_last_loss_that_the_weights_do_not_give_is_refused(
    folder: Path, call: Call, column: str, value: str
) -> None:
    """Whether it says that the replicate has diverged, or that it has learned."""
    table = pd.read_csv(folder / LOSSES, dtype=str, keep_default_na=False)
    table.loc[(table["replicate"] == "1") & (table["epoch"] == "4"), column] = value
    table.to_csv(folder / LOSSES, index=False)
    assert refused(call, folder, "evaluate").startswith(f"{WEIGHTS}: replicate 1: found {column} 0.")


@pytest.mark.parametrize("stage", ["evaluate", "plot"])
def test_a_run_that_cannot_fit_is_refused_before_anything_is_read(
    folder: Path, call: Call, stage: str
) -> None:
    change(folder / "params.yaml", "epochs: 4", "epochs: 1000000000000")
    assert refused(call, folder, stage).startswith(
        "params.yaml: models, data and train: found sizes that need "
    )


def with_test_mse(keep: Callable[[pd.Series], pd.Series]) -> Callable[[pd.DataFrame], pd.DataFrame]:
    return lambda table: table.assign(test_mse=table["train_mse"].where(keep(table["epoch"].astype(int)), ""))


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (
            with_test_mse(lambda epoch: epoch >= 0),
            "found test_mse after 5 of the epochs 0 to 4, allowed: every 2",
        ),
        (
            with_test_mse(lambda epoch: epoch == 4),
            "found test_mse after 1 of the epochs 0 to 4, allowed: every 2",
        ),
        (with_test_mse(lambda epoch: epoch % 3 != 2), "found test_mse after 4 of the epochs 0 to 4"),
        (lambda table: table[table["replicate"] != "2"], "found 2 replicates x 5 rows, allowed: 3 x 5"),
        (lambda table: table[table["epoch"] != "4"], "damaged"),
    ],
)
def test_losses_of_another_training_are_refused(
    folder: Path, call: Call, change: Callable[[pd.DataFrame], pd.DataFrame], problem: str
) -> None:
    table = pd.read_csv(folder / LOSSES, dtype=str, keep_default_na=False)
    change(table).to_csv(folder / LOSSES, index=False)
    said = refused(call, folder, "evaluate")
    assert said.startswith(f"{LOSSES}: {problem}")
    assert said.endswith("`dvc repro train@stacked` makes it\n")


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda array: array.astype(np.float16), r"linear.bias: found (3, 1) float16; allowed: (3, 1) float32"),
        (lambda array: array[:2], r"linear.bias: found (2, 1) float32; allowed: (3, 1) float32"),
        (lambda array: array * np.array([1, np.nan, 1], np.float32).reshape(3, *[1] * (array.ndim - 1)),
         "replicate 1: found test_mse nan; allowed: 0."),
        (lambda array: np.full_like(array, 3e38), "replicate 1: found test_mse inf; allowed: 0."),
        (lambda array: np.roll(array, 1, axis=0), "replicate 1: found test_mse 0.39"),
    ],
)  # fmt: skip
@pytest.mark.filterwarnings("error")
def test_weights_of_another_training_are_refused(
    folder: Path, call: Call, change: Callable[[np.ndarray], np.ndarray], problem: str
) -> None:
    arrays = load_file(folder / WEIGHTS)
    save_file({name: change(array) for name, array in arrays.items()}, folder / WEIGHTS)
    assert refused(call, folder, "evaluate").startswith(f"{WEIGHTS}: {problem}")


def keys(node: dict[str, Any], *at: str) -> Iterator[tuple[str, ...]]:
    """Yield the place of every key of nested mappings."""
    for key, value in node.items():
        yield *at, key
        if isinstance(value, dict):
            yield from keys(value, *at, key)


def test_plot_needs_every_key_of_the_details(folder: Path, call: Call) -> None:
    path = folder / "reports/details.json"
    details = json.loads(path.read_text())
    places = {(at[0], at[-1], len(at)): at for at in keys(details)}  # one of each kind
    assert len(places) > 30
    for *group, key in places.values():
        less = copy.deepcopy(details)
        del reduce(dict.__getitem__, group, less)[key]
        path.write_text(json.dumps(less))
        assert re.match(r"reports/(details.json|comparisons.csv): damaged \(", refused(call, folder, "plot"))


@pytest.mark.parametrize("name", TABLES)
def test_plot_needs_the_whole_of_every_table(folder: Path, call: Call, name: str) -> None:
    path = folder / f"reports/{name}.csv"
    text = path.read_text()
    header, *rows = text.splitlines(keepends=True)
    for less in (
        "", header, text[: len(text) // 2], text[:-1], text[: text.rindex(",") + 1], text[: text.rindex(",")] + "\n",
        header + "".join(rows[:-1]), header + "".join(rows[1:]), header + "".join(rows[: len(rows) // 2]),
        text.replace("single", "other"), text.replace("\n", ",1\n"),
    ):  # fmt: skip
        path.write_text(less)
        assert refused(call, folder, "plot").startswith(f"reports/{name}.csv: damaged (")


@pytest.mark.slow
def test_names_that_pandas_takes_for_values_and_losses_that_all_are_infinite(tmp_path: Path) -> None:
    text = tiny_params(lr="1.0e+30", epochs=2)
    for old, new in (("single", "nan"), ("stacked", "null"), ("wide", "true")):
        text = re.sub(rf"\b{old}:", f"'{new}':", text).replace(f" vs {old}", f" vs {new}")
        text = text.replace(f"{old} vs ", f"{new} vs ")
    (tmp_path / "params.yaml").write_text(text)
    found = run_stages(tmp_path)
    page = found["reports/README.md"].decode()
    for name in ("nan", "null", "true"):
        assert f"| {name} | 0 % (0 to 56 %) | inf (inf to inf) |" in page
    assert "null beats nan in 50 % of pairs" in page
    for name in TABLES:
        assert len(pd.read_csv(tmp_path / f"reports/{name}.csv")) > 0
