"""The smallest and strangest params still give reports: null or a clear line, never nan and never a crash."""

import json
import re
from pathlib import Path

import pytest

from tests.conftest import run_stages, tiny_params

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"replicates": 1}, r"One replicate decides nothing: no verdict on stacked vs single\."),
        (
            {"num_samples": 1, "test_samples": 1, "seq_length": 1, "epochs": 1},
            r"After 1 epoch neither .*: inconclusive, since too few replicates tell nothing \(it takes 5 at least\)\.",
        ),
        ({"lr": "1.0e+30"}, r"\(median test R2 diverged for stacked and diverged for single; the constant"),
    ],
    ids=["one replicate", "constant target and one step", "all diverged"],
)
def test_reports_are_whole(changes: dict[str, int | str], sentence: str, tmp_path: Path) -> None:
    (tmp_path / "params.yaml").write_text(tiny_params(**changes))
    found = run_stages(tmp_path)
    page = found["reports/README.md"].decode()
    assert re.search(sentence, page)
    tables = [
        text.decode() for path, text in found.items() if path.startswith("reports/") and path.endswith(".csv")
    ]
    assert not any("nan" in text for text in [page, *tables])
    assert "None" not in page
    metrics = json.loads(found["reports/metrics.json"], parse_constant=pytest.fail)
    assert metrics["stacked_vs_single"]["verdict"] == "inconclusive"


def test_a_pair_without_its_model_is_left_out(tmp_path: Path) -> None:
    without = re.sub(r"(?m)^  stacked:.*?(?=^  wide:)", "", tiny_params(), flags=re.DOTALL)
    (tmp_path / "params.yaml").write_text(without)
    found = run_stages(tmp_path)
    page = found["reports/README.md"].decode()
    assert "No verdict: the primary question is stacked vs single" in page
