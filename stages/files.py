"""How files are read and written: beside their place and renamed, so that an interrupted run leaves the old or none.

Text is UTF-8 and ends its lines with a line feed on every system.
"""

import errno
import os
import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import chain
from pathlib import Path
from typing import TypeVar

import platformdirs

from stages.errors import InputError, one_line

T = TypeVar("T")


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give an empty file beside `path` to write to; on success it takes the place of `path`, else it is removed.

    It is on the disk before it is renamed, so that a power cut leaves the old file or the new one. An OSError that
    would name no file names `path`.
    """
    with _partial(path) as partial:
        yield partial
        _sync(partial)
        partial.replace(path)
        if os.name == "posix":
            _sync(path.parent)


def try_to_write(*paths: Path) -> None:
    """Raise the OSError that writing one of these would, before there is anything to write; they stay as they are."""
    for path in paths:
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
        with _partial(path):
            pass


@contextmanager
def _partial(path: Path) -> Iterator[Path]:
    """Give an empty file beside `path` that is nobody else's, and remove it afterwards where it still is."""
    partial = path.with_name(f".{path.name}.{secrets.token_hex(8)}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.touch(exist_ok=False)  # only where nothing is, so that no link is followed
        yield partial
    except OSError as error:
        if error.filename is None or Path(error.filename) == partial:
            error.filename = str(path)
        raise
    finally:
        with suppress(OSError):
            partial.unlink()


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_text(path: Path, text: str) -> None:
    """Write `text` as it is."""
    write_lines(path, [text])


def write_lines(path: Path, lines: Iterable[str]) -> None:
    """Write one text after the other, as they are, holding none of them longer than it takes."""
    with replacing(path) as partial, partial.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(lines)


def write_csv(path: Path, header: Sequence[str], rows: Iterable[Iterable[object]]) -> None:
    """Write a table, each cell as its `str`; no cell may hold a comma, a quotation mark or a line feed."""
    write_lines(path, (f"{','.join(map(str, row))}\n" for row in chain((header,), rows)))


def read(path: Path, stage: str, parse: Callable[[Path], T]) -> T:
    """Return what `parse` finds in a file that `stage` makes. Raises InputError where it is missing or damaged."""
    try:
        return parse(path)
    except FileNotFoundError:
        problem = "missing"
    except Exception as error:  # no number, numbers too large for an int, columns of other lengths, a folder
        problem = f"damaged ({one_line(error)})"
    raise InputError(f"{path}: {problem}; `dvc repro {stage}` makes it")


def user_cache(name: str) -> Path:
    """Return the folder of this name in the user's cache, where all clones and experiments share what they made.

    Raises:
        FileNotFoundError: this user has no home, so that there is none.
    """
    try:
        return platformdirs.user_cache_path("stacked-rnn", appauthor=False) / name
    except RuntimeError as error:
        raise FileNotFoundError(errno.ENOENT, str(error)) from None
