"""`python -m stages.plot`: draw the figures and write the report."""

from matplotlib import style
from matplotlib.figure import Figure

from stages.errors import run
from stages.files import FIGURES, REPORTS, read_json, read_table, replacing, write_text
from stages.params import load_params
from stages.plot import figures
from stages.plot.report import report, summary


def main() -> None:
    """Write reports/figures/*.png and reports/README.md, then say what came out."""
    train = load_params().train
    metrics = read_json("metrics.json")
    # From the defaults, since a user's own matplotlibrc must not change the bytes.
    with style.context(["default", figures.RC]):
        constant = metrics["baseline"]["mean"]["train_mse"]
        save("losses", figures.losses(read_table("losses.csv"), constant, train.replicates))
        save("predictions", figures.predictions(read_table("predictions.csv")))
    write_text(REPORTS / "README.md", report(metrics, train.epochs, train.replicates))
    print(f"{summary(metrics, train.epochs, train.replicates)} See {REPORTS / 'README.md'} and its figures.")


def save(name: str, figure: Figure) -> None:
    """Write reports/figures/<name>.png, without the version of matplotlib in it."""
    with replacing(FIGURES / f"{name}.png") as partial:
        figure.savefig(partial, format="png", metadata={"Software": None})


if __name__ == "__main__":
    run(main)
