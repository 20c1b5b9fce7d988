"""Reading a series: what is taken, and the line that each mistake gets."""

from pathlib import Path
from typing import Any

import pytest

from stages.errors import InputError
from stages.generate.series import Series, read_series
from stages.params import SeriesParams

SERIES: dict[str, Any] = {
    "path": "series.csv", "column": "y", "inputs": [], "time": None, "horizon": 1, "season": None, "test_share": 0.2,
    "validation_share": 0.2, "lr": {},
}  # fmt: skip


@pytest.fixture(autouse=True)
def in_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def read(content: str | bytes, **changes: Any) -> Series:
    Path("series.csv").write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_series(SeriesParams.model_validate(SERIES | changes))


def test_reads_the_columns_that_are_named_and_no_other() -> None:
    found = read('\ufefft, x ,note,y\r\n1,1e1,"a,b",-.5\r\n\r\n')
    assert (found.values.tolist(), found.times, found.steps) == ([[-0.5]], ["row 1"], None)
    found = read("t,x,y\n1,10,0.5\n2, 20 ,1.5\n", inputs=["x"], time="t")
    assert (found.values.tolist(), found.times) == ([[0.5, 10.0], [1.5, 20.0]], ["1", "2"])


@pytest.mark.parametrize(
    ("times", "steps"),
    [
        (["1", "2", "4.5"], (1, 2.5, "")),
        (["-3e2", "0"], (300, 300, "")),
        (["2024-01-31", "2024-02-29", "2024-03-31"], (29, 31, "days")),
        (["2024-01-01T00:00", "2024-01-01T12:00"], (0.5, 0.5, "days")),
        (["2024-03-31T00:00+01:00", "2024-04-01T00:00+02:00"], (23 / 24, 23 / 24, "days of UTC")),
    ],
)
def test_tells_the_steps_of_time(times: list[str], steps: tuple[float, float, str]) -> None:
    found = read("t,y\n" + "".join(f"{time},1\n" for time in times), time="t")
    assert found.times == times
    assert found.steps == pytest.approx(steps)


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ("", "empty; allowed: a header, and a row a step"),
        ("t,y\n", "no row below the header; allowed: a row a step"),
        ("t,x\n1,2\n", "column y: found none; allowed: one of t, x"),
        ("t;y\n1;2\n", "line 1: found cells apart by ';'; allowed: by commas"),
        ("t\ty\n1\t2\n", r"line 1: found cells apart by '\t'; allowed: by commas"),
        ("t;u,x\n1,2\n", "column y: found none; allowed: one of t;u, x"),
        ("t\n1\n", "column y: found none; allowed: one of t"),
        ("y,t,y\n1,2,3\n", "column y: found 2; allowed: one of y, t, y"),
        ("t,y\n1,2\n2,\n", "line 3, column y: found an empty cell; allowed: a number"),
        ("t,y\n1,2\n2,nan\n", "line 3, column y: found 'nan'; allowed: a number"),
        ("t,y\n1,-inf\n", "line 2, column y: found '-inf'; allowed: a number"),
        ("t,y\n1,1_000\n", "line 2, column y: found '1_000'; allowed: a number"),
        ('t,y\n1,"1,5"\n', "line 2, column y: found '1,5'; allowed: a number"),
        ("t,y\n1,2,3\n", "line 2: found 3 cells; allowed: 2, as the header has"),
        ("t,y\n1\n", "line 2: found 1 cells; allowed: 2, as the header has"),
        ('t,y\n"1\n",2\n3,x\n', "line 4, column y: found 'x'; allowed: a number"),
        ("t,y\n1,2\n\n3,4\n", "line 3: found 0 cells; allowed: 2, as the header has"),
        ("t,y\n1,2\n1.0,3\n", "line 3, column t: found '1.0', which stands in the row above; allowed: what"),
        ("t,y\n2,2\n1,3\n", "line 3, column t: found '1'; allowed: what comes after 2"),
        (
            "t,y\n2024-01-02,2\n2024-01-01,3\n",
            "line 3, column t: found '2024-01-01'; allowed: what comes after",
        ),
        ("t,y\n2024-01-02,2\n7,3\n", "line 3, column t: found '7'; allowed: what comes after 2024-01-02"),
        ("t,y\nMay,2\n", "line 2, column t: found 'May'; allowed: a number, or a date such as 2024-01-31"),
        ("t,y\n,2\n", "line 2, column t: found an empty cell; allowed: a number, or a date"),
        (b"t,y\n1,\xff\n", "no UTF-8 (invalid start byte)"),
        ('t,y\n1,"2\n', "line 2: no CSV (unexpected end of data); allowed: cells apart by commas, and every"),
        ('t,y\n1,2\n2,"3\n3,4\n', "line 3: no CSV (unexpected end of data)"),
        ('"t";"y"\n', "line 1: no CSV (',' expected after '\"'); allowed: cells apart by commas"),
    ],
)
def test_each_mistake_gets_its_line(content: str | bytes, line: str) -> None:
    with pytest.raises(InputError) as caught:
        read(content, time="t" if "column y: found" not in line or "t,y" in str(content) else None)
    assert str(caught.value).startswith(f"series.csv: {line}")
    assert "\n" not in str(caught.value)


def test_a_missing_file_or_a_folder_is_told() -> None:
    with pytest.raises(
        InputError,
        match=r"^series\.csv: missing; params\.yaml names it .*`git add series\.csv` first, or name its abs",
    ):
        read_series(SeriesParams.model_validate(SERIES))
    Path("series.csv").mkdir()
    with pytest.raises(IsADirectoryError):
        read_series(SeriesParams.model_validate(SERIES))
