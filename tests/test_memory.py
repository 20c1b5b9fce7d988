"""What fits in memory, and the line that what does not fit gets."""

from pathlib import Path

import pytest

from stages.errors import InputError
from stages.memory import check_memory, memory_limit


def test_memory_limit_is_the_machines() -> None:
    check_memory("data", 1)
    with pytest.raises(InputError, match="found sizes that need 1,000,000,000,000,000 bytes"):
        check_memory("data", 10**15)


def test_memory_limit_is_a_containers_where_that_is_less(tmp_path: Path) -> None:
    machine, container = memory_limit(tmp_path / "none"), tmp_path / "memory.max"
    for text, expected in (("1000\n", 1000), ("max\n", machine), (f"{10**18}\n", machine)):
        container.write_text(text)
        assert memory_limit(container) == expected
