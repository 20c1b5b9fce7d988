"""Whatever lies in data/ and reports/, evaluate and plot give a right result, or one line and change nothing."""

import contextlib
import io
import json
import shutil
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import load, save

from stages import results
from stages.errors import tell
from stages.evaluate import __main__ as evaluate
from stages.params import load_params
from stages.plot import __main__ as plot
from tests.conftest import files

Change = Callable[[bytes], bytes]

LOSSES, ARRAYS = "data/losses/single.csv", ["data/models/single.safetensors", "data/dataset.safetensors"]
DETAILS, TABLES = "reports/details.json", [f"reports/{name}.csv" for name in results.TABLES]

EXAMPLES = settings().max_examples // 2  # of each of the two tests

CELLS = st.sampled_from(
    ["", "nan", "inf", "-inf", "-1", "0", "1", "2", "1e-45", "1e39", "1e308", "1e400", "0x1", "1_0", "٣", " 1", "1.5",
     "99999999999", "a", "single", '"', "\0", "\r", ",", "1,1", "\n", "0,0,1,1\n", "é", "$x$", "<b>"]
)  # fmt: skip
VALUES = st.sampled_from(
    [
        None,
        True,
        "",
        "inf",
        "nan",
        "better",
        -1,
        0,
        0.0,
        -0.0,
        1,
        1e-300,
        1e308,
        10**400,
        -5.5,
        [],
        [1],
        {},
        {"a": 1},
    ]
)
NUMBERS = st.sampled_from([0.0, -0.0, 1e-45, 1e-20, 1.0, 1e10, 3e38, np.inf, -np.inf, np.nan])
TYPES = st.sampled_from([np.float16, np.float64, np.int32, np.uint8, np.bool_])


@st.composite
def other_bytes(draw: st.DrawFn) -> Change:
    start, length, new = (
        draw(st.floats(0, 1)),
        draw(st.sampled_from([0, 0, 1, 8, 10**9])),
        draw(st.binary(max_size=9)),
    )

    def change(content: bytes) -> bytes:
        at = int(start * len(content))
        return content[:at] + new + content[at + length :]

    return change


@st.composite
def other_rows(draw: st.DrawFn) -> Change:
    where, column, cell, what = (
        draw(st.floats(0, 1)),
        draw(st.integers(0, 8)),
        draw(CELLS),
        draw(st.integers(0, 5)),
    )

    def change(content: bytes) -> bytes:
        rows = content.decode().splitlines()
        at = int(where * (len(rows) - 1))
        if what == 0:
            del rows[at]
        elif what == 1:
            rows.insert(at, rows[-1])
        else:
            cells = rows[at].split(",")
            cells[column % len(cells)] = cell
            rows[at] = ",".join(cells)
        return "".join(f"{row}\n" for row in rows).encode()

    return change


@st.composite
def other_arrays(draw: st.DrawFn) -> Change:
    name, where, number = draw(st.integers(0, 9)), draw(st.floats(0, 1)), draw(NUMBERS)
    what, dtype = draw(st.integers(0, 6)), draw(TYPES)

    def change(content: bytes) -> bytes:
        arrays = dict(load(content))
        key = sorted(arrays)[name % len(arrays)]
        array = arrays[key].copy()
        match what:
            case 0:
                del arrays[key]
                return save(arrays)
            case 1:
                array = array[:0] if number == 0 else array[:-1]
            case 2:
                with np.errstate(all="ignore"):
                    array = array.astype(dtype)
            case 3:
                array = array[None]
            case _:
                array.flat[int(where * (array.size - 1))] = number
        return save(arrays | {key: np.ascontiguousarray(array)})

    return change


@st.composite
def other_values(draw: st.DrawFn) -> Change:
    where, value, what = draw(st.floats(0, 1)), draw(VALUES), draw(st.integers(0, 3))

    def places(node: dict[str, Any]) -> Iterator[tuple[dict[str, Any], str]]:
        for key, inner in node.items():
            yield node, key
            if isinstance(inner, dict):
                yield from places(inner)

    def change(content: bytes) -> bytes:
        tree = json.loads(content)
        every = list(places(tree))
        node, key = every[int(where * (len(every) - 1))]
        if what == 0:
            del node[key]
        elif what == 1:
            node[str(value)] = node.pop(key)
        else:
            node[key] = value
        return json.dumps(tree).encode()

    return change


@pytest.fixture(scope="module")
def folder(finished_project: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder in which every stage has run."""
    folder = tmp_path_factory.mktemp("fuzz")
    for name in ("data", "reports"):
        shutil.copytree(finished_project / name, folder / name)
    shutil.copy(finished_project / "params.yaml", folder)
    return folder


def check(
    folder: Path, path: str, change: Change, main: Callable[[], None], right: Callable[[], Any]
) -> None:
    """Run a stage with a file changed: it refuses it in a line and changes nothing, or comes to something right."""
    sound = (folder / path).read_bytes()
    (folder / path).write_bytes(change(sound))
    before = files(folder, "data", "reports")
    out, err = io.StringIO(), io.StringIO()
    try:
        with contextlib.chdir(folder), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("error")
                    main()
                assert err.getvalue() == ""
                right()
            except Exception as error:
                with pytest.raises(SystemExit) as end:
                    tell(type(error), error, error.__traceback__)
                assert end.value.code == 2
                assert (err.getvalue().count("\n"), out.getvalue()) == (1, ""), err.getvalue()
                assert len(err.getvalue()) < 1000
                assert files(folder, "data", "reports") == before
    finally:
        for name, content in (before | {path: sound}).items():
            (folder / name).write_bytes(content)


def reports_are_whole() -> None:
    plot.read_tables(results.read(), load_params())


@pytest.mark.fuzz
@settings(max_examples=EXAMPLES)
@given(
    st.tuples(st.just(LOSSES), other_bytes() | other_rows())
    | st.tuples(st.sampled_from(ARRAYS), other_bytes() | other_arrays())
)
def test_evaluate_on_other_losses_weights_and_data(folder: Path, changed: tuple[str, Change]) -> None:
    check(folder, *changed, evaluate.main, reports_are_whole)


@pytest.mark.fuzz
@settings(max_examples=EXAMPLES)
@given(
    st.tuples(st.just(DETAILS), other_bytes() | other_values())
    | st.tuples(st.sampled_from(TABLES), other_bytes() | other_rows())
)
def test_plot_on_other_details_and_tables(folder: Path, changed: tuple[str, Change]) -> None:
    # Figures are made, and not drawn, which takes seconds.
    with mock.patch.object(plot, "save", lambda path, draw: draw()):
        check(folder, *changed, plot.main, reports_are_whole)
