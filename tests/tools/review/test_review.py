"""The command, on a tiny project with an experiment and with branches that cannot be compared."""

import re
import shutil
from pathlib import Path

import pytest

from stages.plot.figures import FIGURES
from tests.conftest import Run, change
from tests.tools.conftest import Review

pytestmark = pytest.mark.usefixtures("no_vega")


@pytest.fixture
def project(compared: Path, tmp_path: Path) -> Path:
    """Return a copy of the project, free to be changed."""
    return Path(shutil.copytree(compared, tmp_path / "project", symlinks=True))


def commit(folder: Path, revision: str, run: Run) -> str:
    return run(f"git rev-parse {revision}", folder).stdout.strip()


def test_by_default_the_workspace_is_compared_with_the_base_branch(compared: Path, run: Run) -> None:
    done = run("python -m tools.review", compared)
    assert (done.returncode, done.stderr) == (0, "")
    main = commit(compared, "main", run)[:7]
    assert done.stdout == (
        f"## Review: workspace ({main}) against main ({main})\n\n"
        "- workspace: the same params, metrics, loss curves and figures\n"
    )


def test_an_experiment_is_shown_with_what_it_changed_and_what_came_of_it(
    compared: Path, run: Run, review: Review
) -> None:
    code, out, err = review(compared, "main", "idea")
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert "| models.stacked.num_layers | 2 | 3 |" in lines
    assert "| evaluate.solved_r2 | 0.9 | 0.8 |" in lines
    (question,) = [line for line in lines if line.startswith("| stacked vs single (the primary question) |")]
    assert question.count("too few replicates") == 2
    idea = run("git for-each-ref --format '%(objectname)' 'refs/exps/*/*/idea'", compared).stdout.split()[0]
    main = commit(compared, "main", run)
    figure = "reports/figures/losses.png"
    shown = [f"git show {commit[:7]}:{figure} > losses-{commit[:7]}.png" for commit in (main, idea)]
    assert f"| {' | '.join(shown)} |" in lines
    shown = re.findall(rf"\| git show {main[:7]}:reports/figures/(\w+).png", out)
    assert len(shown) > 2
    assert shown == [name for name in FIGURES if name in shown]  # in the report's order


def test_one_revision_is_compared_with_the_workspace_as_it_lies_here(
    project: Path, run: Run, review: Review
) -> None:
    assert run("dvc exp apply idea", project).returncode == 0
    code, out, err = review(project, "main")
    assert (code, err) == (0, "")
    assert f"## Review: workspace against main ({commit(project, 'main', run)[:7]})" in out
    assert "![losses](reports/figures/losses.png)" in out
    assert "| models.stacked.num_layers | 2 | 3 |" in out.splitlines()


def test_a_report_that_is_missing_spoils_nothing(project: Path, review: Review) -> None:
    (project / "reports/README.md").unlink()
    code, out, err = review(project, "main")
    assert (code, err) == (0, "")
    assert "- workspace: the same params, metrics, loss curves and figures" in out


def test_params_that_were_not_run_yet_are_told(project: Path, review: Review) -> None:
    change(project / "params.yaml", "epochs: 4 #", "epochs: 5 #")
    code, out, _ = review(project)
    assert code == 0
    assert "- workspace: not run since train.epochs changed in params.yaml; what" in out


@pytest.mark.slow
def test_a_committed_figure_is_shown_at_its_address_of_the_workspace_too(
    project: Path, run: Run, review: Review
) -> None:
    done = run(
        "dvc exp apply idea && git commit --quiet -am Idea "
        "&& git remote add origin https://github.com/an-owner/a-project.git "
        "&& git update-ref refs/remotes/origin/main HEAD",
        project,
    )
    assert done.returncode == 0
    _, out, _ = review(project, "main~1")
    address = "https://github.com/an-owner/a-project/raw"
    before, after = (commit(project, revision, run) for revision in ("main~1", "main"))
    figure = "reports/figures/losses.png"
    assert f"| ![losses]({address}/{before}/{figure}) | ![losses]({address}/{after}/{figure}) |" in out


def test_many_have_a_row_each(compared: Path, review: Review) -> None:
    code, out, _ = review(compared, "main", "idea", "workspace", "main")
    assert code == 0
    rows = [line.split(" | ")[0] for line in out.splitlines() if line.startswith("| ")]
    assert sum(row.startswith("| idea (") for row in rows) == 3  # params, verdicts, metrics
    assert out.count("- workspace: the same") == 1


@pytest.mark.slow
def test_what_cannot_be_read_is_said_in_a_line_each_and_the_rest_compared(
    compared: Path, review: Review
) -> None:
    code, out, err = review(compared, "main", "nope", "bare", "unrun", "broken", "uncached", "idea")
    assert code == 0
    assert err.splitlines() == [
        "nope: no such branch, tag, commit or finished experiment; "
        "`git branch -a` and `dvc exp list -A` show them",
        "bare: holds no pipeline, no dvc.yaml; name another revision",
        "unrun: has no reports/details.json; run the pipeline there and commit its reports",
        "broken: reports/details.json is damaged (: Invalid JSON: EOF while parsing an object at line 2 column 0); "
        "run the pipeline there and commit its reports",
        "uncached: reports/losses.csv is not in the DVC cache; `dvc fetch --all-commits` gets it",
    ]
    assert "| models.stacked.num_layers | 2 | 3 |" in out.splitlines()


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["nope"], ["nope: no such branch"]),
        (["bare", "unrun", "main"], ["bare: holds no pipeline", "unrun: has no reports"]),
        (["workspace", "workspace"], ["found workspace alone; allowed: two different revisions"]),
    ],
)
def test_with_nothing_left_to_compare_it_says_why_in_a_line_each(
    names: list[str], said: list[str], compared: Path, review: Review
) -> None:
    code, out, err = review(compared, *names)
    assert (code, out) == (2, "")
    assert len(err.splitlines()) == len(said)
    assert all(line.startswith(start) for line, start in zip(err.splitlines(), said, strict=True))


def test_a_workspace_without_reports_spoils_no_other_comparison(project: Path, review: Review) -> None:
    (project / "reports/details.json").unlink()
    code, out, err = review(project, "main", "idea", "workspace")
    assert code == 0
    assert "## Review: idea (" in out
    assert err == "workspace: has no reports/details.json; `dvc repro` makes it\n"


def test_wrong_params_are_no_traceback(project: Path, review: Review) -> None:
    (project / "params.yaml").write_text("{")
    code, out, err = review(project, "main")
    assert (code, out) == (2, "")
    assert err.startswith("workspace: params.yaml is damaged (")
    assert err.count("\n") == 1


def test_a_damaged_file_is_named_and_spoils_no_other_comparison(project: Path, review: Review) -> None:
    (project / "reports/losses.csv").write_text("model,epoch,median,q25,q75\nsingle,0,x,0,0\n")
    code, out, err = review(project, "main", "idea", "workspace")
    assert code == 0
    assert "## Review: idea (" in out
    assert err.startswith("workspace: reports/losses.csv is damaged (")
    assert "could not convert string to float" in err
    assert err.count("\n") == 1


def test_a_link_out_of_the_project_is_followed_by_nothing(
    project: Path, review: Review, tmp_path: Path
) -> None:
    """A branch that somebody else made is checked out, and its review handed on."""
    figure, secret, page = (
        project / "reports/figures/losses.png",
        tmp_path / "secret.png",
        tmp_path / "r.html",
    )
    figure.rename(secret)
    figure.symlink_to(secret)
    code, out, err = review(project, "main", "--html", str(page))
    assert (code, out, page.exists()) == (2, "", False)
    assert err.startswith("workspace: reports/figures/losses.png is damaged (a link out of the project)")
    secret.rename(figure)
    (project / "reports/figures").rename(tmp_path / "figures")
    (project / "reports/figures").symlink_to(tmp_path / "figures")
    assert "(a link out of the project)" in review(project, "main")[2]
    details = project / "reports/details.json"
    details.unlink()
    details.symlink_to(details)
    code, _, err = review(project, "main")
    assert (code, err.count("\n")) == (2, 1)
    assert err.startswith("workspace: reports/details.json is damaged (")


def test_dvcs_own_links_into_its_cache_are_followed(project: Path, review: Review, tmp_path: Path) -> None:
    cache, losses = tmp_path / "cache", project / "reports/losses.csv"
    (cache / "files/md5").mkdir(parents=True)
    (tmp_path / "shared").symlink_to(cache)
    (project / ".dvc/config.local").write_text(f"[cache]\n    dir = {tmp_path / 'shared'}\n")
    losses.rename(cache / "files/md5/00")
    losses.symlink_to(tmp_path / "shared/files/md5/00")
    code, out, err = review(project, "main")
    assert (code, err) == (0, "")
    assert "- workspace: the same params, metrics, loss curves and figures" in out


def test_a_branchs_name_is_no_markup(project: Path, run: Run, review: Review, tmp_path: Path) -> None:
    name, page = "\"'><img/src=x/onerror=a()>|`@you`$(touch${IFS}a)", tmp_path / "review.html"
    assert run('git branch "$BRANCH" main', project, BRANCH=name).returncode == 0
    code, out, err = review(project, "main", name, "--html", str(page))
    assert (code, err.count("\n")) == (0, 1)
    assert "\"'>&lt;img/src=x/onerror=a()>\\|\\`@&#8203;you\\`\\$(touch\\${IFS}a): the same params" in out
    assert name not in out + page.read_text()
    assert not [*project.rglob("a"), *tmp_path.glob("a")]


def test_what_is_no_file_or_no_commit_is_told(project: Path, review: Review) -> None:
    (project / "reports/details.json").unlink()
    (project / "reports/details.json").mkdir()
    code, _, err = review(project, "main", "idea", "workspace", "HEAD:params.yaml", "main^{tree}", "")
    assert code == 0
    lines = err.splitlines()
    assert lines[0].startswith("workspace: reports/details.json is damaged (")
    assert [line.partition(":")[0] for line in lines[1:]] == ["HEAD", "main^{tree}", "an empty name"]
    assert all("no such branch, tag, commit" in line for line in lines[1:])


def test_elsewhere_it_says_where_to_run(project: Path, tmp_path: Path, review: Review) -> None:
    assert review(project / "reports") == (2, "", "run from the top folder of the project\n")
    (tmp_path / "elsewhere").mkdir()
    code, out, err = review(tmp_path / "elsewhere")
    assert (code, out) == (2, "")
    assert err.startswith("git rev-parse: fatal: not a git repository")


def test_html_writes_a_page_beside_the_markdown(compared: Path, review: Review, tmp_path: Path) -> None:
    target = tmp_path / "a folder" / "review.html"
    code, out, err = review(compared, "main", "idea", "--html", str(target))
    assert code == 0
    assert out.startswith("## Review: idea (")
    assert err == f"{target}: open it in a browser, no network needed\n"
    assert target.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    assert review(compared, "main", "idea", "--html", ".") == (2, "", ".: a folder; name a file\n")
