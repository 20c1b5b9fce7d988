"""`python -m tools.study`: run the study as DVC experiments, then write reports/study/.

It takes an hour or two on two cores. What DVC has in its cache is not run again, so that an interrupted study goes on.
"""

import subprocess
import sys

from matplotlib import style

from stages.errors import InputError, run
from stages.files import replacing, write_text
from stages.params import Params, load_params, split_pair
from stages.plot import figures
from stages.results import write_csv
from tools.study import answer, settings
from tools.study.experiments import Experiment, Study, read_experiment


def main() -> None:
    """Choose each model's step size on one set of seeds, then report it on fresh ones."""
    params = load_params()
    for pair in params.evaluate.compare:
        if not set(split_pair(pair)) <= params.models.keys():
            raise InputError(
                f"params.yaml: evaluate.compare: found {pair}; allowed for the study: models that are there"
            )
    sweep = {
        lr: experiment(settings.sweep_name(lr), settings.sweep(lr, params.models)) for lr in settings.LRS
    }
    best = answer.best_steps(sweep, list(params.models))
    fresh = experiment("study-best", settings.fresh(best))
    elsewhere = {
        "the default settings": [experiment(*settings.data(seed)) for seed in settings.DATA_SEEDS],
        "each model's best step size": [
            experiment(*settings.best_data(seed, best)) for seed in settings.DATA_SEEDS
        ],
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


def experiment(name: str, changes: list[str]) -> Experiment:
    """Run the pipeline with `changes` as the DVC experiment `name`, apart from the workspace, and return its reports.

    Raises:
        InputError: DVC could not run it.

    """
    # The name may be that of an earlier study.
    subprocess.run(["dvc", "exp", "remove", "--quiet", name], check=False, stderr=subprocess.DEVNULL)
    flags = [flag for change in changes for flag in ("--set-param", change)]
    command = ["dvc", "exp", "run", "--temp", "--name", name, *flags]
    print("$", *command, file=sys.stderr)
    if subprocess.run(command, check=False, stdout=sys.stderr).returncode != 0:
        raise InputError(f"{' '.join(command)}: failed, see above")
    return read_experiment(name)


if __name__ == "__main__":
    run(main)
