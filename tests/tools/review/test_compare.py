import math
from pathlib import Path

import pytest

from stages.results import BaselineForecast, Errors, Estimate, Forecasts, Results, Split
from tests.tools.conftest import LOSSES, Revise, model, pair, results
from tools.review import compare
from tools.review.compare import DOWN, UP, Cell, Table

SHA = "0123456789abcdef0123456789abcdef01234567"


def test_only_params_that_differ_are_listed_with_absent_and_blank_ones_told_apart(revise: Revise) -> None:
    idea = revise("idea", params={"train.lr": 0.003, "models.single.lr": 0.1, "models.wide.lr": None})
    assert compare.changed_params([revise(), idea]) == Table(
        ["param", "main", "idea"],
        [
            ["models.single.lr", "blank", "0.1"],
            ["train.lr", "0.01", "0.003"],
            ["models.wide.lr", "—", "blank"],
        ],
    )


def test_a_list_among_the_params_reads_as_one() -> None:
    assert [compare.text(value) for value in ([100, 200], [], None, True)] == [
        "[100, 200]",
        "[]",
        "blank",
        "True",
    ]


def test_differences_are_one_line_relative_to_the_base(revise: Revise) -> None:
    idea = revise("idea", params={"train.lr": 0.003, "evaluate.compare": []})
    assert compare.differences(idea, revise()) == "train.lr=0.003, evaluate.compare=[]"
    assert compare.differences(revise("same"), revise()) == ""
    fourth = {"models.third-2.cell": "gru"}
    third = {"models.third.hidden_size": 9, "models.third.cell": "gru", **fourth}
    assert compare.differences(revise(params=fourth), revise(params=third)) == "models.third removed"
    assert (
        compare.differences(revise(), revise(params=third)) == "models.third removed, models.third-2 removed"
    )
    half = revise(params={"models.third.hidden_size": 9, "models.third-2.cell": "lstm"})
    assert compare.differences(half, revise(params=third)) == (
        f"models.third.cell={compare.ABSENT}, models.third-2.cell=lstm"
    )
    gone = revise(params={"data.series.path": "mine.csv"})
    assert compare.differences(revise(), gone) == f"data.series.path={compare.ABSENT}"


@pytest.mark.parametrize(
    ("low", "high", "mark"),
    [
        (0.0031, 0.004, f"{UP} worse"),
        (0.003, 0.004, ""),  # they touch
        (0.0015, 0.0025, ""),  # within
        (0.0001, 0.01, ""),  # around
        (0.0001, 0.001, ""),  # they touch
        (0.0001, 0.0009, f"{DOWN} better"),
        (None, None, ""),
        (0.004, math.inf, f"{UP} worse"),
        (0.0015, math.inf, ""),
    ],
)
def test_a_metric_has_moved_when_the_intervals_are_apart(
    low: float | None, high: float | None, mark: str
) -> None:
    after = Cell("", Estimate(0.002, low, high), "worse", "better")
    assert compare.moved(Cell("", Estimate(0.002, 0.001, 0.003)), after) == mark
    assert compare.moved(Cell("none before"), after) == ""


def test_outcomes_have_intervals_and_marks_against_the_first(revise: Revise) -> None:
    better = model(Estimate(1e-5, 5e-6, 2e-5), Estimate(0.9, 0.8, 1.0))
    idea = revise("idea", results=results(single=better, wide=model(iqm=Estimate(math.inf))))
    table = compare.outcomes([revise(), idea])
    rows = {name: cells for name, *cells in table.rows}
    assert table.header == ["model", "main", "idea"]
    assert rows["single IQM of test MSE"] == [
        "0.002 (0.001 to 0.003)",
        f"1e-05 (5e-06 to 2e-05) {DOWN} better",
    ]
    assert rows["single solved"] == ["25 % (10 to 40 %)", f"90 % (80 to 100 %) {UP} better"]
    assert rows["single IQM of test MSE after 100 epochs"] == ["0.004 (none)"] * 2
    assert rows["wide IQM of test MSE"] == ["\N{EM DASH}", "inf (none)"]


def test_of_many_revisions_the_last_epoch_alone_with_a_row_each(revise: Revise) -> None:
    revisions = [revise(), revise("a"), revise("b", params={"train.lr": 1.0})]
    params, verdicts, metrics = (table for _, table in compare.sections(revisions))
    assert params == Table(["revision", "train.lr"], [["main", "0.01"], ["a", "0.01"], ["b", "1.0"]])
    assert [row[0] for row in verdicts.rows] == ["main", "a", "b"]
    assert not [name for name in metrics.header if "after" in name]


def test_verdicts_name_the_primary_question_and_every_pair(revise: Revise) -> None:
    won = pair(Estimate(0.9, 0.7, 0.97), "better", early=pair(Estimate(0.42, 0.34, 0.499), "worse").last.test)
    idea = revise("idea", results=results(stacked_vs_single=won, stacked_vs_wide=pair()))
    assert compare.verdicts([revise(), idea]).rows == [
        [
            "stacked vs single (the primary question)",
            "34 % (19 to 54 %), inconclusive",
            f"90 % (70 to 97 %), better {UP} towards stacked",
        ],
        ["stacked vs single after 100 epochs", "\N{EM DASH}", "42 % (34 to 49.9 %), worse"],
        ["stacked vs wide", "\N{EM DASH}", "34 % (19 to 54 %), inconclusive"],
    ]


def test_the_summary_says_what_was_done_and_what_came_of_it(revise: Revise) -> None:
    worse = model(solved=Estimate(0.05, 0.01, 0.09))
    better = pair(verdict="better")
    idea = revise("idea", {"train.lr": 1.0}, results(single=worse, stacked_vs_single=better))
    seed = revise("seed", params={"train.seed": 1})
    few = revise(
        "few", params={"train.replicates": 3}, results=results(stacked_vs_single=pair(detectable=None))
    )
    assert compare.summary([revise(), idea, revise("twin"), seed, few]) == [
        f"idea: train.lr=1.0; stacked vs single: better, was inconclusive; "
        f"moved beyond its interval: single solved {DOWN} worse",
        "twin: the same params, metrics, loss curves and figures",
        "seed: train.seed=1; stacked vs single: inconclusive, as before; no metric moved beyond its interval",
        "few: train.replicates=3; stacked vs single: too few replicates, was inconclusive; no metric moved beyond "
        "its interval",
    ]


def test_an_mse_is_compared_as_a_share_of_the_variance_of_its_targets(revise: Revise) -> None:
    tenth = results(single=model(Estimate(2e-4, 1.5e-4, 2.5e-4)))
    baseline = tenth.baseline._replace(variance=Split(0.0004, 0.0004))
    longer = revise("longer", {"data.seq_length": 200}, tenth._replace(baseline=baseline))
    assert compare.outcomes([revise(), longer]).rows[0][2] == "0.0002 (0.00015 to 0.00025)"
    same = compare.outcomes([revise(), revise("same", results=tenth)])
    assert same.rows[0][2] == f"0.0002 (0.00015 to 0.00025) {DOWN} better"


def test_forecasts_have_the_errors_that_are_said_first(revise: Revise, forecasts: Forecasts) -> None:
    found = results()._replace(forecasts=forecasts)
    table = compare.outcomes([revise(), revise("mine", results=found)])
    assert table.rows[-1] == [
        "RMSE of the networks against the best baseline",
        "\N{EM DASH}",
        "21 (stacked, inconclusive), 20.8 (single, worse) against 19.3 (last value)",
    ]


@pytest.mark.parametrize(
    "moved",
    [
        "data.task",
        *(f"data.series.{key}" for key in ("path", "column", "horizon", "test_share", "validation_share")),
    ],
)
def test_metrics_of_other_targets_are_shown_but_not_compared(revise: Revise, moved: str) -> None:
    found = results(single=model(solved=Estimate(0.05, 0.01, 0.08)))
    task = {"data.task": "forecast", "data.series.path": "a.csv"}
    base, other = revise(params=task), revise("other", task | {moved: "b"}, found)
    assert not any(
        mark in cell for row in compare.outcomes([base, other]).rows for cell in row for mark in (UP, DOWN)
    )
    said = "other targets, whose MSEs and shares solved are not compared; no metric moved"
    assert said in compare.summary([base, other])[0]
    same = revise("same", task, found)
    assert "other targets" not in compare.summary([base, same])[0]
    assert any(DOWN in cell for row in compare.outcomes([base, same]).rows for cell in row)


def test_params_that_were_not_run_are_said_first_of_the_base_too(revise: Revise) -> None:
    stale = revise("workspace", params={"train.lr": 1.0}, not_run=["train.lr", "train.seed"])
    words = "not run since train.lr, train.seed changed in params.yaml; what is shown came of other params"
    assert compare.summary([revise(), revise("twin"), stale])[0] == f"workspace: {words}"
    assert compare.summary([stale, revise()])[0] == f"workspace: {words}"


def test_each_has_its_own_primary_question(revise: Revise) -> None:
    better = results(wide_vs_single=pair(verdict="better"))
    asked = revise("asked", {"evaluate.primary": "wide vs single"}, better)
    assert compare.summary([revise(), asked]) == [
        "asked: evaluate.primary=wide vs single; wide vs single: better, was \N{EM DASH}; "
        "no metric moved beyond its interval"
    ]
    names = [row[0] for row in compare.verdicts([revise(), asked]).rows]
    assert names == [
        "stacked vs single (the primary question of main)",
        "wide vs single (the primary question of asked)",
    ]


def test_alike_means_curves_and_figures_too(revise: Revise) -> None:
    assert compare.alike([revise(), revise("twin")])
    assert not compare.alike([revise(), revise(losses=LOSSES.assign(q75=1.0))])
    assert not compare.alike([revise(), revise(figures={})])
    assert not compare.alike(
        [revise(), revise("twin"), revise(results=results(single=model(solved=Estimate(0.3, 0.1, 0.4))))]
    )


def test_the_numbers_that_differ_have_their_place_in_the_results(revise: Revise) -> None:
    after = revise("idea", results=results(single=model(solved=Estimate(0.5, 0.45, 0.6)), wide=model()))
    rows = compare.changed_numbers([revise(), after]).rows
    assert rows[0] == ["models.single.last.solved", "0.25 (0.1 to 0.4)", "0.5 (0.45 to 0.6)"]
    assert rows[1] == ["models.wide.parameters", "\N{EM DASH}", "1153"]
    assert {row[0].rpartition(".")[0] for row in rows[2:]} >= {"models.wide.earlier.100.test"}
    assert not [row for row in rows if "None" in row]
    won = revise("won", results=results(stacked_vs_single=pair(verdict="better")))
    lost = revise("lost", results=results(stacked_vs_single=pair(detectable=0.7)))
    place = "pairs.stacked vs single.last.test"
    assert [place + ".detectable", "0.75", "0.7"] in compare.changed_numbers([won, lost]).rows


def test_of_a_hundred_forecasts_the_ends_are_shown(revise: Revise) -> None:
    error = Errors(2.0, 1.0, None, [2.0, 2.0])

    def forecasts(last: float) -> Results:
        best = {"last value": BaselineForecast(error, [*map(float, range(99)), last], [0.5])}
        return results()._replace(
            forecasts=Forecasts("last value", 100, 0.0, 0.5, 0.95, [], [], [], best, {})
        )

    rows = compare.changed_numbers(
        [revise(results=forecasts(7.0)), revise("idea", results=forecasts(8.0))]
    ).rows
    assert rows == [
        ["forecasts.baselines.last value.last", "0.0 ... 7.0 (100 in all)", "0.0 ... 8.0 (100 in all)"]
    ]


def test_figures_are_told_apart_by_their_bytes(revise: Revise) -> None:
    a, b, c = map(Path, ("a.png", "b.png", "c.png"))
    base, after = revise(figures={a: b"1", b: b"2"}), revise(figures={a: b"1", b: b"3", c: b"4"})
    assert compare.figures([base, after]) == ([b, c], [a])
    assert compare.figures([base, base, after]) == ([b, c], [a])


def test_headings_show_the_commit_unless_it_is_the_name(revise: Revise) -> None:
    revisions = [revise(SHA[:7], commit=SHA), revise("main", commit=SHA), revise("workspace")]
    assert compare.headings(revisions) == [SHA[:7], f"main ({SHA[:7]})", "workspace"]
    assert compare.title(revisions[1:]) == f"Review: workspace against main ({SHA[:7]})"
    assert compare.title(revisions) == f"Review: 2 revisions against {SHA[:7]}"
