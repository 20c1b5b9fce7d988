"""params.yaml: what is accepted, and the line that each mistake gets."""

import contextlib
import io
import re
import shutil
import subprocess
from collections.abc import Iterable
from datetime import date
from pathlib import Path

import pytest
import yaml
from dvc.utils.serialize import loads_yaml
from hypothesis import given
from hypothesis import strategies as st

from stages.architecture import GATES
from stages.errors import InputError, tell
from stages.params import TASKS, load_params, main
from tests.conftest import PARAMS, TOP, Run

DEFAULTS, TOPMOST = PARAMS.read_text(), (TOP / "params.yaml").read_text()


@pytest.fixture(autouse=True)
def in_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def line_of(beginning: str) -> int:
    """Return which line of the file begins so."""
    (line,) = (i for i, text in enumerate(DEFAULTS.splitlines(), 1) if text.startswith(beginning))
    return line


def write(text: str) -> None:
    Path("params.yaml").write_text(text, encoding="utf-8")


def with_change(old: str, new: str) -> str:
    assert re.search(old, DEFAULTS, re.MULTILINE), old
    return re.sub(old, new, DEFAULTS, count=1, flags=re.MULTILINE)


def test_the_defaults_are_the_experiment() -> None:
    write(DEFAULTS)
    params = load_params()
    assert params.data.model_dump() == {
        "task": "mean",
        "num_samples": 1000,
        "test_samples": 1000,
        "seq_length": 20,
        "delay": 10,
        "seed": 0,
        "series": {
            "path": "data/sunspots.csv",
            "column": "SUNACTIVITY",
            "inputs": [],
            "time": None,
            "horizon": 1,
            "season": 11,
            "test_share": 0.3,
            "validation_share": 0.15,
            "lr": {"single": 0.0001, "stacked": 0.0001, "wide": 0.00003},
        },
    }
    sizes = {name: (model.hidden_size, model.num_layers) for name, model in params.models.items()}
    assert sizes == {"single": (32, 1), "stacked": (32, 2), "wide": (55, 1)}
    assert params.train.lr == 0.01


@pytest.mark.parametrize(("key", "names"), [("task", TASKS), ("cell", GATES)])
def test_comments_say_what_may_be_chosen(key: str, names: Iterable[str]) -> None:
    comments = re.findall(rf"^ +{key}: \w+ # (.*)", f"{DEFAULTS}\n{TOPMOST}", re.MULTILINE)
    assert comments
    for comment in comments:
        assert [name for name in names if not re.search(rf"\b{name}\b", comment)] == []


def keys(text: str) -> set[str]:
    """Return the keys of params, without the names of models."""
    document = yaml.safe_load(text)
    series, models = document["data"].get("series") or {}, document.pop("models").values()
    return {*document, *series, *(key for section in [*document.values(), *models] for key in section)}


def comments(text: str) -> set[str]:
    """Return what is said of keys, those of models left out."""
    return set(
        re.findall(r" # (.*)", re.sub(r"^models:.*?(?=\ntrain:)", "", text, flags=re.DOTALL | re.MULTILINE))
    )


def test_the_file_at_the_top_says_of_keys_what_is_said_here() -> None:
    assert comments(DEFAULTS) <= comments(TOPMOST)


def test_the_file_at_the_top_has_no_key_that_the_one_here_has_not() -> None:
    """Whatever it says: its numbers, its models and what it compares are a reader's own."""
    assert keys(TOPMOST) <= keys(DEFAULTS)


def test_every_key_has_a_comment() -> None:
    keys = [line for line in DEFAULTS.splitlines() if re.match(r" +\w+:.", line)]
    assert len(keys) > 20
    assert [line for line in keys if "#" not in line] == []


def test_a_models_own_step_size_is_a_number_or_blank() -> None:
    write(with_change(r"lr: # this", "lr: 5e-4 # this"))
    models = load_params().models
    assert (models["single"].lr, models["stacked"].lr) == (5e-4, None)


@pytest.mark.parametrize("text", ["1e-3", "1E-3", "0.001", "1.e-3", ".1e-2"])
def test_numbers_are_read_as_dvc_reads_them(text: str) -> None:
    write(with_change(r"lr: 0\.01", f"lr: {text}"))
    assert load_params().train.lr == 0.001


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        (r"  lr: 0\.01.*\n", "", "train.lr: missing; allowed: a number above 0"),
        (r"lr: 0\.01", "lr: 0", "train.lr: found 0; allowed: a number above 0"),
        (r"lr: 0\.01", "lr: .inf", "train.lr: found inf; allowed: a number above 0"),
        (r"lr: 0\.01", "lr: fast", "train.lr: found 'fast'; allowed: a number above 0"),
        (
            r"lr: # this",
            "lr: -1 # this",
            "models.single.lr: found -1; allowed: a number above 0, or blank (null with -S)",
        ),
        (r"epochs: \d+", "epochs: 1.5", "train.epochs: found 1.5; allowed: a whole number, 1 or more"),
        (r"epochs: \d+", "epochs: '9'", "train.epochs: found '9'; allowed: a whole number, 1 or more"),
        (r"epochs: \d+", "epochs: true", "train.epochs: found True; allowed: a whole number, 1 or more"),
        (r"epochs: \d+", "epochs:", "train.epochs: found nothing; allowed: a whole number, 1 or more"),
        (
            r"primary: .*",
            "primary:",
            "evaluate.primary: found nothing; allowed: one of the pairs of evaluate.compare",
        ),
        (r"task: mean", "task: max", f"data.task: found 'max'; allowed: {', '.join(TASKS)}"),
        (r"  delay: 10", "  delay: -1", "data.delay: found -1; allowed: a whole number, 0 or more, or blank"),
        (
            r"task: mean([^$]*)delay: 10",
            r"task: recall\1delay:",
            "data.delay: found nothing; allowed: with data.task recall a whole number below data.seq_length, 20",
        ),
        (
            r"task: mean([^$]*)delay: 10",
            r"task: recall\1delay: 20",
            "data.delay: found 20; allowed: with data.task recall a whole number below data.seq_length, 20",
        ),
        (
            r"task: mean([^$]*)seq_length: 20",
            r"task: adding\1seq_length: 1",
            "data.seq_length: found 1; allowed: with data.task adding 2 or more",
        ),
        (
            r"^  single:",
            "  a_vs:",
            "models: found 'a_vs'; allowed: one entry a model, at least one, each named by a letter a-z",
        ),
        (
            r"task: mean",
            "task: forecasts",
            f"data.task: found 'forecasts'; allowed: {', '.join(TASKS)}",
        ),
        (r"    path: .*", "    path:", "data.series.path: found nothing; allowed: text"),
        (r"    path:", "    file:", "data.series.file: unknown key; allowed: path, column, inputs, time"),
        (r"inputs: \[\]", "inputs: y", "data.series.inputs: found 'y'; allowed: a list of names of columns"),
        (r"horizon: 1", "horizon: 0", "data.series.horizon: found 0; allowed: a whole number, 1 or more"),
        (
            r"test_share: 0.3",
            "test_share: 1",
            "data.series.test_share: found 1; allowed: a number above 0, below 1",
        ),
        (
            r"single: 0.\d+",
            "single: 0",
            "data.series.lr.single: found 0; allowed: a number above 0 for a model's",
        ),
        (
            r"(?s)task: mean(.*)test_share: 0.3",
            r"task: forecast\1test_share: 0.9",
            "data.series: found (0.9, 0.15); allowed: test_share and validation_share together below 1",
        ),
        (
            r"(?s)task: mean(.*)inputs: \[\]",
            r"task: forecast\1inputs: [SUNACTIVITY]",
            "data.series.inputs: found ['SUNACTIVITY']; allowed: other columns than data.series.column, each once",
        ),
        (
            r"(?s)task: mean(.*)  series:.*?\n\nmodels",
            r"task: forecast\1\nmodels",
            "data.series: found nothing; allowed: with data.task forecast a section of keys",
        ),
        (r"^  single:", "  lr: 5\n  single:", "models.lr: found 5; allowed: a section of keys"),
        (
            r"^      single:",
            "      Single:",
            "data.series.lr: found 'Single'; allowed: a number above 0 for a model's",
        ),
        (r"  task: mean.*\n", "", f"data.task: missing; allowed: {', '.join(TASKS)}"),
        (r"  task", "  1: 2\n  task", "data.1: unknown key; allowed: task, num_samples"),
        (
            r"num_layers: 1",
            "num_layers: 0",
            "models.single.num_layers: found 0; allowed: a whole number, 1 to 1000",
        ),
        (
            r"rnn_tanh",
            "mlp",
            f"models.single.cell: found 'mlp'; allowed: {', '.join(GATES)}",
        ),
        (
            r"cell: rnn_tanh",
            "nonlinearity: relu",
            "models.single.nonlinearity: no longer a key; write cell: rnn_relu instead",
        ),
        (r"seed: 0", "seed: -1", "data.seed: found -1; allowed: a whole number, 0 or more"),
        (
            r"batch_size:",
            "batch_size: 1001",
            "train.batch_size: found 1001; allowed: at most data.num_samples, 1000",
        ),
        (
            r"clip_norm:",
            "clip_norm: 0",
            "train.clip_norm: found 0; allowed: a number above 0, or blank (null with -S)",
        ),
        (
            r"  seq_length",
            "  seq_len",
            "data.seq_len: unknown key; allowed: task, num_samples, test_samples, seq_length",
        ),
        (r"^evaluate:", "evaluation:", "evaluation: unknown key; allowed: data, models, train, evaluate"),
        (
            r"^  single:",
            "  sin/gle:",
            "models: found 'sin/gle'; allowed: one entry a model, at least one, each named by a letter a-z",
        ),
        (
            r"^  single:",
            "  Single:",
            "models: found 'Single'; allowed: one entry a model, at least one, each named by a letter a-z",
        ),
        (
            r"^  single:",
            "  7:",
            "models: found 7; allowed: one entry a model, at least one, each named by a letter a-z",
        ),
        (
            r"^  stacked:",
            "  single:",
            f'not valid YAML, line {line_of("  stacked:")}: found duplicate key "single"',
        ),
        (r"^  stacked:", "  stacked: 3", "not valid YAML"),
        (r"data:", "data: [", "not valid YAML"),
    ],
)
def test_each_mistake_gets_its_line(old: str, new: str, line: str) -> None:
    write(with_change(old, new))
    with pytest.raises(InputError) as caught:
        load_params()
    message = str(caught.value)
    assert message.startswith(f"params.yaml: {line}")
    assert "\n" not in message


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", "params.yaml: the file: found nothing"),
        ("[]", "params.yaml: the file: found []"),
        ("models: [single]\n", "params.yaml: data: missing"),
    ],
)
def test_a_file_without_sections_or_models_gets_a_line(text: str, line: str) -> None:
    write(text)
    with pytest.raises(InputError) as caught:
        load_params()
    assert str(caught.value).startswith(line)


@pytest.mark.parametrize(("models", "found"), [("", "nothing"), (" {}", "{}"), (" [single]", "['single']")])
def test_no_models_get_a_line(models: str, found: str) -> None:
    write(re.sub(r"^models:.*?(?=\ntrain:)", f"models:{models}", DEFAULTS, flags=re.MULTILINE | re.DOTALL))
    with pytest.raises(InputError, match=re.escape(f"models: found {found}; allowed: one entry a model, at")):
        load_params()


def test_a_missing_file_gets_a_line() -> None:
    with pytest.raises(InputError, match=r"params\.yaml: missing; run from the top folder"):
        load_params()


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("epochs: 010", "train.epochs: found 8, but DVC reads 10; allowed: what both read alike"),
        ("epochs: 1:30", "train.epochs: found '1:30'; allowed: a whole number, 1 or more"),
        ("epochs: yes", "train.epochs: found 'yes'; allowed: a whole number, 1 or more"),
        ("epochs: 10000000000000", "train.epochs: found 10000000000000; allowed: a whole number, 1 or more"),
        ("epochs: 2020-13-45", f"not valid YAML, line {line_of('  epochs:')}: month must be in 1..12"),
        ("epochs: [[1]]", "train.epochs: found [[1]]; allowed: a whole number, 1 or more"),
    ],
)
def test_odd_values_get_a_line(text: str, line: str) -> None:
    write(with_change(r"epochs: \d+", text))
    with pytest.raises(InputError) as caught:
        load_params()
    assert str(caught.value).startswith(f"params.yaml: {line}")


@pytest.mark.parametrize(
    ("pairs", "line"),
    [
        ("[wide vs wide]", "evaluate.compare: found 'wide vs wide'; allowed: two different models"),
        (
            "[stacked vs single, single vs stacked]",
            "evaluate.compare: found 'stacked vs single'; allowed: two diff",
        ),
        ("[stacked, single]", "evaluate.compare.0: found 'stacked'; allowed: a list of pairs, such as"),
        (
            "[stacked vs singel, stacked vs wide]",
            "evaluate.primary: found 'stacked vs single'; allowed: one of the pairs of evaluate.compare: "
            "stacked vs singel (no singel in models), stacked vs wide",
        ),
    ],
)
def test_pairs_are_of_two_models_and_stand_once(pairs: str, line: str) -> None:
    text = with_change(r"  compare: #.*\n", f"  compare: {pairs}\n")
    write(re.sub(r"^  - stacked vs .*\n", "", text, flags=re.MULTILINE))
    with pytest.raises(InputError) as caught:
        load_params()
    assert str(caught.value).startswith(f"params.yaml: {line}")


def test_a_folder_in_its_place_is_told(run: Run) -> None:
    Path("params.yaml").mkdir()
    done = run("python -m stages.params", Path(), PYTHONPATH=str(TOP))
    assert (done.returncode, done.stdout, done.stderr) == (2, "", "params.yaml: Is a directory\n")


def test_a_pair_with_a_model_that_is_not_there_is_said_to_be_left_out(
    capsys: pytest.CaptureFixture[str],
) -> None:
    write(DEFAULTS.replace("- stacked vs wide", "- stacked vs narrow"))
    main()
    line = "params.yaml: evaluate.compare: stacked vs narrow is left out: no narrow in models\n"
    assert capsys.readouterr() == ("", line)


def test_a_mistake_in_a_repository_says_how_to_undo_it(monkeypatch: pytest.MonkeyPatch) -> None:
    write(DEFAULTS)
    git = ["git", "-c", "user.name=A", "-c", "user.email=a@example.org"]
    for command in (
        ["init", "--quiet"],
        ["add", "params.yaml"],
        ["commit", "--quiet", "--message", "Params"],
    ):
        subprocess.run([*git, *command], check=True)
    write(with_change(r"lr: 0\.01", "lr: bad"))
    with pytest.raises(
        InputError, match=r"allowed: a number above 0; `git restore params\.yaml` undoes what"
    ):
        load_params()
    # An experiment's temporary folder starts from it.
    temporary = Path(".dvc/tmp/exps/1")
    temporary.mkdir(parents=True)
    shutil.copy("params.yaml", temporary)
    monkeypatch.chdir(temporary)
    with pytest.raises(InputError, match="undoes"):
        load_params()
    subprocess.run(["git", "-C", "../../../..", "restore", "params.yaml"], check=True)
    with pytest.raises(InputError, match=r"allowed: a number above 0$"):
        load_params()


NUMBERS = [0, -1, 0.5, 2**64, 10**400, float("nan"), float("inf")]
TEXTS = ["", "a vs b", "\n", "é\U0001f600", "x" * 999, b"x", date(2026, 1, 31)]
NESTED = [[], {}, {"a": 1}, [[[1]]], {1: 2}, [None]]
ODD = st.sampled_from([None, True, *NUMBERS, *TEXTS, *NESTED])
SIGNS = st.sampled_from(
    [*"-?:,[]{}#|>%@`!&*='\"\\\0\n\u2028", "\n  ", ": ", "- ", "010", "1e3", "1_0", "1:30"]
)


@st.composite
def changed_values(draw: st.DrawFn) -> str:
    """Return params.yaml with one value replaced, one key more, or one less."""
    document = yaml.safe_load(DEFAULTS)
    part = document
    while True:
        keys = list(part) if isinstance(part, dict) else list(range(len(part)))
        key = draw(st.sampled_from(keys))
        if part[key] and isinstance(part[key], dict | list) and draw(st.booleans()):
            part = part[key]
            continue
        value = draw(ODD | st.integers() | st.floats() | st.text(max_size=9))
        change = draw(st.sampled_from(["replace", "remove", "rename", "repeat"]))
        if change == "replace":
            part[key] = value
        elif change == "remove" or isinstance(part, list):
            del part[key]
        else:
            name = draw(
                st.text(max_size=9) | st.integers() | st.sampled_from(["vs", "a_vs_b", "lr", "A", "../x"])
            )
            part[name] = part.pop(key) if change == "rename" else part[key]
        return yaml.safe_dump(document)


@st.composite
def changed_text(draw: st.DrawFn) -> str:
    """Return params.yaml, without its comments, with a piece of its text replaced."""
    text = yaml.safe_dump(yaml.safe_load(DEFAULTS))
    start = draw(st.integers(0, len(text)))
    length = draw(st.sampled_from([0, 0, 1, 5, 50]))
    return text[:start] + draw(SIGNS | st.text(max_size=5)) + text[start + length :]


@pytest.mark.fuzz
@given(changed_values() | changed_text())
def test_whatever_the_file_holds_it_is_right_or_told_in_a_line(text: str) -> None:
    write(text)
    try:
        params = load_params()
    except InputError as error:
        with contextlib.redirect_stderr(io.StringIO()) as said, pytest.raises(SystemExit) as end:
            tell(InputError, error, None)
        assert end.value.code == 2
        assert re.fullmatch(r"params\.yaml: .{1,800}\n", said.getvalue())
        assert len(said.getvalue().splitlines()) == 1
    else:
        assert params.model_dump(exclude_unset=True) == loads_yaml(text)
    assert [path.name for path in Path().iterdir()] == ["params.yaml"]
