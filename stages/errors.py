"""Mistakes in the input, told to the person who made them in one line."""

import sys
from collections.abc import Collection, Sequence
from types import TracebackType


class InputError(Exception):
    """Something that the user can mend; the message names the file, what was found and what is allowed."""


def one_of(names: Collection[str], arguments: Sequence[str], command: str) -> str:
    """Return the one of `names` that the arguments of `command` name.

    Raises:
        InputError: they name none, several, or one that is not there.
    """
    if len(arguments) != 1 or arguments[0] not in names:
        found = " ".join(arguments) or "none"
        raise InputError(f"{command}: found {found}; allowed: one of {', '.join(names)}")
    return arguments[0]


def one_line(error: object) -> str:
    """Return what a library's exception says, for the middle of a line."""
    return " ".join(str(error).split())[:200] or type(error).__name__


def tell(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
    """As sys.excepthook: a mistake becomes one line on stderr and exit code 2, an interrupt exit code 130.

    Mistakes are every `InputError`, a file that cannot be read or written, and work that does not fit in memory.
    """
    match error:
        case InputError():
            line = str(error)
        case OSError():
            line = f"{error.filename or 'a file'}: {error.strerror or error}"
        case MemoryError():
            line = f"params.yaml: sizes that need more memory than there is ({error})"
        case KeyboardInterrupt():
            line = "interrupted"
        case _:
            sys.__excepthook__(kind, error, traceback)
            return
    # A name may hold what ends the line, or what a terminal obeys.
    print("".join(letter if letter.isprintable() else " " for letter in line), file=sys.stderr)
    sys.exit(130 if kind is KeyboardInterrupt else 2)
