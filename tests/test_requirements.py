"""The pins: exact, each with its reason, installed as they say, and enough on their own to run every stage."""

import re
import subprocess
import sys
from importlib import metadata

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.conftest import TOP

PIN = re.compile(r"([a-z0-9.-]+)==([0-9][0-9a-z.]*) +# \S.*")


def pins(name: str) -> dict[str, str]:
    lines = [line for line in (TOP / name).read_text().splitlines() if line and not line.startswith("#")]
    matches = [PIN.fullmatch(line) for line in lines]
    assert all(matches), [line for line, match in zip(lines, matches, strict=True) if not match]
    return {match[1]: match[2] for match in matches if match}


def closure(names: set[str]) -> set[str]:
    """Return `names` and all that they need, by the installed packages' own word."""
    found: set[str] = set()
    waiting = [(canonicalize_name(name), frozenset[str]()) for name in names]
    while waiting:
        name, extras = waiting.pop()
        if name in found and not extras:
            continue
        found.add(name)
        for text in metadata.requires(name) or []:
            need = Requirement(text)
            if need.marker is None or any(need.marker.evaluate({"extra": extra}) for extra in extras | {""}):
                waiting.append((canonicalize_name(need.name), frozenset(need.extras)))
    return found


@pytest.mark.parametrize("name", ["requirements.txt", "tests/requirements.txt"])
def test_what_is_installed_is_what_is_pinned(name: str) -> None:
    for package, version in pins(name).items():
        assert metadata.version(package).split("+")[0] == version, package


def test_torch_is_pinned_as_promised() -> None:
    assert "torch==2.13.0 " in (TOP / "requirements.txt").read_text()


def test_the_stages_import_nothing_beyond_the_pins() -> None:
    code = (
        "import sys, stages.generate.__main__, stages.train.__main__, stages.evaluate.__main__, "
        "stages.plot.__main__, stages.review.__main__; print(*{name.partition('.')[0] for name in sys.modules})"
    )
    imported = subprocess.run(
        [sys.executable, "-c", code], cwd=TOP, check=True, capture_output=True, text=True
    ).stdout
    owners = metadata.packages_distributions()
    allowed = closure(set(pins("requirements.txt")))
    needed = {canonicalize_name(owner) for name in imported.split() for owner in owners.get(name, [])}
    assert {"torch", "numpy", "pandas"} <= needed
    assert needed - allowed == set()
