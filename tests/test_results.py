"""Details and tables come back as they were written, or a line says what is wrong."""

import json
import math
import re
from pathlib import Path

import pytest

from stages import results
from stages.errors import InputError
from stages.results import (
    Baseline,
    Estimate,
    Model,
    ModelMeasure,
    ModelOutcome,
    Pair,
    PairMeasure,
    PairOutcome,
    Results,
    Split,
)
from stages.yaml12 import parse_yaml
from tests.conftest import TOP

INF = math.inf
PIPELINE = parse_yaml((TOP / "dvc.yaml").read_text(encoding="utf-8"))["stages"]


def test_dvc_knows_every_file_that_evaluate_writes_and_plot_reads() -> None:
    passed_on = {results.DETAILS, *map(results.table_path, results.TABLES)}
    assert {Path(name) for out in PIPELINE["evaluate"]["outs"] for name in out} == passed_on
    assert {Path(name) for name in PIPELINE["plot"]["deps"] if name.startswith("reports/")} == passed_on


@pytest.fixture(autouse=True)
def in_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def some_results() -> Results:
    """Return results with whatever can be undefined or infinite."""
    fine = ModelMeasure(0.25, 0.5, Estimate(0.125, 0.0625, 0.5))
    gone = ModelMeasure(INF, None, Estimate(INF, 0.5, INF))
    alone = ModelOutcome(fine, gone, Estimate(1.0, None, None), 0.0)
    solved = ModelOutcome(gone, fine, Estimate(0.5, 0.25, 0.75), 0.5)
    better = PairMeasure(Estimate(0.75, 0.625, 0.875), 0.95, 0.03125, "better")
    unknown = PairMeasure(Estimate(0.5, None, None), 0.95, None, "inconclusive", 0.75)
    few = unknown._replace(detectable=None)
    return Results(
        Baseline(Split(0.5, 0.25), None, Split(2.0, 4.0)),
        {"a-1": Model(3, 5, solved, {10: alone}), "b_x": Model(3, 5, alone, {10: solved})},
        {"a-1 vs b_x": Pair(PairOutcome(better, unknown, Estimate(-0.5, -1.0, 0.25)), {
            10: PairOutcome(few, few, Estimate(0.0, None, None))
        })},
    )  # fmt: skip


def test_details_come_back() -> None:
    results.write(some_results())
    assert results.read() == some_results()


def test_parts_that_do_not_fit_together_get_one_line() -> None:
    whole = some_results()
    for less in (
        whole._replace(models={}, pairs={}),
        whole._replace(models={"a-1": whole.models["a-1"]}),
        whole._replace(pairs={"a-1 vs b_x": whole.pairs["a-1 vs b_x"]._replace(earlier={})}),
        whole._replace(models=whole.models | {"b_x": whole.models["b_x"]._replace(earlier={})}),
    ):
        results.write(less)
        with pytest.raises(
            InputError, match=r"^reports/details\.json: damaged \(its models, pairs and epochs do not"
        ):
            results.read()


def test_what_dvc_shows_are_a_few_numbers_a_model_and_a_pair() -> None:
    """What its users select by: `dvc exp show --sort-by a_vs_b.p`."""
    results.write(some_results())
    assert json.loads(results.METRICS.read_text(), parse_constant=pytest.fail) == {
        "a-1": {"solved": 0.5, "test_mse": "inf"},
        "b_x": {"solved": 1.0, "test_mse": 0.125},
        "a-1_vs_b_x": {"p": 0.75, "p_low": 0.625, "p_high": 0.875, "verdict": "better"},
    }


def test_numbers_have_six_digits() -> None:
    third = some_results()._replace(baseline=Baseline(Split(1 / 3, 2e-9 / 3), None, Split(1.0, 1.0)))
    results.write(third)
    assert '"test": 0.333333,\n      "train": 6.66667e-10\n' in results.DETAILS.read_text()
    results.write_table("comparisons", [("a vs b", 10, 1 / 3, "", ""), ("a vs b", 20, INF, 0.5, 1)])
    assert results.table_path("comparisons").read_bytes() == (
        b"pair,epoch,p,p_low,p_high\na vs b,10,0.333333,,\na vs b,20,inf,0.5,1\n"
    )


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("{", "", "Invalid JSON"),
        ('"better"', '"best"', r"pairs\.a-1 vs b_x\.last\.test\.verdict"),
        ('"median": 0.25', '"median": "0.25"', r"models\.a-1\.last\.train\.median"),
        ('"median"', '"mean"', "median"),
        ('"low"', '"lowest"', r"iqm\.lowest"),
        ('"10"', '"ten"', "ten"),
        ("0.625", "NaN", "found nan"),
        ('"median": 0.25', '"median": 1e308', r"found 1e\+308"),
        ('"baseline"', '"another"', "baseline"),
    ],
)
def test_damaged_details_get_one_line(old: str, new: str, problem: str) -> None:
    results.write(some_results())
    text = results.DETAILS.read_text()
    assert old in text
    results.DETAILS.write_text(text.replace(old, new, 1))
    with pytest.raises(
        InputError,
        match=rf"^reports/details\.json: damaged \(.*{problem}.*\); `dvc repro evaluate` makes it$",
    ):
        results.read()


def test_missing_files_name_the_command_that_makes_them() -> None:
    for read in (results.read, lambda: results.read_table("losses", ["a"], 1)):
        with pytest.raises(InputError, match="missing; `dvc repro evaluate` makes it"):
            read()


def test_tables_hold_names_as_text_and_all_else_as_numbers() -> None:
    for name in ("nan", "null", "true", "inf", "na"):
        results.write_table("losses", [(name, 0, 0.5, 0.25, INF)])
        table = results.read_table("losses", [name], 1)
        assert table["model"].tolist() == [name]
        assert table.drop(columns="model").to_numpy().tolist() == [[0, 0.5, 0.25, INF]]


@pytest.mark.parametrize(
    ("name", "row", "problem"),
    [
        ("losses", "a,-1,1,1,1", "epoch: found -1; allowed: 0 to inf"),
        ("losses", "a,0,1,nan,1", "q25: found nan; allowed: 0 to inf"),
        ("progress", "a,1,inf,1,1,1,0,0,1", "convert"),
        ("progress", "a,1,9,1,1,1,1.5,0,1", "solved: found 1.5; allowed: 0 to 1"),
        ("comparisons", "a vs b,1,0.5,-inf,1", "p_low: found -inf; allowed: 0 to 1"),
        ("outcomes", "a,0,1,1,-0.5", "test_mse: found -0.5; allowed: 0 to inf"),
        ("outcomes", "a,0,1,1,1e308", "found a number beyond 1e+200"),
        ("predictions", "a,0,inf,1", "y_true: found inf; allowed: -1e+200 to 1e+200"),
    ],
)
def test_numbers_that_a_column_cannot_have_are_refused(name: str, row: str, problem: str) -> None:
    with pytest.raises(ValueError, match=re.escape(problem)):
        results.parse_table(name, f"{','.join(results.TABLES[name])}\n{row}\n")


@pytest.mark.parametrize("text", ["", "model,epoch\n", "model,epoch,median,q25,q75\na,0,x,1,1\n"])
def test_damaged_tables_get_one_line(text: str) -> None:
    results.REPORTS.mkdir()
    results.table_path("losses").write_text(text)
    with pytest.raises(InputError, match=r"^reports/losses\.csv: damaged .*`dvc repro evaluate` makes it$"):
        results.read_table("losses", ["a"], 1)
