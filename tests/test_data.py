"""What passes from stage to stage comes back as it was, or a line says what is wrong."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from stages import data
from stages.data import Dataset, Losses
from stages.errors import InputError
from stages.files import write_text
from stages.params import DataParams

DATA = DataParams(task="mean", num_samples=3, test_samples=1, seq_length=2, seed=0)


@pytest.fixture(autouse=True)
def in_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def some_losses() -> Losses:
    train_mse = np.array([[0.1, np.inf, np.nan], [1e-9, 3, 0.25]], np.float32)
    test_mse = np.array([[0.1, np.nan, np.nan], [1e-30, np.nan, np.inf]], np.float32)
    return Losses(train_mse, test_mse, np.array([True, False, True]))


def test_losses_have_the_shortest_numbers_and_empty_cells() -> None:
    data.write_losses("single", some_losses())
    assert Path("data/losses/single.csv").read_bytes() == (
        b"replicate,epoch,train_mse,test_mse\n"
        b"0,0,0.1,0.1\n0,1,inf,\n0,2,nan,nan\n1,0,1e-09,1e-30\n1,1,3.0,\n1,2,0.25,inf\n"
    )


@settings(max_examples=50, deadline=None, derandomize=True)
@given(hnp.arrays(np.float32, (2, 7), elements=st.floats(width=32, min_value=0)))
def test_losses_come_back_to_the_bit(values: np.ndarray) -> None:
    losses = Losses(values, values, np.ones(7, bool))
    data.write_losses("single", losses)
    back = data.read_losses("single")
    assert back.train_mse.tobytes() == values.tobytes()
    assert back.test_mse.tobytes() == values.tobytes()


def test_losses_tell_not_measured_from_diverged() -> None:
    data.write_losses("single", some_losses())
    back = data.read_losses("single")
    assert back.measured.tolist() == [True, False, True]
    np.testing.assert_array_equal(back.test_mse, some_losses().test_mse)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "replicate,epoch,train_mse,test_mse\n",
        "replicate,epoch,train_mse\n0,0,1\n",
        "replicate,epoch,train_mse,test_mse\n0,0,1,1\n0,2,1,1\n",
        "replicate,epoch,train_mse,test_mse\n0,0,1,1\n0,1,one,1\n",
        "replicate,epoch,train_mse,test_mse\n0,0,1,1\n0,1,,1\n",
        "replicate,epoch,train_mse,test_mse\n0,0,1,1\n0,1,1,-1e-9\n",
        "replicate,epoch,train_mse,test_mse\n0,0,-inf,1\n0,1,1,1\n",
        "replicate,epoch,train_mse,test_mse\n0,0,1,1\n1,0,1,\n",
        "replicate,epoch,train_mse,test_mse\n0,1,1,1\n0,0,1,1\n",
    ],
)
def test_damaged_losses_get_one_line(text: str) -> None:
    write_text(Path("data/losses/single.csv"), text)
    with pytest.raises(
        InputError, match=r"^data/losses/single.csv: damaged .*`dvc repro train@single` makes it$"
    ):
        data.read_losses("single")


def test_dataset_and_weights_come_back() -> None:
    x, y = np.ones((3, 2, 1), np.float32), np.zeros((3, 1), np.float32)
    data.write_dataset(Dataset(x, y, x[:1], y[:1]))
    assert [array.shape for array in data.read_dataset(DATA)] == [(3, 2, 1), (3, 1), (1, 2, 1), (1, 1)]
    data.write_weights("single", {"b": x, "a": y})
    assert data.read_weights("single")["b"].tobytes() == x.tobytes()


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"num_samples": 4}, r"x_train: found \(3, 2, 1\) float32; allowed: \(4, 2, 1\) float32"),
        ({"test_samples": 2}, r"x_test: found \(1, 2, 1\) float32; allowed: \(2, 2, 1\) float32"),
        ({"seq_length": 3}, r"x_train: found \(3, 2, 1\) float32; allowed: \(3, 3, 1\) float32"),
        ({"y_train": np.zeros((2, 1), np.float32)}, r"y_train: found \(2, 1\) float32; allowed: \(3, 1\)"),
        (
            {"x_test": np.ones((1, 2, 2), np.float32)},
            r"x_test: found \(1, 2, 2\) float32; allowed: \(1, 2, 1\)",
        ),
        ({"x_test": np.ones((1, 2, 1))}, r"x_test: found \(1, 2, 1\) float64"),
        ({"x_train": np.full((3, 2, 1), np.inf, np.float32)}, "x_train: found numbers that are not finite"),
        ({"y_test": np.full((1, 1), np.nan, np.float32)}, "y_test: found numbers that are not finite"),
    ],
)
def test_a_dataset_that_is_not_the_one_described_gets_one_line(change: dict[str, Any], problem: str) -> None:
    x, y = np.ones((3, 2, 1), np.float32), np.zeros((3, 1), np.float32)
    arrays = {key: value for key, value in change.items() if isinstance(value, np.ndarray)}
    params = {key: value for key, value in change.items() if key not in arrays}
    data.write_dataset(Dataset(x, y, x[:1], y[:1])._replace(**arrays))
    with pytest.raises(
        InputError, match=rf"^data/dataset.safetensors: damaged \({problem}.*`dvc repro generate`"
    ):
        data.read_dataset(DATA.model_copy(update=params))


@pytest.mark.parametrize("reader", [data.read_losses, data.read_weights])
def test_missing_files_name_the_command_that_makes_them(reader: Callable[[str], object]) -> None:
    with pytest.raises(InputError, match="missing; `dvc repro train@single` makes it"):
        reader("single")


def test_damaged_weights_get_one_line() -> None:
    write_text(data.weights_path("single"), "no tensors")
    with pytest.raises(InputError, match=r"damaged .* `dvc repro train@single` makes it"):
        data.read_weights("single")


def test_other_models_files_are_removed_and_what_is_none_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("single", "wide"):
        data.write_losses(name, some_losses())
        data.write_weights(name, {"a": np.ones(1)})
    write_text(data.losses_path("single").with_name(".single.csv.0a.partial"), "left by a kill")
    data.remove_other_models(["single"])
    left = {path for path in data.DATA.rglob("*") if path.is_file()}
    assert left == {data.losses_path("single"), data.weights_path("single")}
    assert capsys.readouterr().err == ""

    write_text(Path("elsewhere/kept"), "")
    losses, models = data.losses_path("single").parent, data.weights_path("single").parent
    (losses / "old.csv").symlink_to(Path("elsewhere").resolve())
    (losses / "link").symlink_to(Path("elsewhere").resolve())
    write_text(models / "best\nof.csv" / "kept", "")
    write_text(models / "folder.safetensors" / "kept", "")
    data.remove_other_models(["single"])
    assert not (losses / "old.csv").is_symlink()
    for kept in (
        "elsewhere/kept",
        losses / "link",
        models / "best\nof.csv/kept",
        models / "folder.safetensors/kept",
    ):
        assert Path(kept).exists()
    assert capsys.readouterr().err == (
        "data/losses/link, data/models/best of.csv, data/models/folder.safetensors: left alone; no model's file\n"
    )
