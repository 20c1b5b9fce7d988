"""reports/README.md: what a forge shows on opening the folder."""

from collections.abc import Mapping, Sequence
from typing import Any

HEADER = ("model", "parameters", "training MSE", "test MSE", "test R2", "solved", "diverged")


def summary(metrics: Mapping[str, Any], epochs: int, replicates: int) -> str:
    """Return one sentence with each model's median training MSE and the constant predictor's."""
    models = {name: group for name, group in metrics.items() if name != "baseline"}
    medians = ", ".join(f"{name} {number(group['train_mse'])}" for name, group in models.items())
    constant = number(metrics["baseline"]["mean"]["train_mse"])
    return (
        f"Training MSE after {epochs} epochs, median of {replicates} replicates: {medians}; "
        f"a constant prediction has {constant}."
    )


def report(metrics: Mapping[str, Any], epochs: int, replicates: int) -> str:
    """Return the whole page as Markdown.

    Args:
        metrics: reports/metrics.json.
        epochs: how many the run had.
        replicates: how many trainings each model had.

    """
    models = {name: group for name, group in metrics.items() if name != "baseline"}
    baseline = metrics["baseline"]["mean"]
    rows = [
        (
            name,
            f"{group['parameters']:,}",
            number(group["train_mse"]),
            number(group["test_mse"]),
            number(group["r2"]),
            f"{group['solved']:.0%}",
            f"{group['diverged']} of {replicates}",
        )
        for name, group in models.items()
    ]
    rows.append(("constant", "1", number(baseline["train_mse"]), number(baseline["test_mse"]), "", "", ""))
    return "\n".join(
        [
            "# Results",
            "",
            summary(metrics, epochs, replicates),
            "",
            *table(HEADER, rows),
            "",
            f"Losses are medians over {replicates} replicates after {epochs} epochs. R2 is that of the "
            "median test MSE. Solved is the share of replicates that reach `evaluate.solved_r2` on the test "
            "data. Diverged replicates ended with a loss that is not finite or worse than twice the constant "
            "predictor's; they count as worst.",
            "",
            "![Training loss against the epoch, a line a model](figures/losses.png)",
            "",
            "![Predicted against true means of the test sequences, a panel a model](figures/predictions.png)",
            "",
            "Made by `dvc repro` from `params.yaml`; the numbers behind it are in `metrics.json`, "
            "`losses.csv` and `predictions.csv`.",
            "",
        ]
    )


def table(header: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> list[str]:
    """Return the lines of a Markdown table, numbers to the right."""
    rule = ("---", *("---:" for _ in header[1:]))
    return [f"| {' | '.join(row)} |" for row in (header, rule, *rows)]


def number(value: float | None) -> str:
    """Return `value` with 3 significant digits; "none" where it is undefined."""
    return "none" if value is None else f"{value:.3g}"
