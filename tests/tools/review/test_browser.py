"""Both pages in a real browser: the review's with the network off, DVC's own with its scripts from here."""

import contextlib
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
import vl_convert
from playwright.sync_api import Browser, Page, Route, expect, sync_playwright

from stages.plot.figures import FIGURES
from stages.results import Estimate
from tests.conftest import Run
from tests.tools.conftest import FIGURE, LOSSES, Revise
from tools.review import page as review
from tools.review.page import VEGA, VEGA_LITE
from tools.revisions import Files

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
SIZES = {"wide": (1280, 900), "narrow": (390, 844)}
NUMBER = r"\d\S*"
HOSTILE = "\"'><img/src=x/onerror=hit()></script><script>hit()</script>${hit()}{{hit()}}"  # git takes it for a branch

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium, chromium-browser or google-chrome on PATH"),
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def review_page(compared: Path, run: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("review") / "review.html"
    done = run(f"python -m tools.review main idea --html {path}", compared)
    assert done.returncode == 0, done.stderr
    return path


@pytest.fixture(scope="module")
def hostile_page(revise: Revise, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a page of revisions whose every text would run a script, were it taken for more than text."""
    figure = FIGURE.with_name(f"{HOSTILE.replace('/', ' ')}.png")
    base, other = (
        revise(
            name,
            {HOSTILE: name, "evaluate.primary": pair},
            losses=pd.concat([LOSSES, LOSSES.assign(model=HOSTILE)]),
            figures={figure: name.encode()},
            not_run=[HOSTILE],
        )
        for name, pair in (("main", "stacked vs single"), (HOSTILE, HOSTILE))
    )
    path = tmp_path_factory.mktemp("hostile") / "review.html"
    path.write_text(review.page([base, other]))
    return path


@pytest.fixture(scope="module")
def intervals(compared: Path) -> list[Estimate]:
    """Return the answers to the primary question in `main` and in `idea`."""
    with contextlib.chdir(compared):
        both = [Files(name).results() for name in ("main", "idea")]
    return [results.pairs["stacked vs single"].last.test.p for results in both]


@pytest.fixture(scope="module")
def dvc_page(compared: Path, run: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("plots")
    done = run(f"dvc plots diff main idea --out {folder}", compared)
    assert done.returncode == 0, done.stderr
    return folder / "index.html"


@pytest.fixture
def page(request: pytest.FixtureRequest, browser: Browser) -> Iterator[Page]:
    """Return a page of the size that the test's parameter names; its errors and requests fail the test."""
    width, height = SIZES[request.param]
    touch = request.param == "narrow"
    context = browser.new_context(viewport={"width": width, "height": height}, has_touch=touch, offline=True)
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("requestfailed", lambda request: complaints.append(request.url))
    yield page
    context.close()
    assert complaints == []


def shown(page: Page) -> str:
    """Return the tooltip's text, of which nothing is cut off."""
    tooltip = page.locator("#vg-tooltip-element.visible")
    tooltip.wait_for(timeout=5000)
    box = tooltip.bounding_box()
    assert box
    assert box["x"] >= 0
    return " ".join(tooltip.inner_text().split())


def hover(page: Page, mark: str) -> str:
    """Move the mouse to the middle of the first such mark, and return the tooltip's text."""
    page.locator(mark).first.scroll_into_view_if_needed()
    box = page.locator(mark).first.bounding_box()
    assert box
    page.mouse.move(box["x"] + box["width"] / 2 - 3, box["y"] + box["height"] / 2)
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2, steps=3)
    return shown(page)


def fits(page: Page) -> bool:
    """Whether nothing makes the page wider than its window."""
    return page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


@pytest.mark.parametrize("page", SIZES, indirect=True)
def test_the_review_draws_its_charts_without_network(
    page: Page, review_page: Path, intervals: list[Estimate]
) -> None:
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url.partition(":")[0]))
    page.goto(review_page.as_uri())
    page.locator("#losses-wide svg.marks").wait_for()
    assert set(requests) <= {"file", "data"}
    assert fits(page)
    for model in ("single", "stacked", "wide"):
        chart = page.locator(f"#losses-{model}")
        lines = chart.locator(
            ".mark-line.layer_1_marks path, .mark-line path[aria-roledescription='line mark']"
        )
        assert lines.count() == 2
        for index in range(2):
            box = lines.nth(index).bounding_box()
            assert box
            assert box["width"] > 150
        assert chart.locator("path[aria-roledescription='area mark']").count() == 2
    # The intervals are as long, and the line of no difference is where, the axis from 0 to 100 % says.
    axis = page.locator(".forest .axis").bounding_box()
    lines = page.locator(".forest line")
    assert axis
    assert page.locator(".forest circle").count() == lines.count() == 2
    for index, (_, low, high) in enumerate(intervals):
        box = lines.nth(index).bounding_box()
        assert box and low is not None and high is not None
        assert box["x"] == pytest.approx(axis["x"] + low * axis["width"], abs=4)
        assert box["width"] == pytest.approx((high - low) * axis["width"], abs=6)
    middle = page.locator(".forest span", has_text="no difference").bounding_box()
    assert middle
    assert middle["x"] + middle["width"] / 2 == pytest.approx(axis["x"] + axis["width"] / 2, abs=3)


@pytest.mark.parametrize("page", SIZES, indirect=True)
def test_the_reviews_charts_tell_their_numbers_on_hover(page: Page, review_page: Path) -> None:
    page.goto(review_page.as_uri())
    page.locator("#losses-wide svg.marks").wait_for()
    tooltip = hover(page, "#losses-stacked svg.marks path.background")
    assert re.fullmatch(
        rf"revision (main|idea) model stacked epoch \d median {NUMBER} lower quartile {NUMBER} "
        rf"upper quartile {NUMBER}",
        tooltip,
    )


@pytest.mark.parametrize("page", ["wide"], indirect=True)
def test_no_text_of_a_revision_is_more_than_text(page: Page, hostile_page: Path) -> None:
    page.add_init_script("window.hits = 0; window.hit = () => { window.hits += 1; };")
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    page.goto(hostile_page.as_uri())
    page.locator("svg.marks").nth(2).wait_for()
    assert page.locator("h1").inner_text() == f"Review: {HOSTILE} against main"
    assert hover(page, "[id='losses-single'] svg.marks path.background").startswith(
        "revision main model single"
    )
    page.locator(".legend button").nth(1).click()
    page.locator(".chart").nth(2).scroll_into_view_if_needed()
    tooltip = hover(page, ".chart:nth-child(3) svg.marks path.background")
    assert f"model {HOSTILE} epoch" in tooltip
    assert page.evaluate("window.hits") == 0
    assert page.locator("script").count() == 2
    assert {request.partition(":")[0] for request in requests} <= {"file", "data"}


@pytest.mark.parametrize("page", ["narrow"], indirect=True)
def test_a_tap_shows_the_numbers_and_one_elsewhere_hides_them(page: Page, review_page: Path) -> None:
    page.goto(review_page.as_uri())
    page.locator("#losses-wide svg.marks").wait_for()
    page.locator("#losses-single path.background").first.tap(force=True)
    assert "model single" in shown(page)
    page.locator("h1").tap()
    page.locator("#vg-tooltip-element.visible").wait_for(state="hidden", timeout=5000)


@pytest.mark.parametrize("page", ["wide"], indirect=True)
def test_a_click_in_the_legend_leaves_one_revision_in_focus(page: Page, review_page: Path) -> None:
    page.goto(review_page.as_uri())
    lines = page.locator("#losses-single path[aria-roledescription='line mark']")
    lines.first.wait_for()
    for opacity in ("0.1", "1"):
        page.locator(".legend button", has_text="idea").click()
        expect(lines.nth(0)).to_have_attribute("opacity", opacity)
        expect(lines.nth(1)).to_have_attribute("opacity", "1")
        expect(page.locator(".forest [data-revision]").first).to_have_css("opacity", opacity)


@pytest.mark.parametrize("page", SIZES, indirect=True)
def test_where_no_script_came_dvcs_own_page_names_what_needs_none(page: Page, dvc_page: Path) -> None:
    page.route(re.compile("^https:"), lambda route: route.fulfill(body="", content_type="text/javascript"))
    page.goto(dvc_page.as_uri())
    assert "python -m tools.review --html review.html" in page.locator("#losses").inner_text()
    assert fits(page)
    headings = page.locator("body > div[style] > p").all_inner_texts()
    assert headings == [text for text, _ in FIGURES.values()]


@pytest.mark.parametrize("page", SIZES, indirect=True)
def test_dvcs_own_page_draws_every_revision(page: Page, dvc_page: Path) -> None:
    bundle = vl_convert.javascript_bundle(VEGA, vl_version=VEGA_LITE)

    def answer(route: Route) -> None:
        body = bundle if "vega-embed" in route.request.url else ""
        route.fulfill(body=body, content_type="text/javascript")

    page.route(re.compile("^https:"), answer)
    page.goto(dvc_page.as_uri())
    chart = page.locator("#losses svg.marks")
    chart.wait_for()
    assert fits(page)
    box = chart.bounding_box()
    assert box
    assert box["width"] > 300
    for mark, property in (("line mark", "stroke"), ("area mark", "fill")):
        marks = page.locator(f"#losses path[aria-roledescription='{mark}']")
        colours = marks.evaluate_all(f"marks => marks.map(mark => mark.getAttribute('{property}'))")
        # a colour a model, in two revisions
        assert sorted(colours) == sorted(["#c1121f", "#009e73", "#0072b2"] * 2)
        widths = marks.evaluate_all("marks => marks.map(mark => mark.getBoundingClientRect().width)")
        assert min(widths) > 150
    tooltip = hover(page, "#losses svg.marks")
    assert re.fullmatch(
        rf"revision (main|idea) model (single|stacked|wide) epoch \d median {NUMBER} "
        rf"lower quartile {NUMBER} upper quartile {NUMBER}",
        tooltip,
    )
    images = page.locator("img").evaluate_all("images => images.map(i => i.complete && i.naturalWidth > 0)")
    assert len(images) >= 4
    assert all(images)
