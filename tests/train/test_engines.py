"""Which engine trains, and the one line where it cannot."""

import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import torch

from stages.errors import InputError
from stages.params import ModelParams, TrainParams
from stages.train import engines, kernel, reference
from tests.conftest import Run

TRAIN = TrainParams(
    engine="exact", device="cpu", epochs=1, lr=0.01, replicates=20, seed=0, batch_size=None, clip_norm=None,
    eval_every=1,
)  # fmt: skip
MODEL = ModelParams(hidden_size=32, num_layers=2, nonlinearity="tanh", lr=None)


def test_each_engine_is_the_one_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert engines.trainer(TRAIN) == (kernel.train_replicate, 3)
    by_torch, threads = engines.trainer(TRAIN.model_copy(update={"engine": "torch"}))
    assert (getattr(by_torch, "func", None), threads) == (reference.train_replicate, 1)
    assert engines.predictor("exact") is kernel.predict
    assert engines.predictor("torch") is reference.predict


def test_a_platform_that_numba_cannot_serve_is_told_of_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    def unsupported() -> None:
        raise kernel.UnsupportedPlatformError("Numba cannot\ncompile here")

    monkeypatch.setattr(kernel, "check_platform", unsupported)
    for ask in (lambda: engines.trainer(TRAIN), lambda: engines.predictor("exact")):
        with pytest.raises(InputError) as caught:
            ask()
        assert str(caught.value) == (
            "params.yaml: train.engine: found exact, but Numba cannot compile here; allowed here: torch"
        )


def test_cuda_without_a_gpu_is_one_line_and_auto_is_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert reference.find_device("auto") == "cpu"
    with pytest.raises(InputError, match=r"train\.device: found cuda, but no GPU .* allowed here: cpu, auto"):
        reference.find_device("cuda")


@pytest.mark.parametrize("engine", ["exact", "torch"])
def test_what_cannot_fit_is_refused_with_the_bytes_needed(
    engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    train = TRAIN.model_copy(update={"engine": engine})
    engines.check_training_fits("m", MODEL, train, samples=2000, steps=20, inputs=1)
    huge = MODEL.model_copy(update={"hidden_size": 10_000_000})
    with pytest.raises(
        InputError, match=r"params\.yaml: models\.m, data and train: found sizes that need [\d,]+ bytes"
    ):
        engines.check_training_fits("m", huge, train, samples=2000, steps=20, inputs=1)
    with pytest.raises(InputError, match="bytes of memory"):
        engines.check_training_fits("m", MODEL, train, samples=10**10, steps=20, inputs=1)


def test_memory_needed_covers_what_training_takes() -> None:
    x, y = np.zeros((1000, 20, 1), np.float32), np.zeros((1000, 1), np.float32)
    weights = {
        "rnn.weight_ih_l0": np.zeros((32, 1), np.float32),
        "rnn.weight_hh_l0": np.zeros((32, 32), np.float32),
        "rnn.bias_ih_l0": np.zeros(32, np.float32),
        "rnn.bias_hh_l0": np.zeros(32, np.float32),
        "linear.weight": np.zeros((1, 32), np.float32),
        "linear.bias": np.zeros(1, np.float32),
    }
    kernel.check_platform()  # compiled before it is measured
    for batch_size in (None, 100):
        tracemalloc.start()
        kernel.train_replicate(
            weights, x, y, x, y, nonlinearity="tanh", epochs=1, lr=0.01, batch_size=batch_size, clip_norm=None,
            eval_every=1, rng=np.random.default_rng(0),
        )  # fmt: skip
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        needed = kernel.memory_needed(
            hidden_size=32, num_layers=1, samples=2000, steps=20, inputs=1, batch_size=batch_size
        )
        assert peak <= needed <= 4 * peak


def test_a_cpu_that_ends_llvm_gets_one_line(project: Path, run: Run) -> None:
    failed = run("python -m stages.train single", project, NUMBA_CPU_NAME="pentium", NUMBA_CPU_FEATURES="")
    assert failed.returncode == 2
    assert failed.stderr == (
        "params.yaml: train.engine: found exact, but Numba cannot compile for pentium; allowed here: torch\n"
    )
