"""The pins: each with its reason, resolved to a lock that is closed, installed as it says and enough for all."""

import re
import subprocess
import sys
from functools import cache
from importlib import metadata

import pytest
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.conftest import TOP

PIN = re.compile(r"([a-z0-9.-]+)==([0-9][0-9a-z.]*) +# \S.*")
DIRECT = sorted(path.relative_to(TOP).as_posix() for path in TOP.glob("[st]*/**/requirements.in"))
LOCKS = ["requirements.txt", "tests/requirements.txt"]
CUDA = ("nvidia-", "cuda-", "triton")  # what torch's default build brings along, and its CPU build does not
INSTALLED = {canonicalize_name(one.name) for one in metadata.distributions()}
HERE = {key: str(value) for key, value in default_environment().items()}
SYSTEM = ("sys_platform", "platform_system", "os_name", "platform_machine")
SYSTEMS = [
    ("linux", "Linux", "posix", "aarch64"),
    ("darwin", "Darwin", "posix", "arm64"),
    ("win32", "Windows", "nt", "AMD64"),
]
ELSEWHERE = [
    HERE
    | dict(zip(SYSTEM, system, strict=True))
    | {"python_version": python, "python_full_version": f"{python}.0"}
    for system in SYSTEMS
    for python in ("3.11", "3.14")
]


def pins(name: str) -> dict[str, str]:
    """Return the versions that a requirements.in asks for."""
    lines = (TOP / name).read_text().splitlines()
    lines = [line for line in lines if line and not line.startswith(("#", "-r ", "-c "))]
    matches = [PIN.fullmatch(line) for line in lines]
    assert all(matches), [line for line, match in zip(lines, matches, strict=True) if not match]
    return {match[1]: match[2] for match in matches if match}


def lock(name: str, environment: dict[str, str] = HERE) -> dict[str, str]:
    """Return the versions that a lock has for a Python on a platform."""
    entries = [Requirement(line.split(" #")[0]) for line in (TOP / name).read_text().splitlines()]
    return {
        canonicalize_name(entry.name): str(entry.specifier).removeprefix("==")
        for entry in entries
        if entry.marker is None or entry.marker.evaluate(environment)
    }


@cache
def requirers(name: str) -> dict[str, set[str]]:
    """Return, of each package of a lock, those that the lock says it is there for."""
    lines = [line.split("# via ") for line in (TOP / name).read_text().splitlines()]
    return {canonicalize_name(Requirement(entry).name): set(via.split(", ")) for entry, via in lines}


@pytest.fixture(scope="module")
def locked() -> dict[str, str]:
    """Return both locks as one."""
    return lock(LOCKS[0]) | lock(LOCKS[1])


def closure(names: set[str], locked: dict[str, str], environment: dict[str, str] = HERE) -> set[str]:
    """Return `names` and all that they need, by the installed packages' own word, each checked against the lock.

    What is not installed, since it is for another platform, is taken to need nothing.
    """
    found: set[str] = set()
    waiting = [(canonicalize_name(name), frozenset[str]()) for name in names]
    while waiting:
        name, extras = waiting.pop()
        if name in found and not extras:
            continue
        found.add(name)
        for text in requirements(name):
            need = Requirement(text)
            needed = canonicalize_name(need.name)
            markers = [environment | {"extra": extra} for extra in extras | {""}]
            applies = need.marker is None or any(map(need.marker.evaluate, markers))
            if applies and not needed.startswith(CUDA):
                assert need.specifier.contains(locked[needed], prereleases=True), f"{name} needs {text}"
                waiting.append((needed, frozenset(need.extras)))
    return found


@cache
def requirements(name: str) -> list[str]:
    """Return what an installed package says that it needs."""
    try:
        return metadata.requires(name) or []
    except metadata.PackageNotFoundError:
        return []


def test_what_is_asked_for_is_locked_as_it_is_asked_for(locked: dict[str, str]) -> None:
    for name in [*DIRECT, "requirements.in"]:
        for package, version in pins(name).items():
            assert locked[canonicalize_name(package)] == version, f"{name}: {package}"


def test_what_is_installed_is_what_is_locked(locked: dict[str, str]) -> None:
    installed = {name: metadata.version(name).split("+")[0] for name in locked}
    assert installed == locked


@pytest.mark.parametrize("environment", [HERE, *ELSEWHERE])
def test_the_lock_is_closed_and_holds_nothing_else(environment: dict[str, str]) -> None:
    of_tests = pins("tests/requirements.in").keys()
    of_stages = {name for path in (*DIRECT, "requirements.in") for name in pins(path)} - of_tests
    for names, name in zip((of_stages, set(of_tests)), LOCKS, strict=True):
        locked = lock(name, environment)
        # What is not installed, since it is for another Python, does not say what it needs; the lock does.
        for package in locked.keys() - closure(names, locked, environment):
            assert not requirers(name)[package] & INSTALLED, package


def test_a_lock_names_no_host_and_no_cuda() -> None:
    for name in LOCKS:
        text = (TOP / name).read_text()
        assert "://" not in text and "--index" not in text
        assert not re.search(rf"^({'|'.join(CUDA)})", text, re.MULTILINE)
    assert "torch==2.13.0 " in (TOP / "requirements.txt").read_text()


@pytest.mark.slow
def test_the_stages_import_nothing_beyond_the_lock() -> None:
    code = (
        "import sys, stages.generate.__main__, stages.train.__main__, stages.evaluate.__main__, "
        "stages.plot.__main__, tools.review.__main__; print(*{name.partition('.')[0] for name in sys.modules})"
    )
    imported = subprocess.run(
        [sys.executable, "-c", code], cwd=TOP, check=True, capture_output=True, text=True
    ).stdout
    owners = metadata.packages_distributions()
    needed = {canonicalize_name(owner) for name in imported.split() for owner in owners.get(name, [])}
    assert {"numpy", "pandas"} <= needed <= lock("requirements.txt").keys()
