import subprocess

import pytest

from stages.results import Estimate, Forecasts
from tests.tools.conftest import Revise, model, pair, results
from tools import experiments
from tools.experiments import changes, outcome, place


def test_a_pair_that_an_experiment_has_not_says_why(revise: Revise) -> None:
    one = revise(params={"evaluate.primary": "wide vs single"})
    assert outcome(one) == "none, for want of wide"
    apart = revise(results=results()._replace(pairs={}))
    assert outcome(apart) == "none, since the two were not compared"


def test_of_forecasts_the_errors_stand_in_place_of_the_shares_solved(
    revise: Revise, forecasts: Forecasts
) -> None:
    said = outcome(revise(results=results()._replace(forecasts=forecasts)))
    assert said.endswith("; RMSE of single 20.8, of the baseline 19.3")


def test_another_question_stands_before_its_answer_and_no_line_is_too_long(
    revise: Revise, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found = results(wide=model(), stacked_vs_wide=pair(Estimate(1.0, 0.501, 1.0), "better"))
    asked = revise("e1", {"evaluate.primary": "stacked vs wide"}, found)
    monkeypatch.setattr(experiments, "check_top_folder", lambda: None)
    monkeypatch.setattr(experiments, "read_revision", lambda _: revise())
    # Two of one name, at two commits.
    listed = "main:\n\te1 [fussy-name]\n\te3 [study-mean-best]\nd0b7ba2:\n\te2 [fussy-name]\n"
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: subprocess.CompletedProcess([], 0, listed))
    found_by = {("e1", "e2"): [asked, revise("e2", {"train.lr": 0.003})]}
    monkeypatch.setattr(experiments, "read_revisions", lambda names: found_by[tuple(names)])
    experiments.main()
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    at = lines.index("evaluate.primary=stacked vs wide")
    assert lines[at + 1].startswith("    stacked vs wide: 100 % (50.1 to 100 %), better; 25 and ")
    assert lines[at + 2] == "    fussy-name"
    assert lines[-2].startswith("train.lr=0.003") and lines[-1].endswith("  fussy-name")
    assert lines.index("the last commit") > at


def test_what_changed_says_where_it_was_for_nothing_and_what_was_not_run(revise: Revise) -> None:
    base, drawn = revise(), revise("drawn", {"train.lr": 0.003}, figures={})
    assert changes(base, base) == "the last commit"
    assert changes(revise("same"), base) == "as the last commit"
    assert changes(revise("other", figures={}), base) == "the params of the last commit"
    assert (
        changes(revise("idle", {"train.lr": 0.003}), base)
        == "train.lr=0.003, which changes nothing that comes out"
    )
    assert changes(drawn, base) == "train.lr=0.003"
    stale = revise(not_run=["train.epochs"])
    assert changes(stale, stale) == "the last commit, not run since train.epochs changed"
    assert changes(revise("same"), stale) == "the params of the last commit"
    assert changes(revise("idle", {"train.lr": 0.003}), stale) == "train.lr=0.003"


def test_what_predicts_as_the_last_commit_does_comes_first_then_each_task_the_surest_first(
    revise: Revise,
) -> None:
    base, better = revise("main"), results(stacked_vs_single=pair(Estimate(0.8, 0.7, 0.9), "better"))
    few = results(stacked_vs_single=pair(Estimate(1.0, 0.6, 1.0), "better"))
    alone, none = results(stacked_vs_single=pair(Estimate(1.0))), results()._replace(pairs={})
    expected = [
        revise("first", {"train.lr": 0.1}, better),
        revise("few", {"train.replicates": 3}, few),
        base,
        revise("0-as-good"),
        revise("1-as-good"),
        revise("another", {"train.lr": 0.003}),
        revise("none", {"models.single": "removed"}, none),
        revise("alone", {"train.replicates": 1}, alone),
        revise("delay", {"data.task": "adding"}, better),
        revise("longer", {"data.task": "adding"}),
        revise("best", {"data.task": "recall"}, better),
    ]
    backwards = list(reversed(expected))
    assert sorted(backwards, key=lambda one: place(one, base)) == expected
