"""The page of all studies: what they found together, and that it is made from the tables that lie beside it."""

import shutil
from pathlib import Path

import pandas as pd
import pytest

from tests.conftest import TOP, files
from tools.study import depths, index


def rows(cell: str, depth: int, early: str, last: str) -> list[tuple]:
    """A row a delay and number of epochs, by a sign each: + for ahead, - for behind."""
    of = {"+": (0.9, "better"), "-": (0.1, "worse"), "=": (0.5, "inconclusive")}
    return [
        (10 * place, epoch, cell, 250, depth, 1, "a vs b", of[sign][0], 0.0, 1.0, of[sign][1])
        for epoch, signs in ((50, early), (100, last))
        for place, sign in enumerate(signs, start=1)
    ]


# Of each network so many in a hundred solve the task as the delay is; of one layer 7.
SOLVED = pd.DataFrame(
    [
        (10 * place, epoch, cell, 250, depth, "a", 0.07 if depth == 1 else place / 10, 0, 1, 0.1, 0, "")
        for place in (1, 2, 3)
        for epoch in (50, 100)
        for cell in ("rnn_tanh", "gru")
        for depth in (1, 2, 4)
    ],
    columns=depths.SOLVED,
)
TABLE = pd.DataFrame(
    [
        *rows("rnn_tanh", 2, "=+=", "==="),
        *rows("rnn_tanh", 4, "---", "==-"),
        *rows("gru", 2, "===", "+=+"),
        *rows("gru", 4, "===", "=+="),
    ],
    columns=depths.IMPROVEMENT,
)


def test_the_answer_counts_where_depth_pays_and_where_it_costs() -> None:
    assert index.answer(TABLE, SOLVED, "delay") == (
        "After 100 epochs, 2 layers are ahead of 1 in 2 and behind in 0 of 6 comparisons and 4 layers are ahead of 1 "
        "in 1 and behind in 1 of 6 comparisons. After 50 epochs, 2 layers are ahead of 1 in 1 and behind in 0 of 6 "
        "comparisons and 4 layers are ahead of 1 in 0 and behind in 3 of 6 comparisons. In the end deeper networks "
        "are ahead with gru of about 250 parameters and 2 layers at a delay of 10 (10 % with 2 and 7 % with 1 solve "
        "it) and 30 (30 % with 2 and 7 % with 1 solve it); gru of about 250 parameters and 4 layers at a delay of 20 "
        "(20 % with 4 and 7 % with 1 solve it)."
    )
    assert "In the end deeper networks are ahead nowhere." in index.answer(
        TABLE[TABLE["cell"] != "gru"], SOLVED, "delay"
    )


def test_the_map_has_a_row_a_network_and_a_mark_where_it_is_sure() -> None:
    early, last = index.draw(TABLE).axes
    assert [text.get_text() for text in early.get_yticklabels()] == [
        "rnn_tanh, 250: 2 against 1",
        "rnn_tanh, 250: 4 against 1",
        "gru, 250: 2 against 1",
        "gru, 250: 4 against 1",
    ]
    cells = {text.get_position(): text.get_text() for text in last.texts}
    assert cells[(2, 1)] == "10▼"
    assert cells[(2, 2)] == "90▲"
    assert cells[(1, 2)] == "50"
    assert {text.get_text() for text in early.texts if text.get_position()[1] == 1} == {"10▼"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return the committed studies without what `index` writes."""
    shutil.copytree(TOP / "reports/study", tmp_path, dirs_exist_ok=True)
    (tmp_path / "README.md").unlink()
    (tmp_path / "map.png").unlink()
    return tmp_path


def test_the_committed_page_is_made_from_the_committed_studies(folder: Path) -> None:
    index.write(folder)
    assert files(folder, ".") == files(TOP / "reports/study", ".")


def test_without_a_study_of_recall_there_is_no_map(folder: Path) -> None:
    for name in index.MAPPED:
        shutil.rmtree(folder / name, ignore_errors=True)
        (folder / name).mkdir()  # as a study leaves it that ends before it has written anything
    index.write(folder)
    assert not (folder / "map.png").exists()
    assert "- [mean](mean/README.md): Does" in (folder / "README.md").read_text()
