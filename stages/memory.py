"""Refusing work that cannot fit, before it starts."""

import os

from stages.errors import InputError


def check_memory(keys: str, bytes_needed: int) -> None:
    """Raise InputError if `bytes_needed` is more than this machine's memory; `keys` of params.yaml decide it."""
    available = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    if bytes_needed > available:
        raise InputError(
            f"params.yaml: {keys}: found sizes that need {bytes_needed:,} bytes of memory; "
            f"allowed here: {available:,}"
        )
