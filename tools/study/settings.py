"""What the study runs: each experiment's name, and its params as `dvc exp run --set-param` takes them."""

from collections.abc import Iterable, Mapping

from stages.results import REPORTS

FOLDER = REPORTS / "study"

LRS = (0.0003, 0.001, 0.003, 0.01)
ORIGINAL_LR = 0.01  # the step size of the original experiment, and of the default run
REPLICATES = 100
SELECTION_SEED, FRESH_SEED = 1, 2  # of the initial weights; 0 is the default run's
DATA_SEEDS = range(1, 11)


def sweep(lr: float, models: Iterable[str]) -> tuple[str, list[str]]:
    """Return a run that the best step sizes are chosen by: `lr` for every model, none has its own."""
    common = [f"models.{name}.lr=null" for name in models]
    selection = [f"train.replicates={REPLICATES}", f"train.seed={SELECTION_SEED}"]
    return f"study-lr-{lr}", [*selection, f"train.lr={lr}", *common]


def fresh(best: Mapping[str, float]) -> tuple[str, list[str]]:
    """Return the run that is reported: each model's best step size, other initial weights."""
    return "study-best", [f"train.replicates={REPLICATES}", *_best(best)]


def data(seed: int) -> tuple[str, list[str]]:
    """Return the default run on another data set."""
    return f"study-data-{seed}", [f"data.seed={seed}"]


def best_data(seed: int, best: Mapping[str, float]) -> tuple[str, list[str]]:
    """Return the reported run on another data set, with the default's replicates."""
    return f"study-best-data-{seed}", [*_best(best), f"data.seed={seed}"]


def _best(best: Mapping[str, float]) -> list[str]:
    return [f"train.seed={FRESH_SEED}", *(f"models.{name}.lr={lr}" for name, lr in best.items())]
