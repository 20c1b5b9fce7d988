import re

import pytest

from stages.results import Estimate
from tests.tools.conftest import FIGURE, Revise, pair, results
from tools.review.charts import COLOURS
from tools.review.compare import DOWN, UP
from tools.review.page import page, readable

pytestmark = pytest.mark.usefixtures("no_vega")
NASTY = "</script><img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def html(revise: Revise) -> str:
    after = revise(NASTY, params={"train.lr": NASTY}, figures={FIGURE: b"other"})
    return page([revise(), after])


def test_nothing_on_the_page_is_fetched(html: str) -> None:
    sources = re.findall(r"(?:src|href|action|data|srcset)\s*=\s*['\"]([^'\"]*)", html)
    assert sources
    assert {source.partition(":")[0] for source in sources} == {"data"}
    assert not re.search(r"@import|url\(", html)


def test_no_name_or_value_can_become_markup(html: str) -> None:
    assert NASTY not in html
    assert html.count("<script>") == html.count("</script>") == 2
    assert "&lt;/script&gt;&lt;img src=x onerror=alert(1)&gt;" in html


def test_the_page_carries_charts_tables_and_both_images(html: str) -> None:
    for name in ("losses-single", "losses-stacked"):
        assert f'id="{name}"' in html
    assert html.count("data:image/png;base64,") == 2
    assert "<th>train.<wbr>lr</th><td>0.01</td>" in html
    assert "<li>&lt;/script&gt;&lt;img src=x onerror=alert(1)&gt;: train.<wbr>lr=" in html
    assert f"{UP} and {DOWN}: the interval lies wholly above" in html
    assert '<meta name="viewport" content="width=device-width, initial-scale=1">' in html


def test_what_a_mark_means_has_a_colour_and_no_line_ends_in_a_number() -> None:
    assert readable(f"1e-05 (5e-06 to 2) {DOWN} better & 9 % {UP} towards a") == (
        f'<span>1e-05</span> (<span>5e-06</span> to 2) <b class="better">{DOWN} better</b> &amp; <span>9 %</span> '
        f"{UP} towards a"
    )


def test_of_many_revisions_each_figure_opens(revise: Revise) -> None:
    others = [revise(name, figures={FIGURE: name.encode()}) for name in ("one", "two")]
    text = page([revise(), *others])
    assert text.count("data:image/png;base64,") == 3
    assert text.count("<summary>losses</summary>") == text.count("</details>") == 1


def test_the_forest_has_a_row_a_revision_in_order_with_its_look_and_says_who_is_ahead_where(
    revise: Revise,
) -> None:
    won = results(stacked_vs_single=pair(Estimate(0.75, 0.5, 1.0), "better"))
    alone = results(stacked_vs_single=pair(Estimate(0.25)))
    other = revise("other", results=results()._replace(pairs={}))
    revisions = [revise(), revise("idea", {"train.lr": 0.003}, won), other, revise("alone", results=alone)]
    forest = page(revisions).partition('class="forest"')[2].partition("<h2>")[0]
    assert re.findall(r"<span>(.*?)</span>", forest) == [
        "main: 34 % (19 to 54 %), inconclusive",
        "idea (train.lr=0.003): 75 % (50 to 100 %), better",
        "alone: 25 % (none), inconclusive",
        "0 %<br>single ahead",
        "50 %<br>no difference",
        "100 %<br>stacked ahead",
    ]
    assert re.findall(r'cx="(\S+)"', forest) == ["34.5%", "75.0%", "25.0%"]
    assert re.findall(r'x1="(\S+)" x2="(\S+)"', forest)[1:] == [("50.0%", "100.0%")]
    assert re.findall(r'stroke="(\S+)"', forest) == [COLOURS[index] for index in (0, 1, 3)]


def test_without_a_pair_to_compare_there_is_no_forest(revise: Revise) -> None:
    lone, other = (revise(name, params={"evaluate.primary": "stacked vs wide"}) for name in ("lone", "other"))
    assert 'class="forest"' not in page([lone, other])


def test_each_primary_question_has_a_forest(revise: Revise) -> None:
    asked = revise("asked", {"evaluate.primary": "wide vs single"}, results(wide_vs_single=pair()))
    html = page([revise(), asked])
    assert re.findall(r"<h2>How often (.*?):", html) == ["stacked beats single", "wide beats single"]
    assert html.count('class="forest"') == 2
