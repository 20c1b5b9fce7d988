"""Refusing work that cannot fit, before it starts."""

import contextlib
from pathlib import Path

import psutil

from stages.errors import InputError


def check_memory(keys: str, bytes_needed: int) -> None:
    """Raise InputError if `bytes_needed` is more than there is here; `keys` of params.yaml decide it."""
    available = memory_limit()
    if bytes_needed > available:
        raise InputError(
            f"params.yaml: {keys}: found sizes that need {bytes_needed:,} bytes of memory; "
            f"allowed here: {available:,}"
        )


def memory_limit(container: Path = Path("/sys/fs/cgroup/memory.max")) -> int:
    """Return the bytes of this machine's memory, or a container's limit where that is less."""
    machine = psutil.virtual_memory().total
    with contextlib.suppress(OSError, ValueError):  # no Linux, or "max"
        return min(machine, int(container.read_text()))
    return machine
