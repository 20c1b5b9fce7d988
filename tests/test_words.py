"""Numbers as people read them."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stages import words
from stages.results import Estimate, PairMeasure


@pytest.mark.parametrize(
    ("p", "expected"),
    [(0.423, "42 %"), (0.499, "49.9 %"), (0.5, "50 %"), (0.504, "50.4 %"), (0.495, "49.5 %"),
     (1, "100 %")],
)  # fmt: skip
def test_a_chance_never_rounds_to_the_half_at_which_verdicts_turn(p: float, expected: str) -> None:
    assert words.chance(p) == expected


def test_undefined_and_infinite_numbers_have_words() -> None:
    assert words.number(None) == "none"
    assert words.number(math.inf) == "inf"
    assert words.percent(math.nan) == "undefined"
    assert words.percent(17.39) == "1,739 %"


def test_intervals_name_their_unit_once_and_may_be_open_or_none() -> None:
    assert words.with_interval(Estimate(0.42, 0.343, 0.4993), words.chance) == "42 % (34 to 49.9 %)"
    assert (
        words.with_interval(Estimate(0.00165, 0.00023, math.inf), words.number) == "0.00165 (0.00023 to inf)"
    )
    assert words.with_interval(Estimate(1, None, None), words.percent) == "100 % (none)"


def test_who_beats_whom() -> None:
    measure = PairMeasure(Estimate(0.42, 0.343, 0.4993), 1 - 0.05 / 7, 0.01, "worse")
    assert words.beats("stacked vs single", measure) == (
        "stacked beats single in 42 % of pairs (99.3 % interval 34 to 49.9 %): worse"
    )
    assert words.outcome(measure) == "42 % (34 to 49.9 %), worse"


def test_an_open_question_says_what_would_have_settled_it() -> None:
    measure = PairMeasure(Estimate(0.42, 0.2, 0.6), 0.95, 0.4, "inconclusive", detectable=0.7506)
    start = "stacked beats single in 42 % of pairs (95 % interval 20 to 60 %): inconclusive, since "
    assert words.beats("stacked vs single", measure) == (
        start + "so many replicates tell only 25 % or less, or 75 % or more from 50 %"
    )
    assert words.outcome(measure) == "42 % (20 to 60 %), inconclusive"
    few = measure._replace(detectable=None)
    assert (
        words.beats("stacked vs single", few)
        == start + "too few replicates tell nothing (it takes 5 at least)"
    )
    assert words.outcome(few) == "42 % (20 to 60 %), too few replicates"


def test_epochs_are_counted() -> None:
    assert [words.epochs(count) for count in (1, 1000)] == ["1 epoch", "1,000 epochs"]


def test_a_table_is_markdown() -> None:
    assert words.table(["name", "n"], [["a", "1"], ["b|c", "2"]]) == (
        "| name | n |\n| --- | ---: |\n| a | 1 |\n| b\\|c | 2 |"
    )


@settings(derandomize=True)
@given(st.text())
def test_text_cannot_leave_its_cell_or_become_markup(text: str) -> None:
    escaped = words.markdown(text)
    assert len(escaped.splitlines()) <= 1
    bare = escaped.replace("\\\\", "")
    for mark in "`*[]|":
        assert bare.count(mark) == bare.count(f"\\{mark}")
    assert "<" not in escaped


def test_text_addresses_nobody_and_links_to_nothing() -> None:
    mark = "&#8203;"
    assert words.markdown("@you #12 a@b.c https://a.b www.a.b a#b # @") == (
        f"@{mark}you #{mark}12 a@{mark}b.c https:{mark}//a.b www{mark}.a.b a#{mark}b # @"
    )
    assert words.markdown("~~a~~ $b$") == r"\~\~a\~\~ \$b\$"
