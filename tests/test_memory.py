"""What fits in memory, and the line that what does not fit gets."""

import contextlib
import re
from pathlib import Path

import pytest

from stages.errors import InputError
from stages.evaluate.__main__ import memory_needed
from stages.memory import check_memory, memory_limit
from stages.params import load_params
from tests.conftest import PARAMS, Call


def test_memory_limit_is_the_machines() -> None:
    check_memory("data", 1)
    with pytest.raises(InputError, match="found sizes that need 1,000,000,000,000,000 bytes"):
        check_memory("data", 10**15)


def test_memory_limit_is_a_containers_where_that_is_less(tmp_path: Path) -> None:
    machine, container = memory_limit(tmp_path / "none"), tmp_path / "memory.max"
    for text, expected in (("1000\n", 1000), ("max\n", machine), (f"{10**18}\n", machine)):
        container.write_text(text)
        assert memory_limit(container) == expected


def test_how_much_would_be_drawn_is_no_matter_to_a_forecast() -> None:
    with contextlib.chdir(PARAMS.parent):
        params = load_params()
    many = {"num_samples": 10**12, "test_samples": 10**12}
    drawn, forecast = (
        memory_needed(params.model_copy(update={"data": params.data.model_copy(update=many | task)}))
        for task in ({}, {"task": "forecast"})
    )
    assert forecast < 10**7 < 10**12 < drawn


@pytest.mark.parametrize(
    ("stage", "key"),
    [
        ("generate", "seq_length"),
        ("evaluate", "test_samples"),
        ("evaluate", "replicates"),
        ("evaluate", "epochs"),
        ("plot", "epochs"),
    ],
)
def test_a_stage_refuses_what_cannot_fit_before_it_reads_or_makes_anything(
    stage: str, key: str, project: Path, call: Call
) -> None:
    text = (project / "params.yaml").read_text()
    (project / "params.yaml").write_text(re.sub(rf"\b{key}: \d+", f"{key}: 1000000000000", text))
    code, out, error = call(project, f"stages.{stage}")
    assert (code, out) == (2, "")
    assert re.fullmatch(r"params\.yaml: .*: found sizes that need [\d,]+ bytes of memory; allowed.*\n", error)
