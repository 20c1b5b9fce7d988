"""Mistakes in the input, told to the person who made them in one line."""

import sys
from collections.abc import Callable


class InputError(Exception):
    """Something that the user can mend; the message names the file, what was found and what is allowed."""


def run(main: Callable[[], None]) -> None:
    """Call `main`; an `InputError` becomes one line on stderr and exit code 2, an interrupt exit code 130."""
    try:
        main()
    except InputError as error:
        print(error, file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(130)
