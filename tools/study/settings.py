"""What the study runs: the params of each experiment, as `dvc exp run --set-param` takes them."""

from collections.abc import Iterable, Mapping

from stages.results import REPORTS

FOLDER = REPORTS / "study"

LRS = (0.0003, 0.001, 0.003, 0.01)
ORIGINAL_LR = 0.01  # the step size of the original experiment, and of the default run
REPLICATES = 100
SELECTION_SEED, FRESH_SEED = 1, 2  # of the initial weights; 0 is the default run's
DATA_SEEDS = range(1, 11)


def sweep_name(lr: float) -> str:
    """Return the name of the experiment in which every model has the step size `lr`."""
    return f"study-lr-{lr}"


def sweep(lr: float, models: Iterable[str]) -> list[str]:
    """Return the changes that a model's best step size is chosen by; no model has its own."""
    common = [f"models.{name}.lr=null" for name in models]
    return [f"train.replicates={REPLICATES}", f"train.seed={SELECTION_SEED}", f"train.lr={lr}", *common]


def fresh(best: Mapping[str, float]) -> list[str]:
    """Return the changes of the run that is reported: each model's best step size, other initial weights."""
    own = [f"models.{name}.lr={lr}" for name, lr in best.items()]
    return [f"train.replicates={REPLICATES}", f"train.seed={FRESH_SEED}", *own]


def data(seed: int) -> tuple[str, list[str]]:
    """Return the name and the changes of the default run on another data set."""
    return f"study-data-{seed}", [f"data.seed={seed}"]


def best_data(seed: int, best: Mapping[str, float]) -> tuple[str, list[str]]:
    """Return the name and the changes of the reported run on another data set, with the default's replicates."""
    return f"study-best-data-{seed}", [*fresh(best)[1:], f"data.seed={seed}"]
