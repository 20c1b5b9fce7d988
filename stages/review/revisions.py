"""What a revision says: its params, metrics, loss curves and figures, read through DVC's Python API."""

import json
import os
import re
import subprocess
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any, NamedTuple

import pandas as pd
from ruamel.yaml import YAML, YAMLError

from stages.errors import InputError
from stages.files import FIGURES, METRICS, REPORTS

LOSSES = REPORTS / "losses.csv"
PARAMS = "params.yaml"
LOCK = "dvc.lock"
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
    from dvc.api import DVCFileSystem
    from dvc.exceptions import DvcException
    from dvc.scm import RevError

    rev = None if name == WORKSPACE else name
    path, remedy = PARAMS, "mend it"
    try:
        files = DVCFileSystem(rev=rev)
        # dvc.api.params_show(rev=...) would read the workspace too, and fail where that is damaged.
        params = files.repo.params.show(on_error="raise")[""]["data"].get(path, {}).get("data")
        if not params:
            raise InputError(f"{name}: holds no pipeline, no dvc.yaml with {path}; name another revision")
        remedy = "`dvc repro` makes it" if rev is None else "run the pipeline there and commit its reports"
        path = METRICS.as_posix()
        metrics = json.loads(files.read_text(path))
        path = LOSSES.as_posix()
        with files.open(path) as file:
            losses = pd.read_csv(file)[["model", "epoch", "median", "q25", "q75"]]
        path = FIGURES.as_posix()
        figures = {path: files.read_bytes(path) for path in _figures(files)}
        path = LOCK
        lock = YAML(typ="safe").load(files.read_text(path)) if files.exists(path) else {}
    except RevError:
        raise InputError(
            f"{name}: no such branch, tag, commit or finished experiment; "
            "`git branch -a` and `dvc exp list -A` show them"
        ) from None
    except FileNotFoundError:
        if files.exists(path):
            raise InputError(
                f"{name}: {path} is not in the DVC cache; `dvc fetch --all-commits` gets it"
            ) from None
        raise InputError(f"{name}: has no {path}; {remedy}") from None
    except (DvcException, YAMLError, ValueError, KeyError) as error:
        raise InputError(f"{name}: {path} is damaged ({_one_line(error)}); {remedy}") from None
    return Revision(
        name=short(name),
        commit=files.repo.get_rev() if rev else _commit_of_workspace(),
        params=flat(params),
        metrics={key: value for key, value in flat(metrics).items() if value is not None},
        losses=losses,
        figures=figures,
        not_run=not_run(flat(params), lock.get("stages", {})),
    )


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


def image_folder() -> str | None:
    """Return the address under which GitHub shows files by commit; None where origin is elsewhere."""
    if "GITHUB_REPOSITORY" in os.environ:
        server = os.environ.get("GITHUB_SERVER_URL", "https://github.com")
        return f"{server}/{os.environ['GITHUB_REPOSITORY']}/raw"
    origin = re.fullmatch(
        r"(?:https://|ssh://git@|git@)github\.com[:/](.+?)(?:\.git)?/?", _git("remote", "get-url", "origin")
    )
    return f"https://github.com/{origin[1]}/raw" if origin else None


def _commit_of_workspace() -> str | None:
    """Return HEAD's hash where the reports here are the committed ones."""
    return None if _git("status", "--porcelain", "--", REPORTS.as_posix()) else _git("rev-parse", "HEAD")


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__


def _figures(files: Any) -> list[str]:
    """Return the figures that dvc.yaml names under `plots` and that are there."""
    plots = YAML(typ="safe").load(files.read_text("dvc.yaml")).get("plots") or []
    paths = [plot for plot in plots if isinstance(plot, str)]
    return [path for path in paths if PurePosixPath(path).is_relative_to(FIGURES) and files.exists(path)]


def _git(*arguments: str) -> str:
    """Return git's answer, empty where it has none."""
    return subprocess.run(["git", *arguments], capture_output=True, text=True, check=False).stdout.strip()
