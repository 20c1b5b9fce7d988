"""Numbers as people read them."""

import math
import re
from html import unescape

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

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


@settings(derandomize=True, max_examples=300)
@given(st.text(st.sampled_from("[](): !a1_*`|\\<>&~$\"'\n-#;") | st.characters(exclude_categories=["Cs"])))
@example("![single](https://a.b)")
@example("<https://a.b>")
@example("&lt; *a* **a** ~~a~~ `a` \\*a\\* a|b")
@example("_a_")
@example("__a__")
@example("a_b_c")
def test_text_is_shown_as_it_is_in_a_cell_and_in_a_line(text: str) -> None:
    reader = MarkdownIt().enable(["table", "strikethrough"])
    shown = text.replace("\0", "\ufffd").replace("\u200b", "").split()
    cells = re.findall(r"<td>(.*?)</td>", reader.render(words.table(["a"], [[text]])))
    for html in (*cells, reader.renderInline(f"a {words.markdown(text)} b")[2:-2]):
        assert "<" not in html
        assert unescape(html).replace("\u200b", "").split() == shown
    assert len(cells) == 1


def test_a_list_stays_as_it_was_written() -> None:
    assert words.markdown("[0.001, 0.003]") == "[0.001, 0.003]"


def test_text_addresses_nobody_and_links_to_nothing() -> None:
    mark = "&#8203;"
    assert words.markdown("@you #12 a@b.c https://a.b www.a.b a#b # @") == (
        f"@{mark}you #{mark}12 a@{mark}b.c https:{mark}//a.b www{mark}.a.b a#{mark}b # @"
    )
    assert words.markdown("~~a~~ $b$") == r"\~\~a\~\~ \$b\$"
