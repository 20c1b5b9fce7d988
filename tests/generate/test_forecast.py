"""The task forecast: windows, split, scaling and baselines, computed again with pandas and NumPy's least squares."""

import contextlib
import re
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from stages.data import Dataset, Forecast
from stages.errors import InputError
from stages.generate.series import Series, read_series
from stages.generate.tasks import forecast
from stages.params import DataParams, SeriesParams
from tests.conftest import TOP, run_stages, tiny_params
from tests.generate.test_series import SERIES


def params(seq_length: int, **changes: Any) -> DataParams:
    return DataParams(
        task="forecast",
        num_samples=1,
        test_samples=1,
        seq_length=seq_length,
        seed=0,
        series=SeriesParams.model_validate(SERIES | {"season": 4} | changes),
    )


def series(rows: int, columns: int = 1, seed: int = 0) -> Series:
    rng = np.random.default_rng(seed)
    values = (
        50 + 10 * np.sin(np.arange(rows) * 1.5)[:, None] + rng.normal(size=(rows, columns)).cumsum(axis=0)
    )
    return Series(values, [str(2000 + row) for row in range(rows)], (1, 1, ""))


class Again:
    """The same by pandas: a row of `table` a target, by its time; the columns are the window's numbers, in order."""

    def __init__(self, given: Series, seq_length: int, horizon: int, train: int, validation: int) -> None:
        self.y = pd.Series(given.values[:, 0])
        self.past = self.y[:train]
        frame = pd.DataFrame(given.values)
        scaled = (frame - frame[:train].mean()) / frame[:train].std(ddof=0)
        lags = [
            scaled[column].shift(horizon + seq_length - 1 - step)
            for step in range(seq_length)
            for column in scaled
        ]
        self.table = pd.concat([*lags, scaled[0]], axis=1).astype(np.float32)
        self.table.columns = [*range(len(lags)), "target"]
        starts = {"train": 0, "validation": train, "test": train + validation, "": len(frame)}
        # A window's first row is horizon + seq_length - 1 before its target: within the same part.
        self.parts = {
            name: self.table[start + horizon + seq_length - 1 : end]
            for (name, start), end in zip(starts.items(), list(starts.values())[1:], strict=False)
        }

    def ridge(self, penalty: float) -> np.ndarray:
        """By more rows instead of a penalty."""
        train = self.parts["train"].astype(float)
        x, y = train.drop(columns="target"), train["target"]
        more = np.sqrt(penalty) * np.eye(x.shape[1], x.shape[1] + 1)
        rows = np.vstack([np.column_stack([x, np.ones(len(x))]), more])
        return np.linalg.lstsq(rows, np.append(y, np.zeros(x.shape[1])), rcond=None)[0]

    def linear(self, name: str, coefficients: np.ndarray) -> np.ndarray:
        x = self.parts[name].drop(columns="target").astype(float)
        return (x @ coefficients[:-1] + coefficients[-1]).to_numpy() * self.past.std(
            ddof=0
        ) + self.past.mean()


@pytest.mark.parametrize(
    ("seq_length", "horizon", "columns"), [(3, 1, 1), (1, 1, 1), (5, 3, 1), (4, 2, 3), (2, 6, 2)]
)
def test_windows_split_and_scaling_are_those_of_pandas(seq_length: int, horizon: int, columns: int) -> None:
    given = series(101, columns)
    changes = {"horizon": horizon, "inputs": ["x", "z"][: columns - 1]}
    dataset, more = forecast.make(given, params(seq_length, **changes))
    again = Again(given, seq_length, horizon, train=61, validation=20)
    found = {
        "train": (dataset.x_train, dataset.y_train),
        "validation": (more.x_validation, more.y_validation),
        "test": (dataset.x_test, dataset.y_test),
    }
    for name, (x, y) in found.items():
        expected = again.parts[name]
        assert x.shape == (len(expected), seq_length, columns)
        assert x.dtype == y.dtype == np.float32
        np.testing.assert_allclose(
            x.reshape(len(x), -1), expected.drop(columns="target"), rtol=2e-6, atol=1e-6
        )
        np.testing.assert_allclose(y[:, 0], expected["target"], rtol=2e-6, atol=1e-6)
    # No row is in two parts, neither in a window nor as a target.
    rows = [set(np.round(np.append(x[:, :, 0], y), 5).tolist()) for x, y in found.values()]
    assert not any(rows[a] & rows[b] for a, b in ((0, 1), (0, 2), (1, 2)))
    assert more.times == given.times[again.parts["test"].index[0] :]
    np.testing.assert_array_equal(more.y_true, again.y[again.parts["test"].index])
    # What comes next: each as far from its window as any target.
    np.testing.assert_array_equal(more.x_next.shape, (horizon, seq_length, columns))
    scaled = (given.values - given.values[:61].mean(axis=0)) / given.values[:61].std(axis=0)
    for step in range(horizon):
        end = 101 + step - horizon + 1
        np.testing.assert_allclose(more.x_next[step], scaled[end - seq_length : end], rtol=2e-6, atol=1e-6)


@pytest.mark.parametrize(("horizon", "season"), [(1, 4), (3, 4), (4, 4), (5, 4), (9, 4), (2, None)])
def test_naive_baselines_and_the_scale_of_mase_are_those_of_pandas(horizon: int, season: int | None) -> None:
    given = series(120)
    _, more = forecast.make(given, params(3, horizon=horizon, season=season))
    again = Again(given, 3, horizon, train=72, validation=24)
    at = again.parts["test"].index
    found = dict(zip(more.names, zip(more.baselines, more.baselines_next, strict=True), strict=True))
    for said, length in zip(found["training mean"], (len(at), horizon), strict=True):
        np.testing.assert_allclose(said, np.full(length, again.past.mean()), rtol=1e-12)
    last, ahead = found["last value"]
    np.testing.assert_array_equal(last, again.y.shift(horizon)[at])
    np.testing.assert_array_equal(ahead, again.y[-horizon:])
    assert more.naive_mae[0] == pytest.approx(again.past.diff(season or 1).abs().mean(), rel=1e-12)
    if season is None:
        assert "seasonal naive" not in found
        return
    # Literally: of the seasons before the target, the last one that the window's last row knows.
    seasonal, ahead = found["seasonal naive"]
    everything = [*again.y, *[None] * horizon]
    for targets, said in ((list(at), seasonal), (range(120, 120 + horizon), ahead)):
        for target, value in zip(targets, said, strict=True):
            back = target - season
            while back > target - horizon:
                back -= season
            assert value == everything[back]


@pytest.mark.parametrize(
    ("rows", "seq_length", "columns"), [(120, 3, 1), (400, 3, 1), (90, 5, 2), (105, 20, 3)]
)
def test_autoregressions_are_numpys(rows: int, seq_length: int, columns: int) -> None:
    given = series(rows, columns)
    dataset, more = forecast.make(given, params(seq_length, inputs=["x", "z"][: columns - 1]))
    part = rows // 5
    again = Again(given, seq_length, 1, train=rows - 2 * part, validation=part)
    found = dict(zip(more.names, more.baselines, strict=True))
    windows, coefficients = len(dataset.x_train), seq_length * columns + 1
    assert ("linear autoregression" in found) == (windows >= coefficients)
    assert ("ridge autoregression" in found) == (windows < 10 * coefficients)
    if "linear autoregression" in found:
        expected = again.linear("test", again.ridge(0))
        np.testing.assert_allclose(found["linear autoregression"], expected, rtol=1e-5)
    if "ridge autoregression" in found:
        true = again.y[again.parts["validation"].index].to_numpy()
        fits = [again.ridge(penalty) for penalty in (0.1, 1, 10, 100, 1000)]
        best = min(fits, key=lambda fit: ((again.linear("validation", fit) - true) ** 2).mean())
        np.testing.assert_allclose(found["ridge autoregression"], again.linear("test", best), rtol=1e-5)


def test_the_autoregression_is_statsmodels() -> None:
    from statsmodels.tsa.ar_model import AutoReg  # takes a second

    given = series(200)
    _, more = forecast.make(given, params(4))
    fitted = AutoReg(given.values[:120, 0], lags=4, trend="c").fit()
    # Its fit applied to what it has not seen, one row ahead.
    constant, *lags = fitted.params
    y = pd.Series(given.values[:, 0])
    expected = constant + sum(weight * y.shift(lag) for lag, weight in enumerate(lags, start=1))
    found = dict(zip(more.names, more.baselines, strict=True))["linear autoregression"]
    np.testing.assert_allclose(found, expected[164:], rtol=1e-5)


def test_the_future_moves_nothing_that_is_fitted() -> None:
    given = series(150)
    dataset, more = forecast.make(given, params(3))
    later = given.values.copy()
    later[-30:] += 100  # the whole test part
    shocked, moved = forecast.make(given._replace(values=later), params(3))
    for name in ("x_train", "y_train"):
        np.testing.assert_array_equal(getattr(shocked, name), getattr(dataset, name))
    for name in ("x_validation", "y_validation", "scaling", "naive_mae"):
        np.testing.assert_array_equal(getattr(moved, name), getattr(more, name))


@pytest.mark.parametrize(
    ("seq_length", "changes"),
    [
        (20, {}),
        (3, {"horizon": 10}),
        (3, {"season": 50}),
        (3, {"test_share": 0.01}),
        (2, {"validation_share": 0.003, "test_share": 0.9}),
        (3, {"test_share": 1 / 3, "validation_share": 1 / 3}),
    ],
)
def test_says_how_many_rows_it_takes(seq_length: int, changes: dict[str, Any]) -> None:
    data = params(seq_length, **changes)
    with pytest.raises(InputError, match=r"series\.csv: found 5 rows, .* it takes ([\d,]+) rows") as caught:
        forecast.split(5, data)
    [least] = re.findall(r"takes ([\d,]+) rows", str(caught.value))
    rows = int(least.replace(",", ""))
    parts = forecast.split(rows, data)
    assert parts.test.stop == rows
    with pytest.raises(InputError):
        forecast.split(rows - 1, data)


@pytest.mark.parametrize("seq_length", [1, 3, 20])
def test_each_part_has_a_window_or_the_split_is_refused(seq_length: int) -> None:
    """A row more may be the others', so that the training part has one less."""
    data = params(seq_length, season=None, test_share=0.4, validation_share=0.4)
    for rows in range(300):
        with contextlib.suppress(InputError):
            parts = forecast.split(rows, data)
            assert min(part.stop - part.start for part in parts) >= seq_length + forecast.of(data).horizon


@pytest.mark.parametrize(
    ("seq_length", "season", "keys"),
    [
        (3, 60, "with data.series.season 60 it takes"),
        (
            30,
            60,
            "with data.series.season 60, data.seq_length 30 and data.series.horizon 2 it takes [0-9]+ rows$",
        ),
        (30, 5, "with data.seq_length 30 and data.series.horizon 2 it takes"),
    ],
)
def test_names_what_takes_the_rows(seq_length: int, season: int, keys: str) -> None:
    with pytest.raises(InputError, match=keys):
        forecast.split(100, params(seq_length, season=season, horizon=2))


def test_says_which_window_is_short_enough() -> None:
    with pytest.raises(InputError, match=r"it takes [\d,]+ rows, or data\.seq_length \d+ or less$") as caught:
        forecast.split(40, params(20))
    [longest] = map(int, re.findall(r"seq_length (\d+) or less", str(caught.value)))
    forecast.split(40, params(longest))
    with pytest.raises(InputError):
        forecast.split(40, params(longest + 1))


def test_says_which_season_is_short_enough() -> None:
    with pytest.raises(
        InputError, match=r"it takes [\d,]+ rows, or data\.series\.season \d+ or less$"
    ) as caught:
        forecast.split(40, params(3, season=60))
    [longest] = map(int, re.findall(r"season (\d+) or less", str(caught.value)))
    forecast.split(40, params(3, season=longest))
    with pytest.raises(InputError):
        forecast.split(40, params(3, season=longest + 1))


def test_a_column_that_is_constant_where_it_is_trained_on_is_refused() -> None:
    given = series(100, 2)
    given.values[:60, 1] = 7
    line = r"series\.csv: column x: found 7 in every row of the training part, rows 1 to 60; allowed: what varies"
    with pytest.raises(InputError, match=line):
        forecast.make(given, params(3, inputs=["x"]))


def test_memory_grows_with_the_rows_and_stays_below_what_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    data, peaks = params(20, path="mine.csv", season=None), []
    for rows in (10_000, 20_000):
        Path("mine.csv").write_text("y\n" + "".join(f"{row % 7 + row / rows}\n" for row in range(rows)))
        tracemalloc.start()
        forecast.cut(data)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        [said] = re.findall(
            rf"^mine\.csv: {rows:,} rows, .*; their windows take (\d+) MB;", capsys.readouterr().err, re.M
        )
        assert peaks[-1] < 1.1e6 * (int(said) + 1)
    assert peaks[1] < 2.1 * peaks[0]


def test_unequal_steps_are_told_not_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mine.csv").write_text("t,y\n" + "".join(f"{row + row // 30},{row % 7}\n" for row in range(60)))
    dataset, _ = forecast.cut(params(3, path="mine.csv", time="t"))
    assert len(dataset.x_train) == 33
    line = "mine.csv: column t: steps from 1 to 2; each row is taken for one step"
    assert line in capsys.readouterr().err.splitlines()


def run_forecast(folder: Path, content: str, **changes: int | float | str) -> dict[str, bytes]:
    """Return what the pipeline makes of a series."""
    text = (
        tiny_params(**changes)
        .replace("task: mean", "task: forecast")
        .replace("data/sunspots.csv", "mine.csv")
    )
    text = text.replace("column: SUNACTIVITY", "column: y")
    (folder / "params.yaml").write_text(text)
    (folder / "mine.csv").write_text(content)
    return run_stages(folder)


@pytest.mark.slow
def test_a_network_beats_every_line_where_the_series_is_chaotic(tmp_path: Path) -> None:
    """The logistic map at 3.9: no line explains it, one number does."""
    y = [0.3]
    while len(y) < 400:
        y.append(3.9 * y[-1] * (1 - y[-1]))
    sizes = {
        "hidden_size": 16,
        "seq_length": 2,
        "epochs": 400,
        "eval_every": 100,
        "replicates": 5,
        "season": 2,
    }
    found = run_forecast(
        tmp_path, "y\n" + "".join(f"{value!r}\n" for value in y), **sizes, single=0.02, stacked=0.02
    )
    page = found["reports/README.md"].decode()
    assert re.search(
        r"^[a-z, ]*\bsingle\b[a-z, ]* beats? the (linear|ridge) autoregression, the best base", page, re.M
    )
    assert re.search(
        r"single replicates have done as well as the (linear|ridge) autoregression \(test R2", page
    )
    assert "all that was trained on" not in page


@pytest.mark.slow
def test_of_a_trend_the_verdict_says_that_the_test_part_lies_outside(tmp_path: Path) -> None:
    # Of 80 rows the last 24 are tested on, of which the first 5 are no targets, and 4 of the 19 others are of the past.
    y = [*range(61), *range(4), *range(65, 80)]
    found = run_forecast(tmp_path, "y\n" + "".join(f"{value}\n" for value in y))
    assert " 79 % of the test part is below or above all that" in found["reports/README.md"].decode()


def test_sunspots_are_as_they_were() -> None:
    data = params(20, path=str(TOP / "data/sunspots.csv"), column="SUNACTIVITY", time="YEAR")
    found = read_series(forecast.of(data))
    assert (len(found.times), found.times[0], found.times[-1], found.steps) == (
        309,
        "1700",
        "2008",
        (1, 1, ""),
    )
    assert found.values.sum() == pytest.approx(15373.4)
    parts: tuple[Dataset, Forecast] = forecast.make(found, data)
    assert len(parts[0].x_test) == 61 - 20
