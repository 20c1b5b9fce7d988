"""YAML as DVC reads it, or not at all."""

from typing import Any

import pytest
from dvc.utils.serialize import dumps_yaml, loads_yaml
from hypothesis import example, given
from hypothesis import strategies as st

from stages.yaml12 import parse_yaml

SIGNS = [*"-?:,[]{}#|>%@`!&*=~'\"\\/_.+", "---", "...", "<<", "|-", ">2", '"a":', "\\n"]
SPACES = [*" \n\t\r\xa0\x85\u2028\ufeff\0", "- ", "? ", ": ", ", ", " #", "\n  ", "\n- ", "\n---\n"]
WORDS = ["a", "é😀", "true", "True", "Off", "null", "yes", "01", "1.5", "1e3", "1:30", ".inf", ".NaN"]
DOCUMENTS = st.lists(st.sampled_from(SIGNS + SPACES + WORDS), max_size=9).map("".join)
NUMBERS = st.text("0123456789_.:eEobxaf+-T tZ", min_size=1, max_size=12).map("key: {}".format)
NAMES = st.text("abxyz_-", min_size=1).filter(lambda name: name[0].isalpha())
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(0, 2**64) | st.floats(allow_nan=False) | NAMES,
    lambda values: st.lists(values) | st.dictionaries(NAMES, values),
    max_leaves=9,
)


@pytest.mark.fuzz
@given(st.one_of(DOCUMENTS, NUMBERS))
@example("|\n#")
@example('[a"b":]')
@example("{a:{}}")
@example("a: ._")
@example("a: -_")
@example("\ufeffa: 1")
@example('a: "\\U00110000"')
@example('a: "\\Uffffffff"')
def test_a_document_is_read_as_dvc_reads_it_or_refused_in_a_line(text: str) -> None:
    try:
        value = parse_yaml(text)
    except ValueError as error:
        assert type(error) is ValueError
        assert len(str(error).splitlines()) == 1
    else:
        # As text, which tells 1 from 1.0 and true, and nan is nan.
        assert repr(value) == repr(loads_yaml(text))


@given(st.dictionaries(NAMES, VALUES))
def test_what_dvc_writes_is_read_back(document: dict[str, Any]) -> None:
    assert parse_yaml(dumps_yaml(document)) == document


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-3", 0.001),
        ("1E+3", 1000.0),
        (".5", 0.5),
        ("+5", 5),
        ("1e400", float("inf")),
        ("yes", "yes"),
        ("off", "off"),
        ("True", True),
        ("", None),
        ("~", None),
        ("1:30", "1:30"),
        ("1_000", 1000),
        ("1.2.3", "1.2.3"),
        ("0b8d0e3a", "0b8d0e3a"),  # as a hash in dvc.lock
        ("'010'", "010"),
        ("[]", []),
        ("{b: [x, 1]}", {"b": ["x", 1]}),
    ],
)
def test_numbers_and_booleans_are_those_of_version_1_2(text: str, value: Any) -> None:
    read = parse_yaml(f"a: {text}")["a"]
    assert (read, type(read)) == (value, type(value))


BOMB = "a: &a [x, x]\n" + "".join(
    f"{b}: &{b} [*{a}, *{a}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a: 1\nb: {c: [5, 010]}", "b.c.1: found 8, but DVC reads 10; allowed: what both read alike"),
        ("|\n#", "the file: found '', but DVC reads '#'; allowed: what both read alike"),
        ('[a"b":]', "0: found dict of ['a\"b\"'], but DVC reads 'a\"b\":'; allowed: what both"),
        ("a: " + "7" * 5000, "not valid YAML, line 1: Exceeds the limit (4300 digits)"),
        ("a: 2026-13-45", "not valid YAML, line 1: month must be in 1..12"),
        ("a: -_", "not valid YAML, line 1: string index out of range"),
        ("a: 1\nb: 2\na: 3", 'not valid YAML, line 3: found duplicate key "a"'),
        ("1: a\n1.0: b", 'not valid YAML, line 2: found duplicate key "1.0"'),
        ("a: 1\na: " + "7" * 4000, 'not valid YAML, line 2: found duplicate key "a"'),
        ("[a]: b", "not valid YAML, line 1: found unhashable key"),
        (BOMB, "not valid YAML, line 1: found &; allowed: plain values, or text in quotes"),
        ("a: *b", "not valid YAML, line 1: found *; allowed: plain values"),
        ("a: !!python/object/apply:os.system [ls]", "not valid YAML, line 1: found !; allowed: plain values"),
        ("%YAML 1.3\n---\na: 1", "not valid YAML, line 1: found %; allowed: plain values"),
        ("a: 1\n---\nb: 2", "not valid YAML, line 2: but found another document"),
        ("a: [1,\n2", "not valid YAML, line 2: expected ',' or ']'"),
        ("a: \0", "not valid YAML: unacceptable character #x0000"),
        ("a" * 200_001, "found 200,001 characters; allowed: 200,000"),
        *[
            (f"{opening * depth}x{closing * depth}", "not valid YAML: maximum recursion depth exceeded")
            for depth in (1000, 90_000)
            for opening, closing in (("[", "]"), ("- ", ""))
        ],
    ],
)
def test_what_is_no_plain_document_gets_a_line(text: str, line: str) -> None:
    with pytest.raises(ValueError) as caught:
        parse_yaml(text)
    assert str(caught.value).startswith(line)
    assert len(str(caught.value)) < 300
