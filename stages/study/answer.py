"""The study's answer: which step size is best for each model, three sentences, one figure, one page."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from matplotlib.figure import Figure

from stages.params import Params, split_pair
from stages.plot.figures import DOTS, NEUTRAL
from stages.plot.report import limit, number, percent
from stages.study.experiments import Experiment
from stages.study.settings import DATA_SEEDS, FRESH_SEED, LRS, ORIGINAL_LR, REPLICATES, SELECTION_SEED

SWEEP = (
    "run", "model", "lr", "test_median", "test_iqm", "test_iqm_low", "test_iqm_high", "solved", "solved_low",
    "solved_high", "diverged",
)  # fmt: skip


def best_steps(sweep: Mapping[float, Experiment], models: Sequence[str]) -> dict[str, float]:
    """Return each model's step size with the lowest interquartile mean of the test MSE; the first of equals.

    One that diverged too often to have an interquartile mean is never chosen over one that has it.
    """

    def iqm(name: str, lr: float) -> float:
        value = sweep[lr].metrics[name]["test"]["iqm"]
        return float("inf") if value is None else value

    return {name: min(sweep, key=lambda lr: iqm(name, lr)) for name in models}


def sweep_rows(
    sweep: Mapping[float, Experiment], fresh: Experiment, best: Mapping[str, float]
) -> Iterator[tuple]:
    """Yield the rows of SWEEP: a model in a run."""
    runs = [(f"lr {lr}, selection seeds", one, dict.fromkeys(best, lr)) for lr, one in sweep.items()]
    runs.append(("best, fresh seeds", fresh, dict(best)))
    for title, one, lrs in runs:
        for name, lr in lrs.items():
            model = one.metrics[name]
            test = [model["test"][key] for key in ("median", "iqm", "iqm_low", "iqm_high")]
            solved = [model[key] for key in ("solved", "solved_low", "solved_high", "diverged")]
            yield title, name, lr, *("inf" if value is None else value for value in test), *solved


def sentences(original: Experiment, fresh: Experiment, best: Mapping[str, float], params: Params) -> str:
    """Return the answer: at the original's settings, with each model's best step size, and against the control."""
    first, second = split_pair(params.evaluate.primary)
    controls = [split_pair(pair) for pair in params.evaluate.compare if pair != params.evaluate.primary]
    steps = ", ".join(f"{lr:g} for {name}" for name, lr in best.items())
    early = original.metrics[first].get("epoch_100"), original.metrics[second].get("epoch_100")
    start = ""
    if all(early):
        shares = " and ".join(
            f"{percent(group['solved'])} of {name}"
            for name, group in zip((first, second), early, strict=True)
        )
        start = f"after 100 epochs {shares} replicates have solved the task, and "
    text = [
        f"With the original's step size of 0.01, {start}after {params.train.epochs:,} epochs "
        f"{_beats(original, first, second)}.",
        f"With each model's best step size ({steps}; chosen on other seeds), "
        f"{percent(fresh.metrics[first]['solved'])} of the {first} and "
        f"{percent(fresh.metrics[second]['solved'])} of the {second} replicates have solved it, and "
        f"{_beats(fresh, first, second)}.",
    ]
    for ours, theirs in controls:
        text.append(f"Against {theirs}, the control, {_beats(fresh, ours, theirs)}.")
    return " ".join(text)


def figure(sweep: Mapping[float, Experiment], fresh: Experiment, pairs: Sequence[str]) -> Figure:
    """Draw, a panel a pair, the probability that the first model beats the second in each run, with its interval."""
    runs = [(f"step size {lr:g}", one) for lr, one in sweep.items()] + [("each model's best", fresh)]
    drawing = Figure(figsize=(8.5, 3.4), layout="constrained")
    panels = drawing.subplots(1, len(pairs), squeeze=False, sharey=True)[0]
    for axes, pair in zip(panels, pairs, strict=True):
        for row, (_, one) in enumerate(runs):
            p, low, high = (float(one.comparisons.loc[pair, key]) for key in ("p", "p_low", "p_high"))
            fresh_row = one is fresh
            axes.plot([low, high], [row, row], color="#222222", linewidth=3 if fresh_row else 1.5)
            axes.plot(p, row, "D" if fresh_row else "o", color="#222222", markersize=9 if fresh_row else 7)
        axes.axvline(0.5, color=NEUTRAL, linestyle=DOTS)
        axes.set_xlim(0, 1)
        axes.set_title(pair, fontsize=13)
        axes.set_xlabel("probability of improvement")
    panels[0].set_yticks(range(len(runs)), [title for title, _ in runs])
    panels[0].invert_yaxis()
    return drawing


def report(
    sweep: Mapping[float, Experiment],
    fresh: Experiment,
    best: Mapping[str, float],
    shares: Mapping[str, tuple[float, float]],
    params: Params,
) -> str:
    """Return reports/study/README.md."""
    names = list(best)
    lines = [
        "# The study",
        "",
        sentences(sweep[ORIGINAL_LR], fresh, best, params),
        "",
        "![Probability that stacked beats single, and wide, at each step size](answer.png)",
        "",
        f"Made by `make study`: {REPLICATES} replicates a model and run, {params.train.epochs:,} epochs. The step "
        f"sizes {', '.join(f'{lr:g}' for lr in LRS)} were tried with initial weights of seed {SELECTION_SEED}; for "
        "each model the one with the lowest interquartile mean of the test MSE was chosen, and the last rows are "
        f"fresh replicates of seed {FRESH_SEED}. Lines in the figure are 95 % intervals, each by itself. Verdicts "
        f"other than that on {params.evaluate.primary} are by intervals widened for their number. More columns are "
        "in `sweep.csv`.",
        "",
        f"| run | {' | '.join(f'{name}: IQM of test MSE, solved' for name in names)} |",
        f"| --- | {' | '.join('---:' for _ in names)} |",
    ]
    runs = [(f"step size {lr:g}", one) for lr, one in sweep.items()]
    for title, one in [*runs, ("each model's best, fresh seeds", fresh)]:
        cells = (
            f"{number(one.metrics[name]['test']['iqm'])}, {percent(one.metrics[name]['solved'])}"
            for name in names
        )
        lines.append(f"| {title} | {' | '.join(cells)} |")
    spread = "; ".join(
        f"{name} {percent(of_data)} and {percent(of_weights)}"
        for name, (of_data, of_weights) in shares.items()
    )
    lines += [
        "",
        f"How much of the spread comes from the data set: in {params.train.replicates} replicates on each of "
        f"{len(DATA_SEEDS)} data sets, at the default settings, the shares of the variance of log test MSE "
        f"that go with the data set and with the initial weights are: {spread}. The rest is their interplay.",
        "",
    ]
    return "\n".join(lines)


def _beats(one: Experiment, first: str, second: str) -> str:
    test: Mapping[str, Any] = one.metrics[f"{first}_vs_{second}"]["test"]
    interval = f"{100 * test['level']:.3g} % interval {limit(test['p_low'])} to {limit(test['p_high'])} %"
    text = f"{first} beats {second} in {percent(test['p'])} of pairs ({interval}): {test['verdict']}"
    if test["verdict"] == "inconclusive":
        text += f", where {percent(test['detectable'])} or more would have shown"
    return text
