"""What is studied. Each study is declared here: its models, what is trained, on what, with which step sizes."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, NamedTuple

from stages.architecture import Architecture
from stages.generate.tasks import task
from stages.params import VERSUS
from stages.results import REPORTS
from tools.study.matching import matched

FOLDER = REPORTS / "study"
PREFIX = "study-"  # of its experiments' names
SELECTION_SEED, FRESH_SEED = 1, 2  # of the initial weights; 0 is the default run's


class Run(NamedTuple):
    """One experiment. `changes` of params.yaml are by their flat keys; `lr` is every model's step size, "best" each
    model's best one of the runs before it that have a number there, or "own" what params.yaml has.
    """

    name: str
    replicates: int
    changes: Mapping[str, Any]
    lr: float | Literal["best", "own"]


class Group(NamedTuple):
    """Networks of one cell, a depth each, with about `wish` parameters."""

    cell: str
    wish: int
    architectures: tuple[Architecture, ...]

    def models(self) -> dict[str, Architecture]:
        """Return the networks by the names of their entries under `models:`, the lowest first."""
        return {f"{one.cell}-{one.num_layers}x{one.hidden_size}": one for one in self.architectures}

    def pairs(self) -> list[str]:
        """Return each deeper network against the lowest."""
        low, *deeper = self.models()
        return [f"{deep}{VERSUS}{low}" for deep in deeper]


class Knob(NamedTuple):
    """The param that a study varies, what it is called, and the value at which step sizes are chosen."""

    key: str
    word: str
    middle: int


class Study(NamedTuple):
    """A study: what it asks, the module beside this one that writes its page, and its runs, in order.

    `changes` are of every run; `groups` are its models, in place of those of params.yaml where there are any.
    """

    question: str
    page: str
    changes: Mapping[str, Any]
    runs: tuple[Run, ...]
    groups: tuple[Group, ...] = ()
    knob: Knob | None = None

    def models(self) -> dict[str, Architecture]:
        """Return the models that are put in place of those of params.yaml."""
        return {name: one for group in self.groups for name, one in group.models().items()}


# The step size of the original experiment, and of the default run.
ORIGINAL_LR = 0.01
FRESH = {"train.seed": FRESH_SEED}


def sweep(lrs: Sequence[float], replicates: int, changes: Mapping[str, Any] = {}) -> tuple[Run, ...]:
    """Return the runs that each model's best step size is chosen from."""
    return tuple(Run(f"lr-{lr}", replicates, {"train.seed": SELECTION_SEED, **changes}, lr) for lr in lrs)


def mean() -> Study:
    """On the task of the original experiment, over step sizes and data sets."""
    data_sets, few = range(1, 11), 20
    return Study(
        question="Does a second layer help on the original task?",
        page="mean",
        changes={},
        runs=(
            *sweep((0.0003, 0.001, 0.003, ORIGINAL_LR), replicates=100),
            Run("best", 100, FRESH, "best"),
            *(Run(f"data-{seed}", few, {"data.seed": seed}, "own") for seed in data_sets),
            *(Run(f"best-data-{seed}", few, FRESH | {"data.seed": seed}, "best") for seed in data_sets),
        ),
    )


def depths(
    question: str,
    changes: Mapping[str, Any],
    knob: Knob,
    values: Sequence[int],
    cells: Sequence[str],
    wishes: Sequence[int],
    num_layers: Sequence[int],
    lrs: Sequence[float],
    selection_replicates: int,
    replicates: int,
) -> Study:
    """Return a study of depths at matched parameters: half-way and at the end, each network against the lowest.

    `changes` are the task and the training, but for the knob, which takes `values`. There are networks of each of
    `cells` with about each of `wishes` parameters and each of `num_layers`, the lowest first. A model is trained
    `selection_replicates` times at each of `lrs` and `replicates` times at each value.
    """
    inputs, epochs = task(changes["data.task"]).INPUT_SIZE, changes["train.epochs"]
    groups = tuple(
        Group(cell, wish, matched(cell, inputs, wish, num_layers)) for cell in cells for wish in wishes
    )
    compare = [pair for group in groups for pair in group.pairs()]
    return Study(
        question,
        "depths",
        {
            **changes,
            "train.eval_every": epochs // 20,
            "evaluate.at_epochs": [epochs // 2],
            "evaluate.compare": compare,
            "evaluate.primary": compare[0],
        },
        (
            *sweep(lrs, selection_replicates, {knob.key: knob.middle}),
            *(Run(str(value), replicates, FRESH | {knob.key: value}, "best") for value in values),
        ),
        groups,
        knob,
    )


def recall(
    cells: Sequence[str] = ("rnn_tanh",),
    wishes: Sequence[int] = (250, 1000),
    values: Sequence[int] = (6, 10, 14, 18, 22, 26, 30),
    epochs: int = 2000,
    selection_replicates: int = 10,
    replicates: int = 20,
) -> Study:
    """How far back networks of the same size recall a number."""
    data = {"data.task": "recall", "data.seq_length": 40}
    return depths(
        question="Do deeper networks of the same size remember longer?",
        changes=data | {"train.epochs": epochs, "train.clip_norm": 1.0},
        knob=Knob("data.delay", "delay", 18),
        values=values,
        cells=cells,
        wishes=wishes,
        num_layers=(1, 2, 4),
        lrs=(0.0003, 0.001, 0.003, 0.01, 0.03),
        selection_replicates=selection_replicates,
        replicates=replicates,
    )


def adding() -> Study:
    """The problem that the literature compares cells by."""
    data = {"data.task": "adding", "data.num_samples": 2000}
    return depths(
        question="Do deeper networks of the same size add better?",
        changes=data | {"train.epochs": 200, "train.batch_size": 100, "train.clip_norm": 1.0},
        knob=Knob("data.seq_length", "length", 100),
        values=(100, 200),
        cells=("rnn_tanh", "gru", "lstm"),
        wishes=(1000,),
        num_layers=(1, 2),
        lrs=(0.001, 0.003, 0.01, 0.03),
        selection_replicates=5,
        replicates=10,
    )


def series() -> Study:
    """Which step size each network takes to forecast the series of params.yaml, and how far ahead it can."""
    return Study(
        question="Does a network forecast this series better than the baselines, and does a second layer help?",
        page="series",
        changes={"data.task": "forecast"},
        runs=(
            *sweep((0.00003, 0.0001, 0.0003, 0.001, 0.003), replicates=10),
            Run("best", 20, FRESH, "best"),
            *(Run(f"horizon-{h}", 10, FRESH | {"data.series.horizon": h}, "best") for h in (2, 5, 10)),
        ),
    )


STUDIES: dict[str, Callable[[], Study]] = {
    "mean": mean,
    "recall": recall,
    "recall-gru": lambda: recall(cells=("gru",), wishes=(1000,)),
    "recall-lstm": lambda: recall(cells=("lstm",), wishes=(1000,)),
    # A quick look, in a few minutes.
    "recall-quick": lambda: recall(
        wishes=(250,), values=(10, 20), epochs=1000, selection_replicates=5, replicates=5
    )._replace(question="The same with few replicates, in a few minutes: what does a study look like?"),
    "adding": adding,
    "series": series,
}


def listing() -> str:
    """Return the studies, a line each."""
    lines = []
    for name, declare in STUDIES.items():
        study = declare()
        cells = ", ".join(dict.fromkeys(group.cell for group in study.groups))
        lines.append(f"{name:<14}{study.question}{f' ({cells})' if cells else ''}\n")
    return (
        f"make study STUDY=NAME, where NAME is one of\n\n{''.join(lines)}\n"
        "Each says first how long it takes here; after Ctrl-C the same command goes on."
    )
