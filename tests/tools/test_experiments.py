import subprocess

import pytest

from stages.results import Estimate, Forecasts
from tests.tools.conftest import Revise, model, pair, results
from tools import experiments
from tools.experiments import outcome


def test_a_pair_that_an_experiment_has_not_says_why(revise: Revise) -> None:
    one = revise(params={"evaluate.primary": "wide vs single"})
    assert outcome(one) == "none, for want of wide"
    apart = revise(results=results()._replace(pairs={}))
    assert outcome(apart) == "none, since the two were not compared"


def test_of_forecasts_the_errors_stand_in_place_of_the_shares_solved(
    revise: Revise, forecasts: Forecasts
) -> None:
    said = outcome(revise(results=results()._replace(forecasts=forecasts)))
    assert said.endswith("; RMSE 20.8, baseline 19.3")


def test_another_question_stands_before_its_answer_and_no_line_is_too_long(
    revise: Revise, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found = results(wide=model(), stacked_vs_wide=pair(Estimate(1.0, 0.501, 1.0), "better"))
    asked = revise("e1", {"evaluate.primary": "stacked vs wide"}, found)
    monkeypatch.setattr(experiments, "check_top_folder", lambda: None)
    monkeypatch.setattr(experiments, "read_revision", lambda _: revise())
    # Two of one name, at two commits.
    listed = (
        "main:\n\te1 [fussy-name]\n\te3 [study-mean-best]\n"
        "d0b7ba2:\n\te2 [fussy-name]\n\te4 [calm-name]\n\te5 [same-name]\n"
    )
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: subprocess.CompletedProcess([], 0, listed))
    idle, other = revise("e2", {"train.lr": 0.003}), revise("calm-name", {"data.task": "recall"}, found)
    found_by = {("e1", "e2", "calm-name", "same-name"): [other, idle, asked, revise("same-name")]}
    monkeypatch.setattr(experiments, "read_revisions", lambda names: found_by[tuple(names)])
    experiments.main()
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    at = lines.index("evaluate.primary=stacked vs wide")
    assert lines[at + 1].startswith("    stacked vs wide: 100 % (50.1 to 100 %), better; 25 and ")
    assert lines[at + 2] == "    fussy-name"
    last = lines.index("the last commit")
    assert last > at
    # As good as it is, in the order of what changed; those of another task come last, though they are better.
    assert lines[last + 3] == "as the last commit" and lines[last + 4].endswith("  same-name")
    assert lines[last + 6] == "train.lr=0.003, which changes nothing that comes out"
    assert lines[last + 7].endswith("  fussy-name")
    assert lines[-2] == "data.task=recall" and lines[-1].endswith("  calm-name")
