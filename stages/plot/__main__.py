"""`python -m stages.plot`: draw the figures and write the report."""

from matplotlib import style
from matplotlib.figure import Figure

from stages import results
from stages.files import replacing, write_text
from stages.generate.tasks import task
from stages.params import load_params
from stages.plot import figures
from stages.plot.report import report, verdict
from stages.results import PAGE, figure_path, read_table


def main() -> None:
    """Write reports/figures/*.png and reports/README.md, then say what came out."""
    params, found = load_params(), results.read()
    of_task = task(params.data.task)
    constant, solved_r2, progress = found.baseline.mean, params.evaluate.solved_r2, read_table("progress")
    threshold = (1 - solved_r2) * found.baseline.variance.test
    # From the defaults, since a user's own matplotlibrc must not change the bytes.
    with style.context(["default", figures.RC]):
        save("losses", figures.losses(read_table("losses"), constant.train, params.train.replicates))
        save("improvement", figures.improvement(read_table("comparisons")))
        save("solved", figures.solved(progress, solved_r2))
        save("final", figures.final(read_table("outcomes"), threshold, constant.test))
        save("cost", figures.cost(progress, constant.test))
        labels = of_task.TRUE_LABEL, of_task.PREDICTED_LABEL
        save("predictions", figures.predictions(read_table("predictions"), *labels))
    write_text(PAGE, report(found, params, of_task.note(params.data)))
    print(f"{verdict(found, params)} See {PAGE} and its figures.")


def save(name: str, figure: Figure) -> None:
    """Write reports/figures/<name>.png, without the version of matplotlib in it."""
    with replacing(figure_path(name)) as partial:
        figure.savefig(partial, format="png", metadata={"Software": None})


if __name__ == "__main__":
    main()
