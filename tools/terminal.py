"""What is printed at length."""

import os
import sys


def show(text: str) -> None:
    """Print to whoever reads, who may have seen enough and gone, as `head` does."""
    try:
        print(text, flush=True)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for what Python has yet to flush
