"""YAML as DVC reads it, or not at all."""

from typing import Any

import pytest
from dvc.utils.serialize import dumps_yaml, loads_yaml
from hypothesis import example, given, settings
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


@settings(max_examples=2000, derandomize=True, deadline=None)
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


@settings(derandomize=True, deadline=None)
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
        (
            "a: 1\nb: 010",
            "line 2: found 010; allowed: a decimal number such as 10, 0.5 or 1e-3, or text in quotes",
        ),
        ("a: 0o10", "line 1: found 0o10; allowed: a decimal number"),
        ("a: 0x1F", "line 1: found 0x1F; allowed: a decimal number"),
        ("a: 1_000", "line 1: found 1_000; allowed: a decimal number"),
        ("a: .1e3", "line 1: found .1e3; allowed: a decimal number"),
        ("a: 2026-01-31", "line 1: found 2026-01-31; allowed: a decimal number"),
        ("a: " + "7" * 5000, f"line 1: found {'7' * 40}; allowed: a decimal number"),
        ("a: 1\n<<: {}", "line 2: found <<; allowed: a decimal number"),
        ("a: 1\nb: 2\na: 3", 'not valid YAML, line 3: found duplicate key "a"'),
        ("1: a\n1.0: b", 'not valid YAML, line 2: found duplicate key "1.0"'),
        ("[a]: b", "not valid YAML, line 1: found unhashable key"),
        (BOMB, "line 1: found &; allowed: plain values, or text in quotes"),
        ("a: *b", "line 1: found *; allowed: plain values"),
        ("a: !!python/object/apply:os.system [ls]", "line 1: found !; allowed: plain values"),
        ("%YAML 1.3\n---\na: 1", "line 1: found %; allowed: plain values"),
        ("a: 1\n---\nb: 2", "not valid YAML, line 2: but found another document"),
        ("a: [1,\n2", "not valid YAML, line 2: expected ',' or ']'"),
        ('{"a":1}', "line 1: found :1; allowed: a space after a colon"),
        ("a: b\n\u2028", "line 2: found the character U+2028; allowed: printable text"),
        ("a: \0", "line 1: found the character U+0000; allowed: printable text"),
        *[
            (
                f"{opening * depth}x{closing * depth}",
                "line 1: found one more level of lists or mappings; allowed: 20",
            )
            for depth in (21, 300, 1000, 100_000)
            for opening, closing in (("[", "]"), ("- ", ""))
        ],
    ],
)
def test_what_is_no_plain_document_gets_a_line(text: str, line: str) -> None:
    with pytest.raises(ValueError) as caught:
        parse_yaml(text)
    assert str(caught.value).startswith(line)
    assert len(str(caught.value)) < 160
