"""README.md quotes the reports as they stand, and names only what is there."""

import re

from tests.conftest import TOP

README = (TOP / "README.md").read_text()


def words(text: str) -> str:
    """Return `text` on one line, without quotation marks of Markdown."""
    return " ".join(text.replace("\n> ", "\n").split())


def answer(page: str, paragraph: int = 1) -> str:
    """Return the paragraph of a page of the studies that says what they found; of one study, that under its title."""
    return (TOP / "reports/study" / page).read_text().split("\n\n")[paragraph]


def test_quotes_what_the_studies_found() -> None:
    assert answer("mean/README.md") in words(README)
    assert answer("README.md", 3) in words(README)
    series = answer("series/README.md", 3)
    if "data/sunspots.csv" in series:  # not a reader's own
        assert answer("series/README.md").split(" After ")[0] in words(README)
    (adding,) = re.findall(
        r"^- \[adding\].*?, (2 layers .*? comparisons)",
        (TOP / "reports/study/README.md").read_text(),
        re.MULTILINE,
    )
    assert adding in words(README)


def test_is_short() -> None:
    assert len(README.splitlines()) <= 170  # 120, and ten for each of five features since


def test_every_relative_link_and_image_is_there() -> None:
    links = re.findall(r"\]\(([^)#]+)\)", README)
    missing = [link for link in links if "://" not in link and not (TOP / link).exists()]
    assert len(links) > 5
    assert missing == []


def test_every_make_target_that_is_named_exists() -> None:
    targets = set(re.findall(r"^([a-z]+):", (TOP / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"(?:\$ |`)make ([a-z]+)", README))
    assert {"test", "prove", "study"} <= named
    assert named <= targets


def test_every_module_that_is_run_exists() -> None:
    for module in re.findall(r"python -m ((?:stages|tools)[\w.]*)", README):
        path = TOP / module.replace(".", "/")
        assert path.with_suffix(".py").exists() or (path / "__main__.py").exists(), module
