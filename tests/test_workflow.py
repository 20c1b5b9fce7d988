"""The workflow of a pull request: valid, with the least permissions, and its steps do what they say."""

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from stages.yaml12 import parse_yaml
from tests.conftest import TOP, Run
from tools.prove import words

WORKFLOW = TOP / ".github/workflows/pipeline.yaml"
MARKER = "<!-- tools.review -->"  # by which the workflow finds its own comment
# Stands for GitHub's own: notes each call, and answers the question for comments from $COMMENTS.
GH = f"""#!{sys.executable}
import json, os, sys
with open(os.environ["CALLS"], "a") as calls:
    calls.write(json.dumps(sys.argv[1:]) + "\\n")
if "--jq" in sys.argv:
    print(os.environ["COMMENTS"], end="")
"""


@pytest.fixture(scope="module")
def workflow() -> dict[str, Any]:
    return parse_yaml(WORKFLOW.read_text())


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Return a runner's environment; its files lie in `tmp_path`."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/gh").write_text(GH)
    (tmp_path / "bin/gh").chmod(0o755)
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("GITHUB_", "PYTEST_"))}
    return kept | {
        "PATH": f"{tmp_path / 'bin'}{os.pathsep}{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "CALLS": str(tmp_path / "calls"),
        "COMMENTS": "",
        "GITHUB_BASE_REF": "main",
        "GITHUB_OUTPUT": str(tmp_path / "output"),
        "GITHUB_REPOSITORY": "an-owner/a-project",
        "GITHUB_SERVER_URL": "https://github.com",
        "GITHUB_STEP_SUMMARY": str(tmp_path / "summary"),
        "RUNNER_TEMP": str(tmp_path),
    }


def set_up(project: Path) -> Path:
    """Make the project a checkout that `make` has set up."""
    for name in ("Makefile", "tests/requirements.txt"):
        (project / name).parent.mkdir(exist_ok=True)
        shutil.copy(TOP / name, project / name)
    (project / "tests/test_nothing.py").write_text("def test_nothing():\n    pass\n")
    # What `make` would install is the environment that runs this test.
    (project / ".venv").mkdir()
    for path in Path(sys.prefix).iterdir():
        (project / ".venv" / path.name).symlink_to(path)
    for stamp in ("run-time", "tests"):
        (project / ".venv" / stamp).unlink(missing_ok=True)
        (project / ".venv" / stamp).touch()
    return project


@pytest.fixture
def checkout(project: Path) -> Path:
    return set_up(project)


@pytest.fixture
def request_branch(idea: Path, run: Run, tmp_path: Path) -> Path:
    """Return a checkout as the workflow makes it, of a branch that commits an idea's results."""
    checkout = set_up(Path(shutil.copytree(idea, tmp_path / "project", symlinks=True)))
    done = run(
        "git branch --move --force main && git update-ref refs/remotes/origin/main HEAD "
        "&& git add --all && git commit --quiet --message Idea && git checkout --quiet --detach",
        checkout,
    )
    assert done.returncode == 0, done.stderr
    return checkout


def step(workflow: dict[str, Any], job: str, name: str) -> dict[str, Any]:
    return next(step for step in workflow["jobs"][job]["steps"] if step.get("name") == name)


def execute(
    step: dict[str, Any], folder: Path, environment: dict[str, str]
) -> subprocess.CompletedProcess[str]:
    """Run a step's script as a runner does."""
    strict = ["--noprofile", "--norc", "-eo", "pipefail"] if step.get("shell") == "bash" else ["-e"]
    return subprocess.run(
        ["bash", *strict, "-c", step["run"]], cwd=folder, env=environment, capture_output=True, text=True
    )


def calls(environment: dict[str, str]) -> list[list[str]]:
    return [json.loads(line) for line in Path(environment["CALLS"]).read_text().splitlines()]


def output(environment: dict[str, str]) -> str:
    """Return the text that the step named Review leaves for the other job."""
    left = Path(environment["GITHUB_OUTPUT"]).read_text()
    match = re.fullmatch(r"text<<(end-[0-9a-f]{40})\n(.*\n)\1\n", left, re.DOTALL)
    assert match
    return match[2]


def test_it_is_valid() -> None:
    done = subprocess.run(
        [
            *(sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.github-workflows"),
            str(WORKFLOW),
        ],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout


def test_it_asks_for_no_more_than_it_needs(workflow: dict[str, Any]) -> None:
    assert workflow["on"] == "pull_request"
    assert workflow["permissions"] == {}
    assert {name: job["permissions"] for name, job in workflow["jobs"].items()} == {
        "results": {"contents": "read"},
        "elsewhere": {"contents": "read"},
        "comment": {"pull-requests": "write"},
    }
    used = [step["uses"] for job in workflow["jobs"].values() for step in job["steps"] if "uses" in step]
    assert {name.partition("/")[0] for name in used} == {"actions"}
    # The job that may write runs nothing of the request's.
    assert [step.get("uses") for step in workflow["jobs"]["comment"]["steps"]] == [None]
    for job in ("results", "elsewhere"):
        assert workflow["jobs"][job]["steps"][0]["with"]["persist-credentials"] is False
    assert "secrets." not in WORKFLOW.read_text()


def test_texts_of_the_request_enter_scripts_through_variables_alone(workflow: dict[str, Any]) -> None:
    scripts = [step["run"] for job in workflow["jobs"].values() for step in job["steps"] if "run" in step]
    assert len(scripts) == 9
    assert not any("${{" in script for script in scripts)


def test_the_oldest_and_the_newest_python_are_tested_and_one_job_alone_comments(
    workflow: dict[str, Any],
) -> None:
    oldest = workflow["jobs"]["results"]["steps"][1]["with"]["python-version"]
    newest = max(leg["python"] for leg in workflow["jobs"]["elsewhere"]["strategy"]["matrix"]["include"])
    allowed = tomllib.loads((TOP / "pyproject.toml").read_text())["project"]["requires-python"]
    assert allowed == f">={oldest},<3.{int(newest.removeprefix('3.')) + 1}"
    assert workflow["jobs"]["comment"]["needs"] == "results"
    assert "strategy" not in workflow["jobs"]["results"]


def test_it_looks_at_the_requests_own_commit_with_its_history_and_pips_cache(
    workflow: dict[str, Any],
) -> None:
    checkout, python = (step["with"] for step in workflow["jobs"]["results"]["steps"][:2])
    assert (checkout["ref"], checkout["fetch-depth"]) == ("${{ github.event.pull_request.head.sha }}", 0)
    assert python["cache"] == "pip"
    assert all((TOP / path).is_file() for path in python["cache-dependency-path"].split())


def test_it_runs_what_a_change_must_pass(workflow: dict[str, Any]) -> None:
    checks = re.findall(r"^make \w+$", (TOP / ".ci/run").read_text(), re.MULTILINE)
    assert checks == ["make lint", "make test"]
    assert [step(workflow, "results", name)["run"] for name in ("Lint", "Tests")] == checks


def test_proof_and_review_are_made_whatever_the_tests_say(workflow: dict[str, Any]) -> None:
    assert step(workflow, "results", "Set up")["id"] == "setup"
    for name in ("Proof", "Review"):
        condition = step(workflow, "results", name)["if"]
        assert condition == "${{ !cancelled() && steps.setup.outcome == 'success' }}"


@pytest.mark.slow
def test_a_base_that_cannot_be_read_leaves_the_proof_to_be_posted(
    workflow: dict[str, Any], checkout: Path, environment: dict[str, str], run: Run, tmp_path: Path
) -> None:
    branch = "$(touch${IFS}injected)`touch${IFS}injected`;'<b>"
    empty = "git commit-tree $(git mktree </dev/null) -m Empty"
    done = run(f'git update-ref "refs/remotes/origin/$BRANCH" $({empty})', checkout, BRANCH=branch)
    assert done.returncode == 0, done.stderr
    environment |= {"GITHUB_BASE_REF": branch}
    (tmp_path / "proof.md").write_text("**Proved.**\n")
    done = execute(step(workflow, "results", "Review"), checkout, environment)
    assert done.returncode == 0, done.stderr
    summary = Path(environment["GITHUB_STEP_SUMMARY"]).read_text()
    assert summary.startswith(
        f"{MARKER}\n\n**Proved.**\n\nNo review:\n\n```\norigin/{branch}: no commit in common"
    )
    assert summary.endswith("\n```\n")
    assert output(environment) == summary
    assert not [*checkout.rglob("injected"), *tmp_path.rglob("injected")]


def test_a_fork_gets_no_comment(workflow: dict[str, Any]) -> None:
    condition = workflow["jobs"]["comment"]["if"]
    assert "github.event.pull_request.head.repo.full_name == github.repository" in condition
    assert "github.actor != 'dependabot[bot]'" in condition
    assert "always()" not in WORKFLOW.read_text()


@pytest.mark.slow
def test_an_honest_request_is_tested_proved_and_reviewed(
    workflow: dict[str, Any], request_branch: Path, environment: dict[str, str], run: Run
) -> None:
    """Proved: what DVC runs from nothing has the bytes, by the lock's hashes, of what the tests ran in one process."""
    for name in ("Set up", "Tests", "Proof", "Review"):
        done = execute(step(workflow, "results", name), request_branch, environment)
        assert done.returncode == 0, (name, done.stdout, done.stderr)
    summary = Path(environment["GITHUB_STEP_SUMMARY"]).read_text()
    assert {"| evaluate.solved_r2 | 0.9 | 0.8 |", "| models.stacked.num_layers | 2 | 3 |"} < {
        *summary.splitlines()
    }
    head, base = run("git rev-parse HEAD origin/main", request_branch).stdout.split()
    title = f"## Review: workspace ({head[:7]}) against origin/main ({base[:7]})"
    assert summary.startswith(f"{MARKER}\n\n{words(head[:7], [])}\n\n{title}\n")
    assert output(environment) == summary


def test_a_failed_proof_fails_its_step_and_keeps_its_words(
    workflow: dict[str, Any], environment: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "Makefile").write_text("prove:\n\t@echo '**Not proved.**'; exit 1\n")
    done = execute(step(workflow, "results", "Proof"), tmp_path, environment)
    assert done.returncode != 0
    assert (tmp_path / "proof.md").read_text() == "**Not proved.**\n"


@pytest.mark.parametrize("there", ["", "17\n42\n"])
def test_one_comment_is_posted_then_updated(
    there: str, workflow: dict[str, Any], environment: dict[str, str], tmp_path: Path
) -> None:
    review = f'{MARKER}\n\n## "quoted" $(touch injected) `too`\n'
    environment |= {"COMMENTS": there, "NUMBER": "7", "REVIEW": review}
    (post,) = workflow["jobs"]["comment"]["steps"]
    done = execute(post, tmp_path, environment)
    assert done.returncode == 0, done.stderr
    asked, sent = calls(environment)
    assert "repos/an-owner/a-project/issues/7/comments" in asked
    assert MARKER in asked[asked.index("--jq") + 1]
    assert f"body={review}" in sent
    if there:
        assert sent[:4] == ["api", "--method", "PATCH", "repos/an-owner/a-project/issues/comments/42"]
    else:
        assert sent[:4] == ["api", "--method", "POST", "repos/an-owner/a-project/issues/7/comments"]
    assert not (tmp_path / "injected").exists()


@pytest.mark.parametrize("line", ["| x |", "| \N{EM DASH} \N{BLACK UP-POINTING TRIANGLE} |"])
def test_a_comment_is_cut_to_whole_lines_before_a_variable_or_github_would_refuse_it(
    line: str, workflow: dict[str, Any], environment: dict[str, str], run: Run, tmp_path: Path
) -> None:
    """A variable holds 128 KiB, a comment 65,536 characters."""
    (tmp_path / "lines").write_text(f"{line}\n" * 200_000)
    python = tmp_path / ".venv/bin/python"
    python.parent.mkdir(parents=True)
    python.write_text(f"#!/bin/sh\ncat {tmp_path / 'lines'}\n")
    python.chmod(0o755)
    (tmp_path / "proof.md").write_text("**Proved.**\n")
    author = "-c user.name=A -c user.email=a@example.org"
    run(f"git init --quiet && git {author} commit --quiet --allow-empty --message One", tmp_path)
    done = execute(step(workflow, "results", "Review"), tmp_path, environment)
    assert (done.returncode, done.stderr) == (0, "")
    assert Path(environment["GITHUB_STEP_SUMMARY"]).read_text().count(line) == 200_000
    text = output(environment)
    head, note = text.split(f"\n\n{line}\n", 1)[0], text.splitlines()[-1]
    assert (head, note) == (f"{MARKER}\n\n**Proved.**", "The rest is in the summary of this run.")
    assert set(text.splitlines()[4:-2]) == {line}
    assert 64_000 < len(text.encode()) < 65_536
    environment |= {"NUMBER": "7", "REVIEW": text}
    assert execute(workflow["jobs"]["comment"]["steps"][0], tmp_path, environment).returncode == 0
    assert f"body={text}" in calls(environment)[-1]


@pytest.mark.skipif(shutil.which("jq") is None, reason="no jq to try the filter with")
def test_only_the_workflows_own_comment_is_updated(
    workflow: dict[str, Any], environment: dict[str, str], tmp_path: Path
) -> None:
    environment |= {"NUMBER": "7", "REVIEW": "text"}
    execute(workflow["jobs"]["comment"]["steps"][0], tmp_path, environment)
    asked = calls(environment)[0]
    comments = [
        {"id": 1, "user": {"login": "someone"}, "body": f"{MARKER}\n"},
        {"id": 2, "user": {"login": "github-actions[bot]"}, "body": "another workflow's"},
        {"id": 3, "user": {"login": "github-actions[bot]"}, "body": f"{MARKER}\n\n## Review"},
    ]
    done = subprocess.run(
        ["jq", asked[asked.index("--jq") + 1]], input=json.dumps(comments), capture_output=True, text=True
    )
    assert done.stdout == "3\n"
