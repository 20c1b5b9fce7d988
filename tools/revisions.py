"""What a branch, tag, commit or experiment, or the workspace holds, read through DVC's Python API."""

import os
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import pandas as pd
from dvc.api import DVCFileSystem
from dvc.exceptions import DvcException
from dvc.scm import RevError

from stages import results
from stages.errors import InputError, one_line
from stages.results import DETAILS, FIGURES, PAGE, REPORTS, Estimate, Results
from stages.yaml12 import parse_yaml
from tools.git import git, git_or_nothing

T = TypeVar("T")
PIPELINE, PARAMS, LOCK = map(Path, ("dvc.yaml", "params.yaml", "dvc.lock"))
WORKSPACE = "workspace"  # DVC's name for the files as they lie here


class Revision(NamedTuple):
    """One side of a comparison.

    `commit` is the hash that holds its figures, None for a workspace that differs from HEAD. `params` are flat, with
    keys such as "train.lr". `losses` is that table of reports/. `figures` are the PNG files' bytes by their path.
    `not_run` are the params that have changed since the pipeline ran, so that what came out is not theirs.
    """

    name: str
    commit: str | None
    params: dict[str, Any]
    results: Results
    losses: pd.DataFrame
    figures: dict[Path, bytes]
    not_run: list[str]


def read_revision(name: str) -> Revision:
    """Return what the branch, tag, commit or experiment `name`, or the workspace, holds.

    Raises:
        InputError: it does not exist, has no reports of this pipeline, or they are damaged or not in the cache.
    """
    files = Files(name)
    files.read(PIPELINE, _mapping)  # where it is damaged DVC says that nothing exists
    params = flat(files.read(PARAMS, _mapping))
    ran = files.read(LOCK, _ran) if files.has(LOCK) else []
    return Revision(
        name=name[:7] if re.fullmatch(r"[0-9a-f]{40}", name) else name,
        commit=files.commit(),
        params=params,
        results=files.results(),
        losses=files.table("losses"),
        figures={path: files.read(path, bytes) for path in files.figures()},
        not_run=not_run(params, ran),
    )


def read_revisions(names: Iterable[str]) -> list[Revision]:
    """Return what those of the names hold that can be read; of the others, say why not in a line each on stderr."""
    revisions = []
    for name in names:
        try:
            revisions.append(read_revision(name))
        except InputError as error:
            print(error, file=sys.stderr)
    return revisions


class Files:
    """The files of a revision, those in DVC's cache among them."""

    def __init__(self, name: str) -> None:
        """Find the revision. Raises InputError where there is none of this name, or it holds no pipeline."""
        self.name = name
        try:
            # Of a file's or a folder's hash DVC would make a commit.
            if not name or git_or_nothing("cat-file", "-t", name) in ("blob", "tree"):
                raise RevError(name or "an empty name")
            self._files = DVCFileSystem(rev=None if name == WORKSPACE else name)
            self._repo = self._files.repo  # which is looked up only now
        except RevError:
            raise InputError(
                f"{name or 'an empty name'}: no such branch, tag, commit or finished experiment; "
                "`git branch -a` and `dvc exp list -A` show them"
            ) from None
        except DvcException as error:
            raise InputError(f"{name}: {one_line(error)}") from None
        if not self.has(PIPELINE):
            raise InputError(f"{name}: holds no pipeline, no {PIPELINE}; name another revision")

    def commit(self) -> str | None:
        """Return the hash of the commit that holds the reports, None where that of the workspace does not."""
        if self.name != WORKSPACE:
            return self._repo.get_rev()
        return None if git("status", "--porcelain", "--", str(REPORTS)) else git("rev-parse", "HEAD")

    def has(self, path: Path) -> bool:
        """Whether the revision names the file, in the cache or not."""
        files, place = self._place(path)
        return files.exists(place)

    def read(self, path: Path, parse: Callable[[bytes], T]) -> T:
        """Return what `parse` makes of a file.

        Raises:
            InputError: the file is not there or not in the cache, or `parse` raises ValueError or OverflowError.
        """
        files, place = self._place(path)
        try:
            if self.name == WORKSPACE and self._is_elsewhere(path):
                raise ValueError("a link out of the project")
            with files.open(place, "rb") as file:
                return parse(file.read())
        except FileNotFoundError:
            if self.has(path):
                raise InputError(
                    f"{self.name}: {path} is not in the DVC cache; `dvc fetch --all-commits` gets it"
                ) from None
            problem = f"has no {path}"
        except (OSError, ValueError, OverflowError, DvcException) as error:
            problem = f"{path} is damaged ({one_line(error)})"
        if path in (PIPELINE, PARAMS):
            remedy = "mend it" if self.name == WORKSPACE else "name another revision"
        else:
            rerun = "run the pipeline there and commit its reports"
            remedy = "`dvc repro` makes it" if self.name == WORKSPACE else rerun
        raise InputError(f"{self.name}: {problem}; {remedy}")

    def figures(self) -> list[Path]:
        """Return the paths of the figures, in the report's order."""
        page = self.read(PAGE, bytes) if self.has(PAGE) else b""
        paths = sorted(map(Path, self._files.glob(f"{FIGURES.as_posix()}/*.png")))
        return sorted(paths, key=lambda path: page.find(path.name.encode()))

    def results(self) -> Results:
        """Return reports/details.json."""
        return self.read(DETAILS, lambda content: results.parse(content.decode()))

    def table(self, name: str) -> pd.DataFrame:
        """Return a table of reports/."""
        return self.read(
            results.table_path(name), lambda content: results.parse_table(name, content.decode())
        )

    def _is_elsewhere(self, path: Path) -> bool:
        """Whether a file of the workspace lies behind a link that is not DVC's, into its cache."""
        place, cache = (Path(os.path.realpath(one)) for one in (path, self._repo.cache.local.path))
        return place != Path.cwd() / path and not place.is_relative_to(cache)

    def _place(self, path: Path) -> tuple[Any, str]:
        """Return a file system and where a file lies in it."""
        if path in (PIPELINE, PARAMS, LOCK):  # where one is damaged DVC says that nothing exists
            return self._repo.fs, self._repo.fs.join(self._repo.root_dir, str(path))
        return self._files, path.as_posix()


def _mapping(content: bytes) -> dict[str, Any]:
    mapping = parse_yaml(content.decode())
    if not isinstance(mapping, dict):
        raise ValueError("holds no names with values")
    return mapping


def _ran(content: bytes) -> list[tuple[str, str, Any]]:
    """Return each stage of a dvc.lock with the params that it ran with: "train@single", "models.single", its values."""

    def section(group: Any, key: str) -> dict[str, Any]:
        found = group.get(key) or {} if isinstance(group, dict) else group
        if not isinstance(found, dict):
            raise ValueError(f"{key}: found {found!r:.80}; allowed: names with values")
        return found

    return [
        (name, group, values)
        for name, stage in section(_mapping(content), "stages").items()
        for group, values in section(section(stage, "params"), str(PARAMS)).items()
    ]


def not_run(params: Mapping[str, Any], ran: Iterable[tuple[str, str, Any]]) -> list[str]:
    """Return the keys of params that no stage has run with.

    Args:
        params: flat.
        ran: the stages of dvc.lock, each with a group of params and the values that it ran with. Those of models that
            params.yaml no longer has are left there, with all that they ran with.
    """
    changed = set()
    for stage, group, values in ran:
        _, of_model, model = stage.partition("@")
        if of_model and not any(key.startswith(f"models.{model}.") for key in params):
            continue
        now = {key: value for key, value in params.items() if key == group or key.startswith(f"{group}.")}
        then = flat({group: values})
        if now:
            changed |= {key for key in now | then if now.get(key) != then.get(key)}
    return sorted(changed)


def flat(nested: Any, prefix: str = "") -> dict[str, Any]:
    """Return {"a": {"b": 1}} as {"a.b": 1}, and records likewise but for estimates, which stay whole."""
    if hasattr(nested, "_asdict") and not isinstance(nested, Estimate):
        nested = nested._asdict()
    if not isinstance(nested, Mapping):
        return {prefix.removesuffix("."): nested}
    pairs: dict[str, Any] = {}
    for key, value in nested.items():
        pairs |= flat(value, f"{prefix}{key}.")
    return pairs
