import pytest

from tests.tools.review.conftest import LOSSES, Revise
from tools.review import compare
from tools.review.compare import DOWN, UP, Table

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
    assert [compare.param(value) for value in ([100, 200], [], None, True)] == [
        "100, 200",
        "none",
        "blank",
        "True",
    ]


def test_differences_are_one_line_relative_to_the_base(revise: Revise) -> None:
    idea = revise("idea", params={"train.lr": 0.003, "evaluate.compare": []})
    assert compare.differences(idea, revise()) == "train.lr=0.003, evaluate.compare=none"
    assert compare.differences(revise("same"), revise()) == ""


@pytest.mark.parametrize(
    ("low", "high", "mark"),
    [
        (0.0031, 0.004, UP),
        (0.003, 0.004, ""),  # they touch
        (0.0015, 0.0025, ""),  # within
        (0.0001, 0.01, ""),  # around
        (0.0001, 0.001, ""),  # they touch
        (0.0001, 0.0009, DOWN),
        (None, 0.004, ""),
    ],
)
def test_a_metric_has_moved_when_the_intervals_are_apart(
    low: float, high: float, mark: str, revise: Revise
) -> None:
    after = revise(metrics={"single.test.iqm_low": low, "single.test.iqm_high": high})
    assert compare.moved(revise(), after, "single.test.iqm") == mark


def test_outcomes_have_intervals_where_known_and_marks_against_the_first(revise: Revise) -> None:
    better = {"single.test.iqm": 1e-5, "single.test.iqm_low": 5e-6, "single.test.iqm_high": 2e-5}
    table = compare.outcomes([revise(), revise("idea", metrics=better)])
    rows = {name: cells for name, *cells in table.rows}
    assert table.header == ["model", "main", "idea"]
    assert rows["single test MSE"] == ["0.002 (0.001 to 0.003)", f"1e-05 (5e-06 to 2e-05) {DOWN}"]
    assert rows["single solved"] == ["25 % (10 to 40 %)"] * 2
    assert rows["single test MSE after 100 epochs"] == ["0.004"] * 2
    assert rows["stacked test MSE"] == ["—", "—"]


def test_an_interval_without_a_high_end_is_open_and_never_below(revise: Revise) -> None:
    half = revise(metrics={"single.test.iqm_high": None})
    assert compare.with_interval(half, "single.test.iqm", compare.number) == "0.002 (0.001 to inf)"
    higher = {"single.test.iqm": 5.0, "single.test.iqm_low": 4.0, "single.test.iqm_high": None}
    assert compare.moved(half, revise(metrics=higher), "single.test.iqm") == ""
    assert compare.moved(revise(), revise(metrics=higher), "single.test.iqm") == UP


def test_of_many_revisions_the_last_epoch_alone_with_a_row_each(revise: Revise) -> None:
    revisions = [revise(), revise("a"), revise("b", params={"train.lr": 1.0})]
    params, verdicts, metrics = (table for _, table in compare.sections(revisions))
    assert params == Table(["revision", "train.lr"], [["main", "0.01"], ["a", "0.01"], ["b", "1.0"]])
    assert [row[0] for row in verdicts.rows] == ["main", "a", "b"]
    assert not [name for name in metrics.header if "after" in name]


def test_verdicts_name_the_primary_question_and_every_pair(revise: Revise) -> None:
    more = {"evaluate.compare": ["stacked vs single", "stacked vs wide"]}
    won = {
        "stacked_vs_single.test.p": 0.9,
        "stacked_vs_single.test.p_low": 0.7,
        "stacked_vs_single.test.p_high": 0.97,
        "stacked_vs_single.test.verdict": "better",
    }
    table = compare.verdicts([revise(), revise("idea", params=more, metrics=won)])
    assert table.rows == [
        [
            "stacked vs single (the primary question)",
            "34 % (19 to 54 %), inconclusive",
            f"90 % (70 to 97 %), better {UP}",
        ],
        ["stacked vs wide", "—", "—"],
    ]


def test_the_summary_says_what_was_done_and_what_came_of_it(revise: Revise) -> None:
    worse = {"single.solved": 0.05, "single.solved_low": 0.01, "single.solved_high": 0.09}
    idea = revise(
        "idea",
        params={"train.lr": 1.0},
        metrics=worse | {"stacked_vs_single.test.verdict": "better"},
    )
    assert compare.summary([revise(), idea, revise("twin"), revise("seed", params={"train.seed": 1})]) == [
        f"idea: train.lr=1.0; stacked vs single: better, was inconclusive; "
        f"moved beyond its interval: single solved {DOWN}",
        "twin: the same params, metrics, loss curves and figures",
        "seed: train.seed=1; stacked vs single: inconclusive, as before; no metric moved beyond its interval",
    ]


def test_params_that_were_not_run_are_said_first_of_the_base_too(revise: Revise) -> None:
    stale = revise("workspace", params={"train.lr": 1.0}, not_run=["train.lr", "train.seed"])
    words = "not run since train.lr, train.seed changed in params.yaml; what is shown came of other params"
    assert compare.summary([revise(), revise("twin"), stale])[0] == f"workspace: {words}"
    assert compare.summary([stale, revise()])[0] == f"workspace: {words}"


def test_alike_means_curves_and_figures_too(revise: Revise) -> None:
    assert compare.alike([revise(), revise("twin")])
    assert not compare.alike([revise(), revise(losses=LOSSES.assign(q75=1.0))])
    assert not compare.alike([revise(), revise(figures={})])
    assert not compare.alike([revise(), revise("twin"), revise(metrics={"single.solved": 0.3})])


def test_changed_metrics_leave_out_ends_and_what_is_the_same(revise: Revise) -> None:
    after = revise("idea", metrics={"single.solved": 0.5, "single.solved_low": 0.45, "stacked.diverged": 0.1})
    assert compare.changed_metrics([revise(), after]).rows == [
        ["single.solved", "0.25 (0.1 to 0.4)", f"0.5 (0.45 to 0.4) {UP}"],
        ["stacked.diverged", "—", "0.1"],
    ]


def test_figures_are_told_apart_by_their_bytes(revise: Revise) -> None:
    base = revise(figures={"a.png": b"1", "b.png": b"2"})
    after = revise(figures={"a.png": b"1", "b.png": b"3", "c.png": b"4"})
    assert compare.figures([base, after]) == (["b.png", "c.png"], ["a.png"])
    assert compare.figures([base, base, after]) == (["b.png", "c.png"], ["a.png"])


def test_headings_show_the_commit_unless_it_is_the_name(revise: Revise) -> None:
    revisions = [revise(SHA[:7], commit=SHA), revise("main", commit=SHA), revise("workspace")]
    assert compare.headings(revisions) == [SHA[:7], f"main ({SHA[:7]})", "workspace"]
    assert compare.title(revisions[1:]) == f"Review: workspace against main ({SHA[:7]})"
    assert compare.title(revisions) == f"Review: 2 revisions against {SHA[:7]}"
