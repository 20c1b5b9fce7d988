"""The cache of compiled code: found from every copy of the sources, never stale, never in the way."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from stages.train.exact import compiled
from tests.conftest import TOP

# Both print for each of their arguments whether the code was compiled or loaded, and what it computes.
A_NETWORK_OF_EACH_CELL = """
import sys
import numpy as np
from stages.architecture import Architecture
from stages.train.exact import trainer
for cell in sys.argv[1:]:
    architecture = Architecture(cell, 1, 2, 1)
    weights = {name: np.full(shape, -0.5, np.float32) for name, shape in architecture.shapes().items()}
    prediction = trainer.predict(weights, np.ones((1, 3, 1), np.float32), architecture)
    print("loaded" if trainer.compiled_trainer(cell).stats.cache_hits else "compiled", prediction[0, 0])
"""
A_FUNCTION_FOR_EACH_NUMBER = """
import sys
from stages.train.exact.compiled import compiled, compiled_and_kept
def function(number):
    @compiled
    def inner(x):
        return x * number
    @compiled_and_kept
    def outer(x):
        return inner(x) + 1
    return outer
for argument in sys.argv[1:]:
    outer = function(int(argument))
    result = outer(100)
    print("loaded" if outer.stats.cache_hits else "compiled", result)
"""


def run(program: str, folder: Path, cache: Path, *arguments: str) -> list[str]:
    """What the program prints, run in a folder and with a cache."""
    environment = os.environ | {"XDG_CACHE_HOME": str(cache), "HOME": str(cache), "LOCALAPPDATA": str(cache)}
    command = [sys.executable, "-B", "-c", program, *arguments]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.mark.slow
def test_compiled_code_is_kept_by_content_and_by_cell(tmp_path: Path) -> None:
    first, second, changed = (tmp_path / name for name in ("first", "second", "changed"))
    for folder in (first, second, changed):
        shutil.copytree(TOP / "stages", folder / "stages", ignore=shutil.ignore_patterns("__pycache__"))
    called = changed / "stages/train/exact/activations.py"
    text = called.read_text()
    assert text.count("2 * 0.49999997") == 1
    called.write_text(text.replace("2 * 0.49999997", "2 * 0.45"))

    def code(folder: Path, *cells: str) -> list[str]:
        return run(A_NETWORK_OF_EACH_CELL, folder, tmp_path / "cache", *cells)

    [tanh] = code(first, "rnn_tanh")
    how, prediction = tanh.split()
    assert how == "compiled" and float(prediction) > -0.5
    assert code(second, "rnn_tanh") == [f"loaded {prediction}"]
    with ThreadPoolExecutor(2) as pool:
        jobs = pool.submit(code, changed, "rnn_tanh"), pool.submit(code, first, "rnn_relu")
        [other], [relu] = (job.result() for job in jobs)
    assert other.startswith("compiled") and other != tanh
    assert relu == "compiled -0.5"  # of units that are off the output's bias is left
    assert code(first, "rnn_tanh", "rnn_relu") == [f"loaded {prediction}", "loaded -0.5"]


def test_functions_that_close_over_other_things_are_kept_apart(tmp_path: Path) -> None:
    """Compiled in processes of their own, they would have the same symbols."""

    def results(*numbers: str) -> list[str]:
        return run(A_FUNCTION_FOR_EACH_NUMBER, TOP, tmp_path, *numbers)

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(results, ["2", "3"])) == [["compiled 201"], ["compiled 301"]]
    assert results("2", "3") == ["loaded 201", "loaded 301"]


def hits(function: Callable) -> int:
    """How often the code of a function, called once, came from the cache."""
    dispatcher: Any = compiled.compiled_and_kept(function)
    assert dispatcher(1) == 2
    return sum(dispatcher.stats.cache_hits.values())


def add_one(x):  # type: ignore[no-untyped-def]
    return x + 1


@pytest.mark.parametrize("damage", [b"", b"cut", b"flipped", b"another"])
def test_a_damaged_file_is_compiled_again(
    damage: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compiled, "cache_folder", lambda: tmp_path / "folder")
    assert (hits(add_one), hits(add_one)) == (0, 1)
    [path] = (tmp_path / "folder").iterdir()
    content = path.read_bytes()
    middle = len(content) // 2
    flipped = content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]
    path.write_bytes({b"cut": content[:middle], b"flipped": flipped}.get(damage, damage))
    assert (hits(add_one), hits(add_one)) == (0, 1)


def test_a_cache_is_not_needed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(compiled, "cache_folder", lambda: tmp_path / "file")
    assert (hits(add_one), hits(add_one)) == (0, 0)
