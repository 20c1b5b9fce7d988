"""`python -m stages.plot`: draw the figures and write the report."""

from matplotlib import style
from matplotlib.figure import Figure

from stages.errors import run
from stages.files import FIGURES, REPORTS, read_json, read_table, replacing, write_text
from stages.params import load_params
from stages.plot import figures
from stages.plot.report import report, verdict


def main() -> None:
    """Write reports/figures/*.png and reports/README.md, then say what came out."""
    params = load_params()
    metrics = read_json("metrics.json")
    constant, variance = metrics["baseline"]["mean"], metrics["baseline"]["variance"]["test"]
    solved_r2, progress = params.evaluate.solved_r2, read_table("progress.csv")
    # From the defaults, since a user's own matplotlibrc must not change the bytes.
    with style.context(["default", figures.RC]):
        save("losses", figures.losses(read_table("losses.csv"), constant["train"], params.train.replicates))
        save("improvement", figures.improvement(read_table("comparisons.csv")))
        save("solved", figures.solved(progress, solved_r2))
        save(
            "final",
            figures.final(read_table("outcomes.csv"), (1 - solved_r2) * variance, constant["test"]),
        )
        save("cost", figures.cost(progress, constant["test"]))
        save("predictions", figures.predictions(read_table("predictions.csv")))
    write_text(REPORTS / "README.md", report(metrics, params))
    print(f"{verdict(metrics, params)} See {REPORTS / 'README.md'} and its figures.")


def save(name: str, figure: Figure) -> None:
    """Write reports/figures/<name>.png, without the version of matplotlib in it."""
    with replacing(FIGURES / f"{name}.png") as partial:
        figure.savefig(partial, format="png", metadata={"Software": None})


if __name__ == "__main__":
    run(main)
