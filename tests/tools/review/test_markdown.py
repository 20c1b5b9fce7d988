import re
from pathlib import Path

from stages.results import Estimate
from tests.tools.conftest import FIGURE, Revise, model, results
from tools.review.compare import DOWN, UP
from tools.review.markdown import markdown

SHA = "0123456789abcdef0123456789abcdef01234567"
SOLVED = results(single=model(solved=Estimate(0.3, 0.1, 0.4)))


def nowhere(commit: str) -> None:
    """Stand for an origin that shows no files."""


def test_figures_stand_side_by_side_at_their_commits_address(revise: Revise) -> None:
    base = revise(commit=SHA, figures={FIGURE: b"1"})
    after = revise("idea", commit=SHA[::-1], figures={FIGURE: b"2"})
    text = markdown([base, after], lambda commit: f"https://example.org/raw/{commit}")
    assert (
        f"| ![losses](https://example.org/raw/{SHA}/{FIGURE}) | "
        f"![losses](https://example.org/raw/{SHA[::-1]}/{FIGURE}) |" in text.splitlines()
    )


def test_without_an_address_git_shows_a_commits_figure_and_the_folder_the_workspaces(revise: Revise) -> None:
    base = revise(commit=SHA, figures={FIGURE: b"1"})
    text = markdown([base, revise("workspace", figures={FIGURE: b"2"})], nowhere)
    assert (
        f"| git show {SHA[:7]}:{FIGURE} > losses-{SHA[:7]}.png | ![losses]({FIGURE}) |" in text.splitlines()
    )


def test_a_figure_that_one_side_lacks_is_a_dash_and_an_equal_one_a_name(revise: Revise) -> None:
    base = revise(figures={FIGURE: b"1"})
    after = revise("idea", figures={FIGURE: b"1", Path("reports/figures/cost.png"): b"2"})
    lines = markdown([base, after], nowhere).splitlines()
    assert "| — | ![cost](reports/figures/cost.png) |" in lines
    assert "The same in all: losses." in lines


def test_a_figures_name_is_no_markup(revise: Revise) -> None:
    path = FIGURE.with_name("a](b) `c`|d <e> @f #1 \u00e9.png")
    base = revise(commit=SHA, figures={path: b"1"})
    lines = markdown([base, revise("idea", figures={path: b"2"})], nowhere).splitlines()
    name = "a\\](b) \\`c\\`\\|d &lt;e> @&#8203;f #&#8203;1 \u00e9"
    address = "reports/figures/a%5D%28b%29%20%60c%60%7Cd%20%3Ce%3E%20%40f%20%231%20%C3%A9.png"
    assert (
        f"| git show {SHA[:7]}:reports/figures/{name}.png > {name}-{SHA[:7]}.png | ![{name}]({address}) |"
        in lines
    )
    assert f"The same in all: {name}." in markdown(
        [base, revise(figures={path: b"1"}, params={"a": 1})], nowhere
    )


def test_equal_revisions_take_two_lines(revise: Revise) -> None:
    assert [line for line in markdown([revise(), revise("twin")], nowhere).splitlines() if line] == [
        "## Review: twin against main",
        "- twin: the same params, metrics, loss curves and figures",
    ]


def test_every_table_is_well_formed_and_after_a_blank_line(revise: Revise) -> None:
    after = revise("a|b", params={"train.lr": 1.0, "data.task": "me|an"}, results=SOLVED, figures={})
    text = markdown([revise(), after], nowhere)
    blocks = [block for block in text.split("\n\n") if block.startswith("|")]
    assert len(blocks) == 5  # params, verdicts, metrics, figures, numbers
    for block in blocks:
        counts = {len(re.findall(r"(?<!\\)\|", line)) for line in block.splitlines()}
        assert len(counts) == 1, block
        assert re.fullmatch(r"\| ---:? \|( ---:? \|)+", block.splitlines()[1])


def test_of_many_revisions_the_figures_that_differ_fold_away(revise: Revise) -> None:
    others = [revise(name, figures={FIGURE: name.encode()}) for name in ("one", "two")]
    text = markdown([revise(), *others], nowhere)
    images = " | ".join([f"![losses]({FIGURE})"] * 3)
    assert "<details><summary>1 figures that differ</summary>\n\n| main | one | two |\n" in text
    assert f"\n| {images} |\n\n</details>" in text


def test_the_marks_are_explained(revise: Revise) -> None:
    text = markdown([revise(), revise("idea", results=SOLVED)], nowhere)
    assert f"{UP} and {DOWN}: the interval lies wholly above or below that of main, an MSE" in text


def test_on_a_terminal_what_it_cannot_fold_or_show_is_counted(revise: Revise) -> None:
    after = revise("idea", figures={FIGURE: b"2"}, results=SOLVED)
    text = markdown([revise(figures={FIGURE: b"1"}), after], nowhere, terminal=True)
    assert text.endswith("\n\n1 number and 1 figure not alike; --html FILE shows all.")
    assert "<details>" not in text
    assert text.startswith(
        markdown([revise(figures={FIGURE: b"1"}), after], nowhere).partition("### Figures")[0]
    )


def test_numbers_that_differ_fold_away(revise: Revise) -> None:
    text = markdown([revise(), revise("idea", results=SOLVED)], nowhere)
    assert text.count("<details>") == text.count("</details>") == 1
    assert text.endswith("| models.single.last.solved | 0.25 (0.1 to 0.4) | 0.3 (0.1 to 0.4) |\n\n</details>")
