"""What a revision says: its params, metrics, loss curves and figures, read through DVC's Python API."""

import contextlib
import json
import os
import re
from collections.abc import Callable, Mapping
from pathlib import PurePosixPath
from typing import Any, NamedTuple, TypeVar

import pandas as pd
from ruamel.yaml import YAML, YAMLError

from stages.errors import InputError
from stages.results import FIGURES, METRICS, REPORTS
from tools.git import git

T = TypeVar("T")
LOSSES = REPORTS / "losses.csv"
PIPELINE, PARAMS, LOCK = "dvc.yaml", "params.yaml", "dvc.lock"
WORKSPACE = "workspace"  # DVC's name for the files as they lie here


class Revision(NamedTuple):
    """One side of a comparison.

    `commit` is the hash that holds its figures, None for a workspace that differs from HEAD. `params` and
    `metrics` are flat, with keys such as "train.lr" and "stacked_vs_single.test.p". `losses` has the columns
    model, epoch, median, q25, q75. `figures` are the PNG files' bytes by their path, in dvc.yaml's order.
    `not_run` are the params that have changed since the pipeline ran, so that what came out is not theirs.
    """

    name: str
    commit: str | None
    params: dict[str, Any]
    metrics: dict[str, Any]
    losses: pd.DataFrame
    figures: dict[str, bytes]
    not_run: list[str]


def read_revision(name: str) -> Revision:
    """Return what the branch, tag, commit or experiment `name`, or the workspace, holds.

    Raises:
        InputError: it does not exist, has no reports of this pipeline, or they are damaged or not in the cache.

    """
    # DVC takes a second to import: only who reads pays for it, not who asks for --help.
    from dvc.exceptions import DvcException

    files = _files(name)
    # DVC says that nothing exists where one of these is damaged, so they are read past it.
    past_dvc, top = files.repo.fs, files.repo.root_dir
    at = {path: past_dvc.join(top, path) for path in (PIPELINE, PARAMS, LOCK)}
    mend = "mend it" if name == WORKSPACE else "name another revision"
    rerun = "`dvc repro` makes it" if name == WORKSPACE else "run the pipeline there and commit its reports"

    def read(path: str, parse: Callable[[Any], T], remedy: str) -> T:
        """Return what the file at `path` says; it must be there, and parse."""
        try:
            with past_dvc.open(at[path]) if path in at else files.open(path) as file:
                return parse(file)
        except FileNotFoundError:
            if path not in at and files.exists(path):
                problem = f"{path} is not in the DVC cache; `dvc fetch --all-commits` gets it"
            else:
                problem = f"has no {path}; {remedy}"
        except (OSError, YAMLError, ValueError, KeyError) as error:
            problem = f"{path} is damaged ({_one_line(error)}); {remedy}"
        except DvcException as error:
            problem = f"{_one_line(error)}; {mend}"
        raise InputError(f"{name}: {problem}")

    if not past_dvc.exists(at[PIPELINE]):
        raise InputError(f"{name}: holds no pipeline, no {PIPELINE}; name another revision")
    pipeline = read(PIPELINE, _mapping, mend)
    params = flat(read(PARAMS, _mapping, mend))
    lock = read(LOCK, _mapping, rerun) if past_dvc.exists(at[LOCK]) else {}
    metrics = read(METRICS.as_posix(), _metrics, rerun)
    figures = [path for path in _figures(pipeline) if files.exists(path)]
    return Revision(
        name=short(name),
        commit=files.repo.get_rev() if name != WORKSPACE else _commit_of_workspace(),
        params=params,
        metrics=metrics,
        losses=read(LOSSES.as_posix(), _losses, rerun),
        figures={path: read(path, lambda file: file.read(), rerun) for path in figures},
        not_run=not_run(params, lock.get("stages", {})),
    )


def _files(name: str) -> Any:
    """Return the files of a revision, those in DVC's cache among them, as dvc.api's file system."""
    from dvc.api import DVCFileSystem
    from dvc.exceptions import DvcException
    from dvc.scm import RevError

    try:
        # Of a file's or a folder's hash DVC would make a commit.
        if not name or _git("cat-file", "-t", name) in ("blob", "tree"):
            raise RevError(name or "an empty name")
        files = DVCFileSystem(rev=None if name == WORKSPACE else name)
        files.repo  # noqa: B018 - which is looked up only now
    except RevError:
        raise InputError(
            f"{name or 'an empty name'}: no such branch, tag, commit or finished experiment; "
            "`git branch -a` and `dvc exp list -A` show them"
        ) from None
    except DvcException as error:
        raise InputError(f"{name}: {_one_line(error)}") from None
    return files


def _mapping(file: Any) -> dict[str, Any]:
    content = YAML(typ="safe").load(file)
    if not isinstance(content, dict):
        raise ValueError("holds no names with values")
    return content


def _metrics(file: Any) -> dict[str, Any]:
    """Return the metrics that are not null, flat; all are numbers but the verdicts."""
    content = json.load(file)
    if not isinstance(content, dict):
        raise ValueError("holds no names with values")
    metrics = {key: value for key, value in flat(content).items() if value is not None}
    for key, value in metrics.items():
        if not isinstance(value, str if key.endswith(".verdict") else int | float):
            raise ValueError(f"{key}: found {value!r}")
    return metrics


def _losses(file: Any) -> pd.DataFrame:
    types = {"model": str, "epoch": int, "median": float, "q25": float, "q75": float}
    return pd.read_csv(file, dtype=types)[list(types)]


def not_run(params: Mapping[str, Any], stages: Mapping[str, Any]) -> list[str]:
    """Return the keys of params that no stage has run with.

    Args:
        params: flat.
        stages: those of dvc.lock, each of which has the params that it ran with. Of a model that params.yaml no
            longer has, a stage is left there.

    """
    changed = set()
    for stage in stages.values():
        for group, values in stage.get("params", {}).get(PARAMS, {}).items():
            now = {key: value for key, value in params.items() if key == group or key.startswith(f"{group}.")}
            then = flat({group: values})
            if now:
                changed |= {key for key in now | then if now.get(key) != then.get(key)}
    return sorted(changed)


def flat(nested: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return {"a": {"b": 1}} as {"a.b": 1}."""
    pairs: dict[str, Any] = {}
    for key, value in nested.items():
        pairs |= flat(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {f"{prefix}{key}": value}
    return pairs


def short(name: str) -> str:
    """Return a full commit hash as its first seven digits, another name as it is."""
    return name[:7] if re.fullmatch(r"[0-9a-f]{40}", name) else name


def base_branch() -> str:
    """Return the base branch, or the commit where HEAD left it if it went on since: a pull request's diff.

    The base branch is the pull request's on a runner (GITHUB_BASE_REF), else the one that the remote calls
    its HEAD, else main.

    Raises:
        InputError: there is none, or no commit is common.

    """
    wanted = os.environ.get("GITHUB_BASE_REF")
    candidates = [f"origin/{wanted}"] if wanted else ["origin/HEAD", "main"]
    for candidate in candidates:
        if _git("rev-parse", "--verify", "--quiet", f"{candidate}^{{commit}}"):
            left = _git("merge-base", candidate, "HEAD")
            if not left:
                raise InputError(
                    f"{candidate}: no commit in common with HEAD; `git fetch --unshallow` gets a clone's history"
                )
            branch = _git("rev-parse", "--abbrev-ref", candidate)
            return branch if left == _git("rev-parse", candidate) else left
    raise InputError(
        f"no base branch: found none of {', '.join(candidates)}; name a revision to compare with"
    )


def image_folder(commit: str) -> str | None:
    """Return the address under which GitHub shows a commit's files; None where origin is elsewhere or lacks it."""
    if "GITHUB_REPOSITORY" in os.environ:
        server = os.environ.get("GITHUB_SERVER_URL", "https://github.com")
        return f"{server}/{os.environ['GITHUB_REPOSITORY']}/raw/{commit}"
    if not _git("branch", "--remotes", "--contains", commit):
        return None
    origin = re.fullmatch(
        r"(?:https://|ssh://git@|git@)github\.com[:/](.+?)(?:\.git)?/?", _git("remote", "get-url", "origin")
    )
    return f"https://github.com/{origin[1]}/raw/{commit}" if origin else None


def _commit_of_workspace() -> str | None:
    """Return HEAD's hash where the reports here are the committed ones."""
    return None if _git("status", "--porcelain", "--", REPORTS.as_posix()) else _git("rev-parse", "HEAD")


def _figures(pipeline: Mapping[str, Any]) -> list[str]:
    """Return the figures that dvc.yaml names under `plots`."""
    paths = [plot for plot in pipeline.get("plots") or [] if isinstance(plot, str)]
    return [path for path in paths if PurePosixPath(path).is_relative_to(FIGURES)]


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__


def _git(*arguments: str) -> str:
    """Return git's answer, empty where it has none."""
    with contextlib.suppress(InputError):
        return git(*arguments)
    return ""
