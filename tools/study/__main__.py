"""`python -m tools.study`: run the study as DVC experiments, then write reports/study/.

It takes an hour or two on two cores. What DVC has in its cache is not run again, so that an interrupted study goes on.
"""

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
    sweep = {lr: run_experiment(*settings.sweep(lr, params.models)) for lr in settings.LRS}
    best = answer.best_steps(sweep, list(params.models))
    fresh = run_experiment(*settings.fresh(best))
    seeds = settings.DATA_SEEDS
    elsewhere = {
        "the default settings": [run_experiment(*settings.data(seed)) for seed in seeds],
        "each model's best step size": [run_experiment(*settings.best_data(seed, best)) for seed in seeds],
    }
    write(Study(sweep, best, fresh, elsewhere), params)


def write(study: Study, params: Params) -> None:
    """Write reports/study/ and print the answer."""
    runs = study.titled()
    write_csv(settings.FOLDER / "sweep.csv", answer.SWEEP, answer.sweep_rows(study))
    write_csv(settings.FOLDER / "comparisons.csv", answer.COMPARISONS, answer.comparison_rows(runs))
    with style.context(["default", figures.RC]), replacing(settings.FOLDER / "answer.png") as partial:
        figure = answer.figure(runs, params.evaluate.compare)
        figure.savefig(partial, format="png", metadata={"Software": None})
    write_text(settings.FOLDER / "README.md", answer.report(study, params))
    print(answer.sentences(study, params))


if __name__ == "__main__":
    run(main)
