"""A reader's own series: a CSV file with a header and a row a step, read a row at a time and checked."""

import csv
import re
from array import array
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple, TextIO

import numpy as np

from stages.errors import InputError, one_line
from stages.params import SeriesParams, missing_series

LARGEST = 1e100  # whose square, and a sum of such, is still a number


class Series(NamedTuple):
    """What a file has: R rows, and what each of them is called.

    `values` is float64 (R, 1 + inputs), the column that is predicted first. `times` has the time column's text, or,
    where there is none, "row 1" for the first row below the header. `steps` is the shortest and the longest from a
    row's time to the next one's, with its unit; None without a time column.
    """

    values: np.ndarray
    times: list[str]
    steps: tuple[float, float, str] | None


def read_series(series: SeriesParams) -> Series:
    """Return the columns of `data.series.path` that the other keys name.

    Raises:
        InputError: it is missing, no CSV in UTF-8, lacks a column, or a row has no number or comes before the one
            above it; the message says on which line of the file.
    """
    path = Path(series.path)
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            return _parse(_rows(file), series)
    except FileNotFoundError:
        raise missing_series(series.path) from None
    except ValueError as error:
        problem = f"no UTF-8 ({error.reason})" if isinstance(error, UnicodeDecodeError) else one_line(error)
    raise InputError(f"{path}: {problem}")


def _rows(file: TextIO) -> Iterator[tuple[int, list[str]]]:
    """Yield every row with the number of its line. Raises ValueError where the file is no CSV."""
    rows, begins = csv.reader(file, strict=True), 1
    try:
        for row in rows:
            yield rows.line_num, row
            begins = rows.line_num + 1
    except csv.Error as error:
        allowed = "cells apart by commas, and every quote closed"
        raise ValueError(f"line {begins}: no CSV ({one_line(error)}); allowed: {allowed}") from None


def _parse(rows: Iterator[tuple[int, list[str]]], series: SeriesParams) -> Series:
    _, first = next(rows, (0, []))
    header = [name.strip() for name in first]
    if not header:
        raise ValueError("empty; allowed: a header, and a row a step")
    places = [_place(header, name) for name in (series.column, *series.inputs)]
    time = None if series.time is None else _place(header, series.time)
    values, times, lines = array("d"), [], array("q")
    blank = 0
    for line, row in rows:
        if not row:  # allowed after the last one alone
            blank = blank or line
            continue
        if blank or len(row) != len(header):
            line, found = (blank, 0) if blank else (line, len(row))
            raise ValueError(f"line {line}: found {found} cells; allowed: {len(header)}, as the header has")
        values.extend(_cell(row[place], line, header[place]) for place in places)
        lines.append(line)
        times.append(f"row {len(lines)}" if time is None else row[time].strip())
    if not times:
        raise ValueError("no row below the header; allowed: a row a step")
    steps = None if series.time is None else _steps(times, lines, series.time)
    return Series(np.array(values).reshape(len(times), len(places)), times, steps)


def _place(header: list[str], name: str) -> int:
    if header.count(name) != 1:
        if len(header) == 1 and (apart := re.search(r"[;\t|]", header[0])):
            raise ValueError(f"line 1: found cells apart by {apart[0]!r}; allowed: by commas")
        found = "none" if name not in header else f"{header.count(name)}"
        raise ValueError(f"column {name}: found {found}; allowed: one of {one_line(', '.join(header))}")
    return header.index(name)


def _cell(text: str, line: int, column: str) -> float:
    """Return the number that a cell says."""
    with suppress(ValueError):
        value = _number(text)
        if abs(value) < LARGEST:  # nan is not
            return value
    raise ValueError(f"line {line}, column {column}: found {_shown(text)}; allowed: a number")


def _number(text: str) -> float:
    if "_" in text:  # which Python would take for 1_000
        raise ValueError
    return float(text)


def _shown(text: str) -> str:
    return repr(text[:50]) if text.strip() else "an empty cell"


def _steps(times: list[str], lines: Sequence[int], column: str) -> tuple[float, float, str]:
    """Return the shortest and the longest step of a time column, and its unit.

    Raises:
        ValueError: a time is neither a number nor a date, or does not come after the one in the row above.
    """
    shortest, longest, above, text_above = np.inf, 0.0, None, ""
    for line, text in zip(lines, times, strict=True):
        try:
            value, unit = moment = _moment(text)
        except ValueError:
            allowed = "a number, or a date such as 2024-01-31"
            raise ValueError(
                f"line {line}, column {column}: found {_shown(text)}; allowed: {allowed}"
            ) from None
        if above is not None:
            if unit != above[1] or value <= above[0]:
                again = ", which stands in the row above" if moment == above else ""
                raise ValueError(
                    f"line {line}, column {column}: found {text!r}{again}; allowed: what comes after {text_above}"
                )
            shortest, longest = min(shortest, value - above[0]), max(longest, value - above[0])
        above, text_above = moment, text
    return shortest, longest, unit


def _moment(text: str) -> tuple[float, str]:
    """Return a time as a number, with its unit."""
    with suppress(ValueError):
        value = _number(text)
        if abs(value) < LARGEST:
            return value, ""
    date = datetime.fromisoformat(text)
    start = datetime(1970, 1, 1, tzinfo=UTC if date.tzinfo else None)
    return (date - start).total_seconds() / 86400, "days" if start.tzinfo is None else "days of UTC"
