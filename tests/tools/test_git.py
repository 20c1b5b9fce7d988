import subprocess
from pathlib import Path

import pytest

from stages.errors import InputError
from tools.git import base_branch, image_folder


def git(folder: Path, *arguments: str) -> str:
    author = ["-c", "user.name=A Tester", "-c", "user.email=tester@example.org"]
    return subprocess.run(
        ["git", *author, *arguments], cwd=folder, check=True, capture_output=True, text=True
    ).stdout.strip()


@pytest.fixture
def clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand in a clone of a repository with one commit on its branch `trunk`."""
    monkeypatch.delenv("GITHUB_BASE_REF", raising=False)
    monkeypatch.delenv("GITHUB_REPOSITORY", raising=False)
    git(tmp_path, "init", "--quiet", "--initial-branch", "trunk", "origin")
    git(tmp_path / "origin", "commit", "--quiet", "--allow-empty", "--message", "One")
    git(tmp_path, "clone", "--quiet", "origin", "clone")
    monkeypatch.chdir(tmp_path / "clone")
    return tmp_path / "clone"


def test_the_base_is_the_remotes_branch(clone: Path) -> None:
    assert base_branch() == "origin/trunk"
    git(clone, "commit", "--quiet", "--allow-empty", "--message", "Mine")
    assert base_branch() == "origin/trunk"


def test_the_base_is_where_this_branch_left_when_the_other_went_on(clone: Path) -> None:
    left = git(clone, "rev-parse", "HEAD")
    git(clone, "commit", "--quiet", "--allow-empty", "--message", "Mine")
    git(clone.parent / "origin", "commit", "--quiet", "--allow-empty", "--message", "Theirs")
    git(clone, "fetch", "--quiet")
    assert base_branch() == left


def test_on_a_runner_the_base_is_the_pull_requests(clone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    git(clone.parent / "origin", "branch", "release")
    git(clone, "fetch", "--quiet")
    monkeypatch.setenv("GITHUB_BASE_REF", "release")
    assert base_branch() == "origin/release"
    monkeypatch.setenv("GITHUB_BASE_REF", "gone")
    with pytest.raises(InputError, match=r"no base branch: found none of origin/gone; name a revision"):
        base_branch()


def test_without_a_remote_the_base_is_main(clone: Path) -> None:
    git(clone, "remote", "remove", "origin")
    with pytest.raises(InputError, match="found none of origin/HEAD, main"):
        base_branch()
    git(clone, "branch", "main")
    assert base_branch() == "main"


def test_histories_with_nothing_in_common_have_no_base(clone: Path) -> None:
    git(clone, "checkout", "--quiet", "--orphan", "other")
    git(clone, "commit", "--quiet", "--allow-empty", "--message", "Other")
    with pytest.raises(InputError, match=r"origin/HEAD: no commit in common with HEAD; `git fetch"):
        base_branch()


@pytest.mark.parametrize(
    ("origin", "folder"),
    [
        ("https://github.com/an-owner/a-project.git", "https://github.com/an-owner/a-project/raw"),
        ("https://github.com/an-owner/a-project", "https://github.com/an-owner/a-project/raw"),
        ("git@github.com:an-owner/a-project.git", "https://github.com/an-owner/a-project/raw"),
        ("ssh://git@github.com/an-owner/a-project", "https://github.com/an-owner/a-project/raw"),
        ("https://example.org/an-owner/a-project.git", None),
        ("../origin", None),
    ],
)
def test_images_are_where_origin_is_if_that_is_github_and_has_the_commit(
    origin: str, folder: str | None, clone: Path
) -> None:
    git(clone, "remote", "set-url", "origin", origin)
    pushed = git(clone, "rev-parse", "HEAD")
    assert image_folder(pushed) == (folder and f"{folder}/{pushed}")
    git(clone, "commit", "--quiet", "--allow-empty", "--message", "Here alone")
    assert image_folder(git(clone, "rev-parse", "HEAD")) is None


def test_on_a_runner_images_are_at_its_own_server(clone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_REPOSITORY", "an-owner/a-project")
    monkeypatch.setenv("GITHUB_SERVER_URL", "https://github.example.org")
    assert image_folder("abc") == "https://github.example.org/an-owner/a-project/raw/abc"
