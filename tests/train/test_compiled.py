"""The cache of compiled code: found from every copy of the sources, never stale, never in the way."""

import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

TOP = Path(__file__).parents[2]

# Prints whether the kernel was compiled or loaded, and a loss after training.
PROGRAM = """
import numpy as np
from stages.train import kernel, passes
one = lambda *shape: np.full(shape, 0.5, np.float32)
weights = {"rnn.weight_ih_l0": one(1, 1), "rnn.weight_hh_l0": one(1, 1), "rnn.bias_ih_l0": one(1)}
weights |= {"rnn.bias_hh_l0": one(1), "linear.weight": one(1, 1), "linear.bias": one(1)}
x, y = one(2, 3, 1), one(2, 1)
options = {"nonlinearity": "tanh", "lr": 0.1, "batch_size": None, "clip_norm": None, "eval_every": 1}
run = kernel.train_replicate(weights, x, y, x, y, **options, epochs=3, rng=np.random.default_rng())
stats = passes.run.stats
print("loaded" if stats.cache_hits else "compiled", float(run.train_mse[-1]).hex())
"""


def copy(folder: Path, source: str = "", old: str = "", new: str = "") -> Path:
    """A copy of the sources, in one of which a line is changed."""
    shutil.copytree(TOP / "stages", folder / "stages", ignore=shutil.ignore_patterns("__pycache__"))
    if source:
        path = folder / "stages" / "train" / source
        text = path.read_text()
        assert text.count(old) == 1
        path.write_text(text.replace(old, new))
    return folder


def run(folder: Path, cache: Path) -> tuple[str, str]:
    """ "compiled" or "loaded", and a loss."""
    environment = os.environ | {"XDG_CACHE_HOME": str(cache), "HOME": str(cache), "LOCALAPPDATA": str(cache)}
    command = [sys.executable, "-B", "-c", PROGRAM]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    how, loss = done.stdout.split()
    return how, loss


@pytest.mark.slow
def test_compiled_code_is_kept_by_content(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    first, second = copy(tmp_path / "first"), copy(tmp_path / "second")
    called = copy(tmp_path / "called", "activations.py", "2 * 0.49999997", "2 * 0.45")
    constant = copy(
        tmp_path / "constant", "passes.py", "BETA1, BETA2, EPSILON = 0.9,", "BETA1, BETA2, EPSILON = 0.8,"
    )

    how, loss = run(first, cache)
    assert how == "compiled"
    assert run(second, cache) == ("loaded", loss)
    with ThreadPoolExecutor(2) as pool:
        changed = list(pool.map(lambda folder: run(folder, cache), (called, constant)))
    assert all(result[0] == "compiled" and result[1] != loss for result in changed)
    assert run(first, cache) == ("loaded", loss)

    for path in cache.rglob("*.nbc"):
        path.write_bytes(path.read_bytes()[:1000])
    assert run(first, cache) == ("compiled", loss)
    assert run(first, cache) == ("loaded", loss)


@pytest.mark.slow
def test_processes_may_compile_at_once_and_a_cache_is_not_needed(tmp_path: Path) -> None:
    folder, cache = copy(tmp_path / "copy"), tmp_path / "cache"
    with ThreadPoolExecutor(2) as pool:
        (_, loss), (_, other) = pool.map(lambda _: run(folder, cache), range(2))
    assert loss == other and run(folder, cache) == ("loaded", loss)

    not_a_folder = tmp_path / "file"
    not_a_folder.write_text("")
    assert run(folder, not_a_folder) == ("compiled", loss)
