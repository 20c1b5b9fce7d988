"""Which engine trains, what it imports, and the one line where it cannot."""

import builtins
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from stages.architecture import Architecture
from stages.data import Dataset
from stages.errors import InputError
from stages.generate import __main__ as generate
from stages.train import __main__ as train
from stages.train import engines, reference
from stages.train.exact import trainer
from stages.train.exact.compiled import arithmetic
from tests.conftest import PARAMS, TOP, Run, change
from tests.train.cases import TRAINING


def test_each_engine_is_the_one_asked_for() -> None:
    exact = engines.load_engine("exact", "rnn_tanh")
    assert exact == (trainer.advance, trainer.predict, trainer.memory_needed, arithmetic())
    by_torch = engines.load_engine("torch", "rnn_tanh")
    assert getattr(by_torch.advance, "func", None) is reference.advance
    assert by_torch[1:] == (reference.predict, reference.memory_needed, None)


@pytest.mark.slow
def test_the_exact_engine_leaves_torch_alone() -> None:
    code = (
        "import sys, stages.generate.__main__, stages.train.__main__; from stages.train import engines; "
        "engines.load_engine('exact', 'rnn_tanh'); assert 'numba' in sys.modules; print('torch' in sys.modules)"
    )
    assert subprocess.check_output([sys.executable, "-c", code], cwd=TOP, text=True) == "False\n"


def test_a_platform_that_numba_cannot_serve_is_told_of_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    def found() -> str:
        with pytest.raises(InputError) as caught:
            engines.load_engine("exact", "rnn_tanh")
        assert caught.value.__cause__ is not None
        return str(caught.value)

    def unsupported(cell: str) -> None:
        raise RuntimeError("LLVM ERROR:\n64-bit code requested")

    monkeypatch.setattr(trainer, "check_platform", unsupported)
    allowed = "allowed here: torch"
    assert found() == (
        f"params.yaml: train.engine: found exact, but LLVM ERROR: 64-bit code requested; {allowed}"
    )

    real = builtins.__import__

    def without_numba(name: str, *rest: Any) -> Any:
        if name == "numba":
            raise ImportError("Numba needs NumPy 2.2 or less")
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without_numba)
    assert found() == f"params.yaml: train.engine: found exact, but Numba needs NumPy 2.2 or less; {allowed}"


def test_a_fault_of_our_own_blames_nobody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    def faulty(cell: str) -> None:
        raise NameError("name 'mistaken' is not defined")

    monkeypatch.setattr(trainer, "check_platform", faulty)
    with pytest.raises(NameError, match="mistaken"):
        engines.load_engine("exact", "rnn_tanh")


@pytest.fixture
def with_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder, now the current one, with params.yaml and the data set."""
    monkeypatch.chdir(tmp_path)
    shutil.copy(PARAMS, tmp_path)
    generate.main()
    return tmp_path


@pytest.mark.slow
def test_a_cpu_that_ends_llvm_gets_one_line(with_data: Path, run: Run) -> None:
    environment = {"NUMBA_CPU_NAME": "pentium", "NUMBA_CPU_FEATURES": "", "PYTHONPATH": str(TOP)}
    failed = run("python -m stages.train single", with_data, **environment)
    assert failed.returncode == 2
    assert failed.stderr == (
        "params.yaml: train.engine: found exact, but Numba cannot compile for pentium; allowed here: torch\n"
    )


def test_cuda_without_a_gpu_is_one_line_and_auto_is_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert reference.find_device("auto") == "cpu"
    with pytest.raises(InputError, match=r"train\.device: found cuda, but no GPU .* allowed here: cpu, auto"):
        reference.find_device("cuda")


@pytest.mark.parametrize("name", ["exact", "torch"])
def test_what_training_needs_grows_with_every_size_and_none_is_too_large_to_tell(name: str) -> None:
    needed = engines.load_engine(name, "rnn_tanh").memory_needed

    def samples(count: int) -> Dataset:
        x, y = np.broadcast_to(np.float32(0), (count, 20, 1)), np.broadcast_to(np.float32(0), (count, 1))
        return Dataset(x, y, x, y)

    usual = needed(Architecture("rnn_tanh", 1, 32, 2), TRAINING, samples(1000))
    assert 10**5 < usual < 10**8
    assert needed(Architecture("rnn_tanh", 1, 10**7, 2), TRAINING, samples(1000)) > 10**14
    assert needed(Architecture("rnn_tanh", 1, 10**5, 1000), TRAINING, samples(1000)) > 10**13
    assert needed(Architecture("rnn_tanh", 1, 32, 2), TRAINING, samples(10**12)) > 10**14


def test_what_cannot_fit_is_refused_with_the_bytes_needed(
    with_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["stages.train", "single"])
    change(with_data / "params.yaml", "hidden_size: 32", "hidden_size: 10000000")
    with pytest.raises(
        InputError, match=r"params\.yaml: models\.single, data and train: found sizes that need [\d,]+ bytes"
    ):
        train.main()
