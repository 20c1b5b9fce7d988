"""The one reader of YAML, with version 1.2's numbers and booleans: 1e-3 is a number, yes is a word.

DVC reads the same files with ruamel.yaml. What the two would take for different values is refused, so that what
our code sees is what DVC compares and records.
"""

import re
from typing import Any, NoReturn

import yaml

MAX_LEVELS = 20
# What is no text, and what ends a line for one of the two readers only.
UNFIT = re.compile(
    "[^\t\n\r\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]"
)


def parse_yaml(text: str) -> Any:
    """Return what the document says.

    Raises:
        ValueError: it is no YAML, or not read alike everywhere; in one line that says which and what is allowed.
    """
    text = text.removeprefix("\ufeff")
    if unfit := UNFIT.search(text):
        line = text.count("\n", 0, unfit.start())
        _refuse(f"the character U+{ord(unfit[0]):04X}", line, "printable text, lines ended by a line feed")
    try:
        return yaml.load(text, _Reader)
    except yaml.MarkedYAMLError as error:
        problem = " ".join(error.problem.split())
        raise ValueError(f"not valid YAML, line {error.problem_mark.line + 1}: {problem}") from None


def _refuse(found: str, line: int, allowed: str) -> NoReturn:
    raise ValueError(f"line {line + 1}: found {found}; allowed: {allowed}")


class _Reader(yaml.SafeLoader):
    """PyYAML's safe loader, for what every reader takes alike."""

    ESCAPE_CODES = {"x": 2, "u": 4}  # noqa: RUF012 - without U, whose eight digits can be no character
    level = 0

    def _refuse_sign(self) -> NoReturn:
        _refuse(self.peek(), self.line, "plain values, or text in quotes")

    fetch_anchor = fetch_alias = fetch_tag = fetch_directive = fetch_document_end = _refuse_sign

    def fetch_block_scalar(self, style: str) -> None:
        if self.indent < 0:  # the whole document, which the two end differently
            self._refuse_sign()
        super().fetch_block_scalar(style)

    def fetch_value(self) -> None:
        if self.peek(1) not in "\0 \t\r\n":
            _refuse(f":{self.peek(1)}", self.line, "a space after a colon")
        super().fetch_value()

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node:
        if self.level == MAX_LEVELS:
            _refuse("one more level of lists or mappings", self.line, f"{MAX_LEVELS}")
        self.level += 1
        node = super().compose_node(parent, index)
        self.level -= 1
        return node

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        mapping = super().construct_mapping(node, deep)
        keys = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node)
            if key in keys:
                problem = f'found duplicate key "{key}"'
                raise yaml.MarkedYAMLError(problem=problem, problem_mark=key_node.start_mark)
            keys.add(key)
        return mapping

    def construct_unclear(self, node: yaml.ScalarNode) -> NoReturn:
        allowed = "a decimal number such as 10, 0.5 or 1e-3, or text in quotes"
        _refuse(node.value[:40], node.start_mark.line, allowed)


# An unquoted word is the first of these that it matches, else text. Unclear is what YAML 1.1, YAML 1.2 and
# ruamel.yaml take for different values (010, 0x10, 1_000, .1e3, dates), and more digits than Python reads.
_WORDS = {
    "null": "~ | null | Null | NULL |",
    "bool": "true | True | TRUE | false | False | FALSE",
    "int": "[-+]? (?: 0 | [1-9][0-9]{0,99} )",
    "float": r"""
        [-+]? [0-9]+ (?: \. [0-9]* (?: [eE] [-+]? [0-9]+ )? | [eE] [-+]? [0-9]+ )
        | [-+]? \. [0-9]+ (?: [eE] [-+] [0-9]+ )?
        | [-+]? \. (?: inf | Inf | INF )
        | \. (?: nan | NaN | NAN )""",
    "unclear": r"""
        [-+]? (?: [0-9] [0-9_]* (?: \. [0-9_]* )? | \. [0-9_]+ ) (?: [eE] [-+]? [0-9]+ )?
        | [-+] [0-9_]+
        | [-+]? 0 (?: b [01_]+ | o [0-7_]+ | x [0-9a-fA-F_]+ )
        | [0-9]{4} - [0-9]{1,2} - [0-9]{1,2} (?: [Tt\ \t] .* )?
        | << | =""",
}
_TAG = "tag:yaml.org,2002:"
_Reader.yaml_implicit_resolvers = {
    None: [(_TAG + kind, re.compile(rf"(?:{words})\Z", re.VERBOSE)) for kind, words in _WORDS.items()]
}
_Reader.add_constructor(_TAG + "unclear", _Reader.construct_unclear)
