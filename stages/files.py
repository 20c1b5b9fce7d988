"""How files are read and written: beside their place and renamed, so that an interrupted run leaves the old or none.

Text is UTF-8 and ends its lines with a line feed on every system.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from stages.errors import InputError, one_line

T = TypeVar("T")


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a path beside `path` to write to; on success it takes the place of `path`, else it is removed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    try:
        yield partial
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write `text` as it is."""
    with replacing(path) as partial:
        partial.write_text(text, encoding="utf-8", newline="\n")


def write_csv(path: Path, header: Sequence[str], rows: Iterable[Iterable[object]]) -> None:
    """Write a table, each cell as its `str`; no cell may hold a comma, a quotation mark or a line feed."""
    write_text(path, "".join(f"{','.join(map(str, row))}\n" for row in (header, *rows)))


def read(path: Path, stage: str, parse: Callable[[Path], T]) -> T:
    """Return what `parse` finds in a file that `stage` makes. Raises InputError where it is missing or damaged."""
    try:
        return parse(path)
    except FileNotFoundError:
        problem = "missing"
    except Exception as error:  # no number, numbers too large for an int, columns of other lengths, a folder
        problem = f"damaged ({one_line(error)})"
    raise InputError(f"{path}: {problem}; `dvc repro {stage}` makes it")
