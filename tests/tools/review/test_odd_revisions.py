"""Revisions that nobody's pipeline made: they are reviewed, or refused in a line, and no text of theirs is markup."""

import io
import json
import math
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import vl_convert
from hypothesis import given
from hypothesis import strategies as st

from stages import results
from stages.errors import InputError
from stages.results import DETAILS, Estimate, table_path
from tests.tools.conftest import FIGURE, LOSSES, PARAMS, RESULTS, model
from tools import revisions
from tools.review.charts import losses
from tools.review.markdown import markdown
from tools.review.page import page
from tools.revisions import LOCK, PIPELINE, Files, Revision, read_revision
from tools.revisions import PARAMS as PARAMS_FILE

# A warning would be one more line for the reader, and none that says what to do.
pytestmark = [pytest.mark.filterwarnings("error"), pytest.mark.usefixtures("no_vega")]
NASTY = "\"'><img src=x onerror=alert(1)>"


def nested(levels: int) -> list[Any]:
    """Return lists in lists."""
    return [nested(levels - 1)] if levels else []


def parameters() -> dict[str, Any]:
    """Return params as they are nested in params.yaml."""
    tree: dict[str, Any] = {}
    for place, value in PARAMS.items():
        *sections, key = place.split(".")
        group = tree
        for section in sections:
            group = group.setdefault(section, {})
        group[key] = value
    return tree


PIPELINE_TREE = {"stages": {"plot": {"cmd": "true"}}, "plots": [{"losses": {"x": "epoch"}}, str(FIGURE)]}
LOCK_TREE = {
    "schema": "2.0",
    "stages": {"train@single": {"cmd": "true", "params": {"params.yaml": {"train": {"lr": 0.01}}}}},
}
TREES = {
    PIPELINE: PIPELINE_TREE,
    PARAMS_FILE: parameters(),
    LOCK: LOCK_TREE,
    DETAILS: results._plain(RESULTS),
}
LOSSES_FILE = table_path("losses")
SOUND = {path: json.dumps(tree).encode() for path, tree in TREES.items()} | {
    LOSSES_FILE: LOSSES.to_csv(index=False).encode(),
    FIGURE: b"\x89PNG\r\n\x1a\n",
}


class Made(Files):
    """Files that lie nowhere."""

    def __init__(self, content: dict[Path, bytes]) -> None:
        self.name, self.content = "odd", content

    def commit(self) -> None:
        return None

    def exists(self, path: Path) -> bool:
        return path in self.content

    def open(self, path: Path, mode: str) -> io.BytesIO:
        if path not in self.content:
            raise FileNotFoundError
        return io.BytesIO(self.content[path])

    def figures(self) -> list[Path]:
        return [path for path in self.content if path.suffix == ".png"]

    def _place(self, path: Path) -> tuple[Any, Any]:
        return self, path


def made(changed: dict[Path, bytes]) -> Revision:
    """Return a sound revision but for what is given."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(revisions, "Files", lambda _: Made(SOUND | changed))
        return read_revision("odd")


@cache
def sound() -> Revision:
    """Return the revision that nothing is odd about."""
    return made({})._replace(name="base")


def check(changed: dict[Path, bytes]) -> None:
    """Fail unless the revision is refused in a line, or reviewed on either side without its text becoming markup."""
    try:
        odd = made(changed)
    except InputError as error:
        assert str(error).startswith("odd: ")
        assert len(str(error).splitlines()) == 1
        assert len(str(error)) < 500
        return
    base = sound()
    many = [odd, base, odd._replace(name=NASTY)]
    html = page(many)
    assert html.count("<script>") == html.count("</script>") == 2
    for text in (html, markdown(many, lambda _: None), markdown([base, odd], lambda _: None)):
        assert NASTY not in text
        text.encode()


def test_a_sound_revision_is_reviewed() -> None:
    check({})
    assert list(made({}).figures) == [FIGURE]


@pytest.mark.parametrize(
    ("path", "content", "says"),
    [
        (PIPELINE, b"stages: [", "not valid YAML, line 1"),
        (PIPELINE, b"%YAML 1.3\n---\nplots: []", "line 1: found %; allowed: plain values"),
        (PIPELINE, b"a: &a [*a]", "line 1: found &; allowed: plain values"),
        (PIPELINE, b"plots: " + b"[" * 1000 + b"]" * 1000, "recursion"),
        (PIPELINE, b"plots: ['\x1b[31m']", "special characters are not allowed"),
        (PIPELINE, b'plots: ["\\x1b[31m"]', "line 1: found a character that is no text"),
        (PIPELINE, b"9" * 5000, "digits"),
        (PARAMS_FILE, b"", "holds no names with values"),
        (LOCK, b"- 1\n", "holds no names with values"),
        (LOCK, b"stages: 5", "stages: found 5; allowed: names with values"),
        (LOCK, b"stages: {plot: 5}", "params: found 5; allowed: names with values"),
        (LOCK, b"stages: {plot: {params: 5}}", "params: found 5"),
        (LOCK, b"stages: {plot: {params: {params.yaml: 5}}}", "params.yaml: found 5"),
        (DETAILS, b'{"baseline": 5}', "baseline: Input should be"),
        (DETAILS, b"[1]", "Input should be"),
        (DETAILS, b"[" * 5000, "recursion limit"),
        (DETAILS, b"NaN", "Input should be an array"),
        (DETAILS, b"", "EOF"),
        (
            DETAILS,
            SOUND[DETAILS].replace(b"0.345", b'"inf"'),
            "last.test.p: Value error, found .*; allowed: 0 to 1",
        ),
        (
            DETAILS,
            SOUND[DETAILS].replace(b"stacked vs single", b"a vs b vs c"),
            "String should match pattern",
        ),
        (DETAILS, SOUND[DETAILS].replace(b"stacked vs single", b"<b> vs b"), "String should match pattern"),
        (DETAILS, SOUND[DETAILS].replace(b'"stacked"', b'"<b>"'), "String should match pattern"),
        (LOSSES_FILE, b"", "No columns"),
        (
            LOSSES_FILE,
            b"model,epoch\n",
            "found the columns model, epoch; allowed: model, epoch, median, q25, q75",
        ),
        (LOSSES_FILE, b"model,epoch,median,q25,q75\nsingle,1e308,1,1,1\n", "cannot safely convert"),
    ],
)
def test_what_is_odd_is_told_in_a_line(path: Path, content: bytes, says: str) -> None:
    with pytest.raises(InputError, match=f"^odd: {path} is damaged \\(.*{says}"):
        made({path: content})


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (PIPELINE, "plots:"),
        (PIPELINE, f"plots: {'[' * 100}{']' * 100}"),
        (LOCK, "stages:"),
        (PARAMS_FILE, "evaluate: {compare: 5, primary: a vs b vs c}"),
        (PARAMS_FILE, "evaluate: 5"),
        (PARAMS_FILE, f"evaluate: {'1' * 400}"),
        (PARAMS_FILE, 'evaluate: {primary: "\\ud800"}'),
        (PARAMS_FILE, f"evaluate: {'[' * 100}{']' * 100}"),
        (LOSSES_FILE, "model,epoch,median,q25,q75\n"),
        (LOSSES_FILE, "model,epoch,median,q25,q75\nnan,0,inf,inf,inf\n"),
        (LOSSES_FILE, "model,epoch,median,q25,q75\nsingle,0,1,1,1\n"),
        (LOSSES_FILE, "model,epoch,median,q25,q75\nsingle,-5,1,1,1\n"),
    ],
)
def test_what_is_odd_is_reviewed_as_far_as_it_goes(path: Path, text: str) -> None:
    check({path: text.encode()})


def test_a_model_may_be_named_as_yaml_and_csv_name_values() -> None:
    names = ("nan", "null", "true", "inf")
    models = {name: model(solved=Estimate(0.5, 0.4, 0.6)) for name in names}
    one = made(
        {
            PARAMS_FILE: json.dumps({"models": {name: {"lr": 1} for name in names}}).encode(),
            DETAILS: json.dumps(results._plain(RESULTS._replace(models=models))).encode(),
            LOSSES_FILE: b"model,epoch,median,q25,q75\n"
            + "".join(f"{name},{epoch},0.5,0.25,inf\n" for name in names for epoch in (0, 1)).encode(),
        }
    )
    charts = losses([one, sound()])
    assert list(charts) == [*names, "single", "stacked"]
    for name in names:
        svg = vl_convert.vegalite_to_svg(json.dumps(charts[name] | {"width": 300}))
        assert (
            svg.count('aria-roledescription="line mark"')
            == svg.count('aria-roledescription="area mark"')
            == 1
        )
    lines = markdown([sound(), one], lambda _: None).splitlines()
    for name in names:
        assert f"| models.{name}.lr | \N{EM DASH} | 1 |" in lines
        assert f"| {name} solved | \N{EM DASH} | 50 % (40 to 60 %) |" in lines
    text = page([sound(), one])
    assert re.findall('class="chart" id="losses-(.*?)"', text) == ["single", "stacked", *names]


ODD = st.sampled_from(
    [
        None, True, 0, -1, 5, 0.5, 1e308, math.nan, math.inf, 10**400, "inf", "", "nan", "null", "a vs b vs c", NASTY,
        "\0", "\ud800", "\x1b[31m", "\n# a\n", "../a", [], [5], nested(15), nested(200), {}, {"a": 5}, {"": {"": None}},
    ]
)  # fmt: skip


@st.composite
def changed_trees(draw: st.DrawFn) -> dict[Path, bytes]:
    """Return one of the files with a value or a key put in another's place, or taken away."""
    path = draw(st.sampled_from(list(TREES)))
    tree = json.loads(SOUND[path])
    places: list[tuple[Any, Any]] = []
    waiting = [tree]
    for group in waiting:
        for key, value in list(group.items() if isinstance(group, dict) else enumerate(group)):
            places.append((group, key))
            if isinstance(value, dict | list):
                waiting.append(value)
    group, key = draw(st.sampled_from(places))
    odd = draw(ODD)
    match draw(st.sampled_from(["value", "value", "key", "gone"])):
        case "value":
            group[key] = odd
        case "key" if isinstance(group, dict):
            group[str(odd)] = group.pop(key)
        case _:
            del group[key]
    return {path: json.dumps(tree).encode()}


@st.composite
def changed_tables(draw: st.DrawFn) -> dict[Path, bytes]:
    """Return the losses with other cells, or without a row."""
    rows = [line.split(",") for line in SOUND[LOSSES_FILE].decode().splitlines()]
    for _ in range(draw(st.integers(1, 4))):
        row = draw(st.sampled_from(rows))
        column = draw(st.integers(0, len(row) - 1))
        row[column] = str(draw(ODD)).replace("\ud800", "")
    del rows[draw(st.integers(0, len(rows))) :]
    return {LOSSES_FILE: "".join(f"{','.join(row)}\n" for row in rows).encode()}


@st.composite
def changed_bytes(draw: st.DrawFn) -> dict[Path, bytes]:
    """Return one of the files with some bytes replaced."""
    path = draw(st.sampled_from(list(SOUND)))
    content = SOUND[path]
    start = draw(st.integers(0, len(content)))
    end = min(len(content), start + draw(st.integers(0, 20)))
    return {path: content[:start] + draw(st.binary(max_size=5)) + content[end:]}


@pytest.mark.fuzz
@given(st.one_of(changed_trees(), changed_tables(), changed_bytes()))
def test_whatever_a_revision_holds_it_is_reviewed_or_refused_in_a_line(changed: dict[Path, bytes]) -> None:
    check(changed)
