"""A file is written whole or not at all."""

import errno
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


def test_two_writers_at_once_leave_one_whole_file_and_a_link_is_not_followed(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    with files.replacing(path) as first:
        first.write_text("the first,")
        with files.replacing(path) as second:
            second.write_text("the second")
        assert path.read_text() == "the second"
        first.write_text("the first, whole")
    assert [(found.name, found.read_text()) for found in tmp_path.iterdir()] == [
        ("a.txt", "the first, whole")
    ]
    (tmp_path / "elsewhere").write_text("mine")
    path.unlink()
    path.symlink_to(tmp_path / "elsewhere")
    files.write_text(path, "new")
    assert (path.is_symlink(), path.read_text(), (tmp_path / "elsewhere").read_text()) == (
        False,
        "new",
        "mine",
    )


def test_what_cannot_be_written_names_the_file_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(files.os, "fsync", full)
    with pytest.raises(OSError) as caught:
        files.write_text(tmp_path / "a.txt", "text")
    assert caught.value.filename == str(tmp_path / "a.txt")
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_written_is_told_before_there_is_anything_to_write(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("old")
    files.try_to_write(tmp_path / "a.txt", tmp_path / "new/b.txt")
    assert (tmp_path / "a.txt").read_text() == "old" and not list((tmp_path / "new").iterdir())
    for path in (tmp_path / "new", tmp_path / "a.txt/b.txt"):
        with pytest.raises(OSError) as caught:
            files.try_to_write(path)
        assert str(caught.value.filename).startswith(str(tmp_path))


def test_tables_have_a_folder_made_for_them_and_end_lines_alike(tmp_path: Path) -> None:
    path = tmp_path / "new" / "t.csv"
    files.write_csv(path, ("a", "b"), [("x", 1), ("y", "")])
    assert path.read_bytes() == b"a,b\nx,1\ny,\n"
