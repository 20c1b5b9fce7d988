"""`python -m tools.study`: run the study as DVC experiments, then write reports/study/.

It takes an hour or two on two cores. What DVC has in its cache is not run again, so that an interrupted study goes on.
"""

import pandas as pd
from matplotlib import style

from stages.errors import InputError, run
from stages.files import replacing, write_text
from stages.params import Params, load_params, split_pair
from stages.plot import figures
from stages.results import write_csv
from tools.study import answer, settings
from tools.study.experiments import Study, run_experiment


def main() -> None:
    """Choose each model's step size on one set of seeds, then report it on fresh ones."""
    params = load_params()
    for pair in params.evaluate.compare:
        if not set(split_pair(pair)) <= params.models.keys():
            raise InputError(
                f"params.yaml: evaluate.compare: found {pair}; allowed for the study: models that are there"
            )
    many = f"train.replicates={settings.REPLICATES}"
    no_own = [f"models.{name}.lr=null" for name in params.models]
    selection = [many, f"train.seed={settings.SELECTION_SEED}", *no_own]
    sweep = {lr: run_experiment(f"study-lr-{lr}", [*selection, f"train.lr={lr}"]) for lr in settings.LRS}
    best = answer.best_steps(sweep, list(params.models))
    own = [f"train.seed={settings.FRESH_SEED}", *(f"models.{name}.lr={lr}" for name, lr in best.items())]
    fresh = run_experiment("study-best", [many, *own])
    others: dict[str, tuple[str, list[str]]] = {
        "the default settings": ("study-data", []),
        "each model's best step size": ("study-best-data", own),
    }
    elsewhere = {
        title: [
            run_experiment(f"{name}-{seed}", [*changes, f"data.seed={seed}"]) for seed in settings.DATA_SEEDS
        ]
        for title, (name, changes) in others.items()
    }
    write(Study(sweep, best, fresh, elsewhere), params)


def write(study: Study, params: Params) -> None:
    """Write reports/study/ and print the answer."""
    runs = study.titled()
    write_csv(settings.FOLDER / "sweep.csv", answer.SWEEP, answer.sweep_rows(study))
    write_csv(settings.FOLDER / "comparisons.csv", answer.COMPARISONS, answer.comparison_rows(runs))
    draw()
    write_text(settings.FOLDER / "README.md", answer.report(study, params))
    print(answer.sentences(study, params))


def draw() -> None:
    """Draw reports/study/answer.png from the table beside it."""
    comparisons = pd.read_csv(settings.FOLDER / "comparisons.csv")
    with style.context(["default", figures.RC]), replacing(settings.FOLDER / "answer.png") as partial:
        answer.figure(comparisons).savefig(partial, format="png", metadata={"Software": None})


if __name__ == "__main__":
    run(main)
