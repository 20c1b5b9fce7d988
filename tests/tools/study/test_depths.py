"""A study of depths: its networks, its runs, and what its page says, from made-up outcomes."""

import contextlib
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from stages import models, results, words
from stages.architecture import Architecture
from stages.errors import InputError, one_of
from stages.params import Params, load_params
from stages.results import Baseline, Split, Verdict
from tests.conftest import PARAMS, TOP
from tests.tools import conftest as made_up
from tools.study import __main__ as study_command
from tools.study import depths, duration, experiments, figures, index, studies
from tools.study.experiments import Experiment, Ran, params_of, run_study, set_params
from tools.study.matching import matched, spread

STUDIES_OF_DEPTHS = [name for name, study in studies.STUDIES.items() if study().groups]


@pytest.fixture(scope="module")
def params() -> Params:
    with contextlib.chdir(PARAMS.parent):
        return load_params()


def counted(one: Architecture) -> int:
    return sum(parameter.numel() for parameter in models.build(one).parameters())


@pytest.mark.parametrize(
    ("cell", "wish", "counts", "widest"),
    [
        ("rnn_tanh", 250, [222, 241, 226], 0.12),
        ("rnn_tanh", 1000, [958, 970, 958], 0.06),
        ("gru", 1000, [929, 874, 925], 0.12),
        ("lstm", 1000, [967, 937, 886], 0.12),
    ],
)
def test_networks_of_three_depths_have_as_many_parameters(
    cell: str, wish: int, counts: list[int], widest: float
) -> None:
    found = matched(cell, 1, wish, (1, 2, 4))
    assert [one.num_layers for one in found] == [1, 2, 4]
    assert [counted(one) for one in found] == counts
    assert spread(found) == pytest.approx(max(counts) / min(counts) - 1)
    assert spread(found) <= widest


def test_no_other_sizes_as_near_the_wish_are_nearer_to_each_other() -> None:
    found = spread(matched("rnn_tanh", 2, 250, (1, 2)))
    ones, twos = (
        [n for n in (counted(Architecture("rnn_tanh", 2, h, layers)) for h in range(1, 20)) if 213 <= n <= 287]
        for layers in (1, 2)
    )  # fmt: skip
    assert found == min(max(a, b) / min(a, b) - 1 for a in ones for b in twos)


@pytest.mark.parametrize(("cell", "wish"), [("rnn_tanh", 3), ("lstm", 250)])
def test_a_budget_that_no_networks_fit_gets_a_line(cell: str, wish: int) -> None:
    with pytest.raises(InputError, match=f"parameters: found {wish}; allowed: a number that {cell} networks"):
        matched(cell, 1, wish, (1, 2, 4))


def test_the_list_of_studies_names_each() -> None:
    lines = studies.listing().splitlines()
    assert [line.split()[0] for line in lines[2:-2]] == list(studies.STUDIES)
    assert max(map(len, lines)) <= 110


@pytest.mark.parametrize("arguments", [[], ["nope"], ["mean", "recall"]])
def test_a_study_that_is_not_there_gets_a_line(arguments: list[str]) -> None:
    with pytest.raises(InputError, match=r"found (none|nope|mean recall); allowed: one of mean, recall, "):
        one_of(studies.STUDIES, arguments, "make study STUDY=NAME")


@pytest.mark.parametrize("name", STUDIES_OF_DEPTHS)
def test_every_run_of_every_study_has_valid_params(name: str, params: Params) -> None:
    study = studies.STUDIES[name]()
    assert study.knob is not None
    chosen, reported = set(), set()
    for run in study.runs:
        of_run = params_of(study, run, params, {})
        assert list(of_run.models) == list(study.models())
        varied = run.changes[study.knob.key]
        if run.lr == "best":
            reported.add((of_run.train.seed, varied))
        else:
            chosen.add((of_run.train.seed, varied))
    assert chosen == {(studies.SELECTION_SEED, study.knob.middle)}
    assert {seed for seed, _ in reported} == {studies.FRESH_SEED}
    assert len(reported) == sum(run.lr == "best" for run in study.runs)


def test_a_delay_beyond_the_sequence_gets_a_line(params: Params) -> None:
    study = studies.recall(values=(10, 40))
    with pytest.raises(InputError, match=r"run 40: data\.delay: found 40; allowed: with data\.task recall"):
        duration.announcement("recall", study, params)


def test_own_models_take_the_place_of_those_of_params(params: Params) -> None:
    study = studies.recall(values=(10,), wishes=(250,))
    flags = set_params(study, study.runs[-1], params, {"rnn_tanh-2x8": 0.003})
    assert flags[:4] == [
        "~models.single",
        "~models.stacked",
        "~models.wide",
        '+models.rnn_tanh-1x13={hidden_size: 13, num_layers: 1, cell: "rnn_tanh", lr: null}',
    ]
    assert 'evaluate.compare=["rnn_tanh-2x8 vs rnn_tanh-1x13", "rnn_tanh-4x5 vs rnn_tanh-1x13"]' in flags
    assert {"data.delay=10", "models.rnn_tanh-2x8.lr=0.003", "train.seed=2"} <= set(flags)


def test_announcement_counts_replicates(params: Params, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(duration, "seconds_an_epoch", lambda *_: 0.01)
    monkeypatch.setattr(duration, "available_threads", lambda: 2)
    study = studies.recall(values=(10, 20), wishes=(250,), epochs=1000, selection_replicates=4, replicates=5)
    # 5 step sizes and 2 delays, 3 models each: 90 replicates of 10 s on two threads, and 7 x 7 stages of 3 s.
    assert duration.announcement("x", study, params) == (
        "Study x: 90 replicates in 7 experiments, about 10 minutes here on 2 threads; what DVC has in its cache is not "
        "trained again: interrupted and begun again, it goes on."
    )


def test_a_series_too_short_for_a_run_is_told_with_the_run(
    params: Params, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(TOP)
    monkeypatch.setattr(duration, "seconds_an_epoch", lambda *_: 0.01)
    series = studies.series()
    far = studies.Run("far", 2, {"data.series.horizon": 100}, "own")
    assert duration.announcement("x", series, params).startswith(
        "Study x of SUNACTIVITY in data/sunspots.csv: 300 "
    )
    with pytest.raises(
        InputError, match=r"^experiment far of the study, with data\.series\.horizon 100: .* rows"
    ):
        duration.announcement("x", series._replace(runs=(far,)), params)


def test_a_network_is_timed(params: Params, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(duration, "MOMENT", 0.001)
    study = studies.recall(values=(10,), wishes=(250,), epochs=40, selection_replicates=2, replicates=2)
    seconds = duration.seconds(params_of(study, study.runs[0], params, {}))
    assert duration.STAGE * 7 < seconds < duration.STAGE * 7 + 60


RATES = {1: [1.0, 1.0, 0.5, 0.0], 2: [1.0, 1.0, 1.0, 1.0], 4: [1.0, 0.0, 0.0, 0.0]}
VALUES = (5, 10, 15, 20)
REPLICATES = 20


def experiment(place: int) -> Experiment:
    """Outcomes at the value of this place: after 50 epochs nothing is solved, after 100 the share of RATES."""
    study = studies.recall(values=VALUES, wishes=(250,), epochs=100)
    rows = []
    for name, one in study.models().items():
        count = round(RATES[one.num_layers][place] * REPLICATES)
        for replicate in range(REPLICATES):
            rows.append((name, replicate, 50, 0.3, 0.3 + 0.001 * replicate))
            mse = 0.01 if replicate < count else 0.25
            rows.append((name, replicate, 100, mse, mse + 0.0001 * replicate))
    outcomes = pd.DataFrame(rows, columns=results.TABLES["outcomes"])
    made = made_up.results(**{name: made_up.model() for name in study.models()})
    third = Split(1 / 3, 1 / 3)
    return Experiment(made._replace(baseline=Baseline(third, None, third)), outcomes, pd.DataFrame())


@pytest.fixture(scope="module")
def ran(params: Params) -> Iterator[Ran]:
    study = studies.recall(values=VALUES, wishes=(250,), epochs=100)

    def run(name: str, _: list[str]) -> Experiment:
        last = name.rsplit("-", 1)[1]
        return experiment(VALUES.index(int(last)) if last.isdecimal() else 2)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(experiments, "run_experiment", run)
        yield run_study("recall", study, params)


def test_the_memory_span_is_the_longest_value_that_half_of_the_replicates_solve(ran: Ran) -> None:
    found = depths.grid(ran)
    assert found.values == VALUES
    assert found.epochs == (50, 100)
    spans = {name: found.span(name, 100) for name in ran.study.models()}
    # Half of 20 at 15: by chance a sample has more or fewer.
    assert spans["rnn_tanh-1x13"] == (15, 10, 15)
    assert spans["rnn_tanh-2x8"] == (20, 20, 20)
    assert spans["rnn_tanh-4x5"] == (5, 5, 5)
    assert found.span("rnn_tanh-4x5", 50) == (0, 0, 0)
    assert [found.span_text(span) for span in (0, 5, 20)] == ["under 5", "5", "20 or more"]


def test_pairs_are_compared_by_ranks_with_intervals_widened_for_the_values(ran: Ran) -> None:
    found = depths.grid(ran)
    assert found.level == pytest.approx(1 - 0.05 / 4)
    measure = found.improvement("rnn_tanh-4x5 vs rnn_tanh-1x13", 10, 100)
    assert (measure.p.value, measure.level, measure.verdict) == (0, found.level, "worse")
    assert found.verdicts("rnn_tanh-2x8 vs rnn_tanh-1x13", 50) == ["inconclusive"] * 4


def test_the_answer_is_in_the_tables_and_on_the_page(ran: Ran, tmp_path: Path) -> None:
    answer = depths.write(ran, tmp_path / "recall")
    assert answer == (
        "After 100 epochs, the longest delay that at least half of the replicates of rnn_tanh networks with about 250 "
        "parameters solve is 15 (95 % interval 10 to 15) with 1 layer of 13 units, 20 or more with 2 layers of 8 units "
        "and 5 with 4 layers of 5 units, "
        "where linear layers of these sizes end at 12, 14 and 16. Against 1 layer, 2 are ahead at 1 and "
        "behind at 0 of 4 delays, and after 50 epochs ahead at 0 and behind at 0 of 4 delays: the deeper ends ahead, "
        "seen in the long run alone. Against 1 layer, 4 are ahead at 0 and behind at 1 of 4 delays, and after 50 "
        "epochs ahead at 0 and behind at 0 of 4 delays: the deeper ends behind, seen in the long run alone."
    )
    page = (tmp_path / "recall/README.md").read_text()
    assert page.split("\n\n")[1] == answer
    assert "mean of the sequence" not in page
    assert "| 15 | 50 % | 100 % | 0 % |" in page
    # Of equals the first is chosen.
    assert "The best one of rnn_tanh-1x13, rnn_tanh-2x8, rnn_tanh-4x5 is at the end of what was tried" in page
    solved = pd.read_csv(tmp_path / "recall/solved.csv")
    assert solved[(solved["value"] == 15) & (solved["epoch"] == 100)]["share"].tolist() == [0.5, 1, 0]
    assert solved["reach"].unique().tolist() == [12, 14, 16]
    improvement = pd.read_csv(tmp_path / "recall/improvement.csv")
    assert improvement[improvement["num_layers"] == 2]["verdict"].tolist().count("better") == 1
    spans = pd.read_csv(tmp_path / "recall/spans.csv")
    assert spans["span"].tolist() == [0, 15, 0, 20, 0, 5]
    before = (tmp_path / "recall/solved.png").read_bytes()
    depths.draw(tmp_path / "recall", "delay", 0.9, 0.9875)
    assert (tmp_path / "recall/solved.png").read_bytes() == before


def test_what_has_diverged_in_the_end_is_named(ran: Ran) -> None:
    found = depths.grid(ran)
    assert depths.diverged(found) == []
    gone = found.outcomes[5]["rnn_tanh-2x8"].diverged.copy()
    gone[:5, -1] = True
    of_five = {**found.outcomes[5], "rnn_tanh-2x8": found.outcomes[5]["rnn_tanh-2x8"]._replace(diverged=gone)}
    changed = found._replace(outcomes={**found.outcomes, 5: of_five})
    assert depths.diverged(changed) == ["25 % of rnn_tanh-2x8 at 5"]


COMMITTED = sorted(path.parent for path in (TOP / "reports/study").glob("*/solved.csv"))


@pytest.mark.parametrize("folder", COMMITTED, ids=[folder.name for folder in COMMITTED])
def test_the_committed_words_and_figures_are_those_of_the_committed_tables(
    folder: Path, params: Params, tmp_path: Path
) -> None:
    study = studies.STUDIES[folder.name]()
    assert study.knob is not None
    answer = (folder / "README.md").read_text().split("\n\n")[1]
    tables = {name: pd.read_csv(folder / f"{name}.csv") for name in ("solved", "improvement", "spans")}
    values = sorted(tables["solved"]["value"].unique())
    last = tables["improvement"][tables["improvement"]["epoch"] == tables["improvement"]["epoch"].max()]
    for _, rows in last.groupby("pair"):
        ahead, behind = (int((rows["verdict"] == word).sum()) for word in ("better", "worse"))
        assert f"ahead at {ahead} and behind at {behind} of {len(values)} {study.knob.word}" in answer
    for model, one in study.models().items():
        row = tables["spans"][tables["spans"]["model"] == model].iloc[-1]
        solved = tables["solved"][
            (tables["solved"]["model"] == model) & (tables["solved"]["epoch"] == row["epoch"])
        ]
        assert row["span"] == max(solved[solved["share"] >= 0.5]["value"], default=0)
        span, low, high = (
            f"{row[name] or f'under {values[0]}'}{' or more' if row[name] == values[-1] else ''}"
            for name in ("span", "low", "high")
        )
        interval = "" if low == high else f" (95 % interval {low} to {high})"
        layers = words.count_of(one.num_layers, "layer")
        assert f"{span}{interval} with {layers} of {one.hidden_size} units" in answer
    for name in ("solved", "improvement"):
        shutil.copy(folder / f"{name}.csv", tmp_path)
    depths.draw(tmp_path, study.knob.word, params.evaluate.solved_r2, 1 - 0.05 / len(values))
    for name in ("solved.png", "improvement.png"):
        assert (tmp_path / name).read_bytes() == (folder / name).read_bytes()


@pytest.mark.parametrize(
    ("early", "last", "text"),
    [
        ("=+", "=+", "the deeper ends ahead"),
        ("==", "=+", "the deeper ends ahead, seen in the long run alone"),
        ("-=", "-=", "the deeper ends behind"),
        ("==", "-=", "the deeper ends behind, seen in the long run alone"),
        ("==", "-+", "the deeper ends ahead at some and behind at others"),
        ("=+", "==", "the deeper learns sooner, and does not end ahead"),
        ("-=", "==", "the deeper learns later, and does not end behind"),
        ("==", "==", "inconclusive"),
    ],
)
def test_what_depth_is_worth(early: str, last: str, text: str) -> None:
    of: dict[str, Verdict] = {"+": "better", "-": "worse", "=": "inconclusive"}
    assert depths.conclusion(*([of[sign] for sign in signs] for signs in (early, last))) == text


def test_the_figures_have_a_panel_a_budget_and_a_line_a_depth(ran: Ran) -> None:
    found = depths.grid(ran)
    solved = pd.DataFrame(depths.solved_rows(found), columns=depths.SOLVED)
    figure = figures.solved(solved, "delay", 0.9)
    assert len(figure.axes) == 2
    lines = {line.get_label(): line for line in figure.axes[1].get_lines()}
    assert {"1 layer", "2 layers", "4 layers"} <= lines.keys()
    assert np.asarray(lines["2 layers"].get_ydata()).tolist() == RATES[2]
    across = [np.unique(np.asarray(line.get_xdata())).tolist() for line in figure.axes[1].get_lines()]
    assert sorted(x for x in across if len(x) == 1) == [[12], [14], [16]]
    improvement = pd.DataFrame(depths.improvement_rows(found), columns=depths.IMPROVEMENT)
    against = figures.improvement(improvement, "delay", found.level)
    labels = {line.get_label() for line in against.axes[1].get_lines()}
    assert {"2 layers against 1", "4 layers against 1"} <= labels
    (alone,) = (
        figures.improvement(improvement[improvement["num_layers"] == 2], "delay", 0.9).axes[0].lines[1:]
    )
    assert np.asarray(alone.get_xdata()).tolist() == list(VALUES)


def test_what_others_found_is_held_against_the_tables(ran: Ran) -> None:
    found = depths.grid(ran)
    flat, deep, other = (depths.agreement(one, found) for one in depths.ANCHORS["recall"])
    alike = "comparisons, by test MSE and share solved alike"
    counted = f"deeper ahead in 1, behind in 1 of 8 {alike}"
    assert flat == f"{counted}: disagrees in 1"
    assert deep == f"{counted}: agrees in 1"
    assert other == "nothing to compare"
    # The same MSEs, but who is ahead at 20 has solved nothing.
    ahead = found.outcomes[20]["rnn_tanh-2x8"]
    of_twenty = {**found.outcomes[20], "rnn_tanh-2x8": ahead._replace(solved=np.zeros_like(ahead.solved))}
    without = found._replace(outcomes={**found.outcomes, 20: of_twenty})
    deep = depths.agreement(depths.ANCHORS["recall"][1], without)
    assert deep == f"deeper ahead in 0, behind in 1 of 8 {alike}: not seen"
    (bai,) = depths.ANCHORS["adding"]
    assert depths.agreement(bai, found) == "at a delay of 20: rnn_tanh solved by up to 100 %, unlike theirs"


def test_the_list_of_studies_says_what_each_found(
    ran: Ran, params: Params, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["tools.study", "recall"])
    monkeypatch.setattr(study_command, "check_top_folder", lambda: None)
    monkeypatch.setattr(study_command, "load_params", lambda: params)
    monkeypatch.setattr(study_command, "announcement", lambda *_: "announced")
    monkeypatch.setattr(study_command, "run_study", lambda *_: ran)
    study_command.main()
    said = capsys.readouterr()
    assert said.err == (
        "announced\nMore in reports/study/recall/README.md; reports/study/README.md is written anew, too.\n"
    )
    assert said.out.strip() == Path("reports/study/recall/README.md").read_text().split("\n\n")[1]
    listed = Path("reports/study/README.md").read_text().splitlines()
    assert listed[6].startswith(
        "After 100 epochs, 2 layers are ahead of 1 in 1 and behind in 0 of 4 comparisons"
    )
    assert listed[-1] == (
        "- [recall](recall/README.md): Do deeper networks of the same size remember longer? "
        f"{listed[6].removesuffix(f' {index.NOTE}')}"
    )
    assert index.NOTE in listed[6]
    assert sum(line.startswith("- ") for line in listed) == 1
