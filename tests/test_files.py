"""A file is written whole or not at all."""

from pathlib import Path

import pytest

from stages import files


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    files.write_text(path, "old\n")
    with pytest.raises(ZeroDivisionError), files.replacing(path) as partial:
        partial.write_text("half")
        raise ZeroDivisionError
    assert [(found.name, found.read_bytes()) for found in tmp_path.iterdir()] == [("a.txt", b"old\n")]


def test_tables_have_a_folder_made_for_them_and_end_lines_alike(tmp_path: Path) -> None:
    path = tmp_path / "new" / "t.csv"
    files.write_csv(path, ("a", "b"), [("x", 1), ("y", "")])
    assert path.read_bytes() == b"a,b\nx,1\ny,\n"
