"""Mistakes in the input, told to the person who made them in one line."""

import sys
from collections.abc import Callable


class InputError(Exception):
    """Something that the user can mend; the message names the file, what was found and what is allowed."""


def one_line(error: object) -> str:
    """Return what a library's exception says, for the middle of a line."""
    return " ".join(str(error).split())[:200] or type(error).__name__


def run(main: Callable[[], None]) -> None:
    """Call `main`; a mistake becomes one line on stderr and exit code 2, an interrupt exit code 130.

    Mistakes are every `InputError`, a file that cannot be read or written, and work that does not fit in memory.
    """
    try:
        main()
    except InputError as error:
        print(" ".join(str(error).splitlines()), file=sys.stderr)
        sys.exit(2)
    except OSError as error:
        print(f"{error.filename or 'a file'}: {error.strerror or error}", file=sys.stderr)
        sys.exit(2)
    except MemoryError as error:
        print(f"params.yaml: sizes that need more memory than there is ({error})", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(130)
