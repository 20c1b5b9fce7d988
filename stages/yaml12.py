"""The one reader of YAML, with version 1.2's numbers and booleans: 1e-3 is a number, yes is a word.

DVC reads the same files with ruamel.yaml. What the two take for different values is refused, so that what our code
sees is what DVC compares and records.
"""

import re
from collections.abc import Iterator
from typing import Any, ClassVar, NoReturn

import yaml
from ruamel.yaml import YAML
from ruamel.yaml.resolver import implicit_resolvers

from stages.errors import one_line

MAX_CHARACTERS = 200_000  # some seconds of reading; 40 models take half of it in dvc.lock
NO_TEXT = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x9f\ud800-\udfff]")  # which "\x1b" or "\ud800" may stand for


def parse_yaml(text: str) -> Any:
    """Return what the document says.

    Raises:
        ValueError: it is no YAML, or not read alike everywhere; in one line that says where and what is allowed.
    """
    if len(text) > MAX_CHARACTERS:
        raise ValueError(f"found {len(text):,} characters; allowed: {MAX_CHARACTERS:,}")
    try:
        ours = yaml.load(text, _Reader)
        theirs = YAML(typ="safe").load(text)  # as DVC does
    except Exception as error:  # ruamel.yaml lets through whatever Python raises
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        raise ValueError(f"not valid YAML{line}: {one_line(getattr(error, 'problem', error))}") from None
    for (key, found), (_, other) in zip(_values(ours), _values(theirs), strict=False):
        if found != other:
            raise ValueError(
                f"{key}: found {found:.80}, but DVC reads {other:.80}; allowed: what both read alike"
            )
    return ours


def _values(value: Any, key: str = "the file") -> Iterator[tuple[str, str]]:
    """Yield each value's key and its text, which tells 1 from 1.0 and from true; nan's is nan's."""
    if isinstance(value, dict | list):
        items = value if isinstance(value, dict) else dict(enumerate(value))
        yield key, f"{type(value).__name__} of {list(items)}"
        for name, item in items.items():
            yield from _values(item, f"{key}.{name}".removeprefix("the file."))
    else:
        yield key, repr(value)


class _Reader(yaml.SafeLoader):
    """PyYAML's safe loader, for plain values alone."""

    yaml_implicit_resolvers: ClassVar[dict[str, Any]] = {}  # filled below

    def _refuse(self) -> NoReturn:
        problem = f"found {self.peek()}; allowed: plain values, or text in quotes"
        raise yaml.MarkedYAMLError(problem=problem, problem_mark=self.get_mark())

    fetch_anchor = fetch_alias = fetch_tag = fetch_directive = _refuse

    def construct_scalar(self, node: yaml.ScalarNode) -> Any:
        text = super().construct_scalar(node)
        if NO_TEXT.search(text):
            problem = "found a character that is no text; allowed: what can be printed"
            raise yaml.MarkedYAMLError(problem=problem, problem_mark=node.start_mark)
        return text

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        try:
            return super().construct_object(node, deep)
        except (ValueError, IndexError) as error:  # such as the 31st of April
            raise yaml.MarkedYAMLError(problem=str(error), problem_mark=node.start_mark) from None


for versions, tag, pattern, first in implicit_resolvers:
    if (1, 2) in versions:
        _Reader.add_implicit_resolver(tag, pattern, first)
