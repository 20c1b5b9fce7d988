"""The cache of compiled code: found from every copy of the sources, never stale, never in the way."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from stages.train.exact import compiled
from tests.conftest import TOP

# Prints for each of its arguments whether the code was compiled or loaded, and what it computes.
PROGRAM = """
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


def run(cache: Path, *numbers: str, folder: Path = TOP) -> list[str]:
    """What the program prints, by the sources in a folder and with a cache."""
    environment = os.environ | {"XDG_CACHE_HOME": str(cache), "HOME": str(cache), "LOCALAPPDATA": str(cache)}
    command = [sys.executable, "-B", "-c", PROGRAM, *numbers]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.mark.slow
def test_compiled_code_is_kept_by_content(tmp_path: Path) -> None:
    """And apart where it closes over other things: compiled in processes of their own, it has the same symbols."""
    cache, clone = tmp_path / "cache", tmp_path / "clone"
    shutil.copytree(TOP / "stages", clone / "stages", ignore=shutil.ignore_patterns("__pycache__"))
    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(run, [cache] * 2, ["2", "3"])) == [["compiled 201"], ["compiled 301"]]
    for source, found in (("data.py", "loaded"), ("train/exact/activations.py", "compiled")):
        with (clone / "stages" / source).open("a") as file:
            file.write("# changed\n")
        assert run(cache, "2", "3", folder=clone) == [f"{found} 201", f"{found} 301"]


def test_what_is_compiled_is_what_was_imported_when_its_key_was_made(tmp_path: Path) -> None:
    """A worker lives on while its clone is changed."""
    program = (
        "import pathlib\n"
        "from stages.train.exact import compiled, trainer\n"
        "sources = list(pathlib.Path(compiled.__file__).parent.glob('*.py'))\n"
        "for source in sources:\n"
        "    source.write_text(f'{source.read_text()}\\nraise SystemError\\n')\n"
        "trainer.check_platform('gru')\n"
        "print(compiled.arithmetic())\n"
    )
    shutil.copytree(TOP / "stages", tmp_path / "stages", ignore=shutil.ignore_patterns("__pycache__"))
    command = [sys.executable, "-B", "-c", program]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == (f"{compiled.arithmetic()}\n", "")


def test_functions_of_one_name_in_two_files_are_kept_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two cells of as many gates, with as much to keep, differ in their files alone."""
    monkeypatch.setattr(compiled, "cache_folder", lambda: tmp_path / "cache")
    monkeypatch.syspath_prepend(tmp_path)

    def through(module: str) -> int:
        inner: Any = compiled.compiled(import_module(module).function)

        def outer(x):  # type: ignore[no-untyped-def]
            return inner(x) + 1

        return compiled.compiled_and_kept(outer)(100)

    for module, number in (("doubles", 2), ("trebles", 3)):
        (tmp_path / f"{module}.py").write_text(f"def function(x):\n    return x * {number}\n")
    assert [through("doubles"), through("trebles")] == [201, 301]


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
