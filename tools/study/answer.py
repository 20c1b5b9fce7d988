"""The study's answer: which step size is best for each model, three sentences, one figure, one page."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from stages import words
from stages.params import Params, split_pair
from stages.plot.figures import DOTS, NEUTRAL
from stages.words import number, percent
from tools.study.data_sets import mean_interval, shares_of_spread
from tools.study.experiments import Experiment, Study
from tools.study.settings import DATA_SEEDS, FRESH_SEED, LRS, ORIGINAL_LR, REPLICATES, SELECTION_SEED


def key(pair: str) -> str:
    """Return the name of a pair's group in metrics.json."""
    return "_vs_".join(split_pair(pair))


def earlier_epochs(model: Mapping[str, Any]) -> list[tuple[int, str]]:
    """Return the epochs before the last that the metrics of a model have, with their keys."""
    keys = [key for key in model if key.startswith("epoch_")]
    return [(int(key.removeprefix("epoch_")), key) for key in keys]


def limit(share: float) -> str:
    """Return a limit in whole percent, with a digit more where it would round to the 50 at which the verdict turns."""
    return words.chance(share).removesuffix(" %")


def shown(detectable: float) -> str:
    """Return what a run would have shown."""
    return words.detectable(detectable)


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Return the lines of a Markdown table."""
    return words.table(header, rows).splitlines()


SWEEP = (
    "run", "model", "lr", "test_median", "test_iqm", "test_iqm_low", "test_iqm_high", "solved", "solved_low",
    "solved_high", "diverged",
)  # fmt: skip
COMPARISONS = ("run", "pair", "epoch", "p", "p_low", "p_high")


def best_steps(sweep: Mapping[float, Experiment], models: Sequence[str]) -> dict[str, float]:
    """Return each model's step size with the lowest interquartile mean of the test MSE; the first of equals.

    One that diverged too often to have an interquartile mean is never chosen over one that has it.
    """

    def iqm(name: str, lr: float) -> float:
        value = sweep[lr].metrics[name]["test"]["iqm"]
        return float("inf") if value is None else value

    return {name: min(sweep, key=lambda lr: iqm(name, lr)) for name in models}


def sweep_rows(study: Study) -> Iterator[tuple]:
    """Yield the rows of SWEEP: a model in a run."""
    runs = [
        (f"lr {lr}, selection seeds", one, dict.fromkeys(study.best, lr)) for lr, one in study.sweep.items()
    ]
    runs.append(("best, fresh seeds", study.fresh, dict(study.best)))
    for title, one, lrs in runs:
        for name, lr in lrs.items():
            model = one.metrics[name]
            test = [model["test"][measure] for measure in ("median", "iqm", "iqm_low", "iqm_high")]
            solved = [model[measure] for measure in ("solved", "solved_low", "solved_high", "diverged")]
            yield title, name, lr, *("inf" if value is None else value for value in test), *solved


def comparison_rows(runs: Mapping[str, Experiment]) -> Iterator[tuple]:
    """Yield the rows of COMPARISONS: a pair in a run after an epoch, with the 95 % interval by itself."""
    for title, one in runs.items():
        for row in one.comparisons.itertuples():
            yield title, row.pair, row.epoch, row.p, row.p_low, row.p_high


def sentences(study: Study, params: Params) -> str:
    """Return the answer: at the original's settings, with each model's best step size, and against the control."""
    original, fresh = study.sweep[ORIGINAL_LR], study.fresh
    first, second = split_pair(params.evaluate.primary)
    controls = [split_pair(pair) for pair in params.evaluate.compare if pair != params.evaluate.primary]
    steps = ", ".join(f"{lr:g} for {name}" for name, lr in study.best.items())
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
        f"{percent(fresh.metrics[second]['solved'])} of the {second} replicates have solved it (IQM of the test MSE "
        f"{number(fresh.metrics[first]['test']['iqm'])} and {number(fresh.metrics[second]['test']['iqm'])}), and "
        f"{_beats(fresh, first, second)}.",
    ]
    for ours, theirs in controls:
        text.append(f"Against {theirs}, the control, {_beats(fresh, ours, theirs)}.")
    return " ".join(text)


def elsewhere_sentence(elsewhere: Mapping[str, Sequence[Experiment]], params: Params) -> str:
    """Return how often each pair's first model beats the second on other data sets, by the settings of the runs."""

    def beats(ones: Sequence[Experiment], pair: str) -> str:
        mean, low, high = mean_interval([float(one.last(pair)["p"]) for one in ones])
        return (
            "{} beats {}".format(*split_pair(pair))
            + f" in {percent(mean)} of pairs ({limit(low)} to {limit(high)} %)"
        )

    parts = (
        f"at {title} {' and '.join(beats(ones, pair) for pair in params.evaluate.compare)}"
        for title, ones in elsewhere.items()
    )
    replicates = f"{params.train.replicates} replicates a model each"
    return f"On {len(DATA_SEEDS)} other data sets, {replicates}: {'; '.join(parts)}."


def figure(runs: Mapping[str, Experiment], pairs: Sequence[str]) -> Figure:
    """Draw, a panel a pair, how often the first model beats the second in each run, with its 95 % interval."""
    drawing = Figure(figsize=(8.5, 3.6), layout="constrained")
    panels = drawing.subplots(1, len(pairs), squeeze=False, sharey=True)[0]
    for axes, pair in zip(panels, pairs, strict=True):
        for row, one in enumerate(runs.values()):
            p, low, high = (float(one.last(pair)[end]) for end in ("p", "p_low", "p_high"))
            reported = row == len(runs) - 1
            axes.plot([low, high], [row, row], color="#222222", linewidth=3 if reported else 1.5)
            axes.plot(p, row, "D" if reported else "o", color="#222222", markersize=9 if reported else 7)
        axes.axvline(0.5, color=NEUTRAL, linestyle=DOTS)
        axes.set_title("no difference", fontsize=11, color=NEUTRAL)
        axes.set_xlim(0, 1)
        axes.xaxis.set_major_formatter(PercentFormatter(1))
        axes.set_xlabel("{} beats {}, share of pairs".format(*split_pair(pair)))
    panels[0].set_yticks(range(len(runs)), list(runs))
    panels[0].invert_yaxis()
    return drawing


def report(study: Study, params: Params) -> str:
    """Return reports/study/README.md."""
    names, runs, pairs = list(study.best), study.titled(), params.evaluate.compare
    compared = [*earlier_epochs(study.fresh.metrics[names[0]]), (params.train.epochs, None)]
    lines = [
        "# The study",
        "",
        sentences(study, params),
        "",
        "![How often stacked beats single, and how often wide, at each step size](answer.png)",
        "",
        f"Made by `make study`: {REPLICATES} replicates a model and run, {params.train.epochs:,} epochs. The step "
        f"sizes {', '.join(f'{lr:g}' for lr in LRS)} were tried with initial weights of seed {SELECTION_SEED}; for "
        "each model the one with the lowest interquartile mean (IQM) of the test MSE was chosen, and the last rows are "
        f"fresh replicates of seed {FRESH_SEED}. Lines in the figure are 95 % intervals after the last epoch, each by "
        "itself.",
        "",
        *table(
            ["run", *(f"{name}: IQM of test MSE, solved" for name in names)],
            [[title, *(_outcome(one.metrics[name]) for name in names)] for title, one in runs.items()],
        ),
        "",
        "How often the first model beats the second, with the interval behind the verdict. That on "
        f"{params.evaluate.primary} after the last epoch is at 95 %, in each run by itself, so that of two such "
        "verdicts one is wrong by chance in up to one study of ten; all other intervals are widened for their number "
        "in a run.",
        "",
        *table(
            ["run", *(f"{pair}, {epoch:,} epochs" for pair in pairs for epoch, _ in compared)],
            [
                [title, *(_verdict(one.metrics[key(pair)], at) for pair in pairs for _, at in compared)]
                for title, one in runs.items()
            ],
        ),
        "",
        "## Other data sets",
        "",
        elsewhere_sentence(study.elsewhere, params),
        "",
        "These are means over data sets with their 95 % intervals (Student's t); the initial weights are the same in "
        "all. Of the variance of log test MSE, the shares that go with the data set and with the initial weights, the "
        "rest being their interplay:",
        "",
        *table(
            ["at", *(f"{name}: data set, weights" for name in names)],
            [[title, *_shares(ones, names)] for title, ones in study.elsewhere.items()],
        ),
        "",
        "The numbers are in `sweep.csv` and `comparisons.csv`, the latter with every interval at 95 % by itself.",
        "",
    ]
    return "\n".join(lines)


def _outcome(model: Mapping[str, Any]) -> str:
    return f"{number(model['test']['iqm'])}, {percent(model['solved'])}"


def _verdict(group: Mapping[str, Any], at: str | None) -> str:
    """Return what the metrics of a pair say after an epoch, by its key in them; None is the last."""
    test = (group[at] if at else group)["test"]
    return f"{percent(test['p'])} ({limit(test['p_low'])} to {limit(test['p_high'])} %), {test['verdict']}"


def _shares(ones: Sequence[Experiment], names: Sequence[str]) -> Iterator[str]:
    last = [one.outcomes[one.outcomes["epoch"] == one.outcomes["epoch"].max()] for one in ones]
    shares = shares_of_spread(last)
    for name in names:
        yield ", ".join(map(percent, shares[name]))


def _beats(one: Experiment, first: str, second: str) -> str:
    test: Mapping[str, Any] = one.metrics[f"{first}_vs_{second}"]["test"]
    interval = f"{100 * test['level']:.3g} % interval {limit(test['p_low'])} to {limit(test['p_high'])} %"
    text = f"{first} beats {second} in {percent(test['p'])} of pairs ({interval}): {test['verdict']}"
    if test["verdict"] == "inconclusive":
        text += f", where {shown(test['detectable'])} would have shown"
    return text
