"""reports/README.md: what a forge shows on opening the folder. The verdict first, then tables, then figures."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from stages.params import Params, split_pair

FIGURES = {
    "losses": "Training loss against the epoch, a line a model",
    "improvement": "Probability that one model beats another against the epoch",
    "solved": "Share of replicates that have solved the task against the epoch",
    "final": "Distribution of the final test MSE over replicates, a line a model",
    "cost": "Test MSE against the multiply-adds spent on training",
    "predictions": "Predicted against true means of the test sequences, a panel a model",
}


def verdict(metrics: Mapping[str, Any], params: Params) -> str:
    """Return the answer to the primary question as a person would say it, generated from the numbers.

    Args:
        metrics: reports/metrics.json.
        params: the whole of params.yaml.

    """
    pair = params.evaluate.primary
    first, second = split_pair(pair)
    group = metrics.get(f"{first}_vs_{second}")
    if group is None:
        return f"No verdict: the primary question is {pair}, and not both are in `models:` of `params.yaml`."
    if params.train.replicates == 1:
        return (
            f"One replicate decides nothing: no verdict on {pair}. Raise `train.replicates` in `params.yaml`."
        )
    sentences = [
        f"After {_epochs(epoch)} {_learned(metrics[first][key], metrics[second][key], first, second, params)}."
        for epoch, key in earlier_epochs(metrics[first])
    ]
    now = _learned(metrics[first], metrics[second], first, second, params)
    beats = _beats(group["test"], first, second, params.train.replicates)
    return " ".join([*sentences, f"After {_epochs(params.train.epochs)} {now}, and {beats}."])


def report(metrics: Mapping[str, Any], params: Params) -> str:
    """Return the whole page as Markdown.

    Args:
        metrics: reports/metrics.json.
        params: the whole of params.yaml.

    """
    models = {name: metrics[name] for name in params.models}
    pairs = {name: group for name, group in metrics.items() if "_vs_" in name}
    epochs = [(params.train.epochs, None), *reversed(earlier_epochs(next(iter(models.values()))))]
    sections = ["# Results", "", verdict(metrics, params), ""]
    for epoch, key in epochs:
        sections += [f"## After {_epochs(epoch)}", ""]
        rows = [_model_row(name, group, group[key] if key else group) for name, group in models.items()]
        sections += table(MODEL_COLUMNS, [*rows, *_baseline_rows(metrics["baseline"])])
        if pairs:
            sections += ["", *table(PAIR_COLUMNS, _pair_rows(pairs, key))]
        sections += [""]
    sections += [
        f"Replicates a model: {params.train.replicates}, each from its own initial weights. "
        "MSE is on the test data where the table says nothing else. IQM is the interquartile mean, the mean of the "
        "middle half. R2 is that of the median. A replicate has solved the task when its test R2 is "
        f"{params.evaluate.solved_r2:g} or more, and has diverged when a loss is not finite or worse than twice the "
        "constant predictor's; it then counts as worst. Intervals of models are at 95 %. P is the probability that "
        "a replicate of the first model beats one of the second. The verdict is by whether its interval excludes 0.5: "
        f"the primary one ({params.evaluate.primary}, test MSE, last epoch) at 95 %, all others at the wider level in "
        "brackets, so that together they are wrong at most once in 20. `detects` is the probability that this many "
        "replicates would have shown in 4 runs of 5, as they would 1 less it; none where they are too few for any "
        "verdict. The interval of the difference in shares solved is at the level of the pair's test MSE. A mean is "
        "a linear function of the sequence, so least squares, where there are sequences enough, solves this task up "
        "to rounding: a network that has not solved it was let down by its training, not by the task.",
        "",
    ]
    for name, text in FIGURES.items():
        sections += [f"![{text}](figures/{name}.png)", ""]
    sections += [
        "Made by `dvc repro` from `params.yaml`. The numbers are in `metrics.json` and the CSV files beside it.",
        "",
    ]
    return "\n".join(sections)


def earlier_epochs(model: Mapping[str, Any]) -> list[tuple[int, str]]:
    """Return the epochs before the last that the metrics of a model have, with their keys."""
    keys = [key for key in model if key.startswith("epoch_")]
    return [(int(key.removeprefix("epoch_")), key) for key in keys]


MODEL_COLUMNS = (
    "model", "parameters", "multiply-adds", "training MSE", "test MSE", "IQM", "R2", "solved", "diverged",
)  # fmt: skip
PAIR_COLUMNS = ("pair", "MSE", "P", "interval", "p value", "verdict", "detects", "difference solved")


def _learned(a: Mapping[str, Any], b: Mapping[str, Any], first: str, second: str, params: Params) -> str:
    """Return how many replicates of both have solved the task."""
    if a["solved"] == b["solved"] == 0:
        scores = f"median test R2 {_score(a)} for {first} and {_score(b)} for {second}"
        return f"neither model has solved the task ({scores}; predicting the mean has 0)"
    return (
        f"{percent(a['solved'])} of the {first} and {percent(b['solved'])} of the {second} replicates have solved "
        f"the task (test R2 of {params.evaluate.solved_r2:g} or more)"
    )


def _score(model: Mapping[str, Any]) -> str:
    return "undefined" if model["test"]["r2"] is None else number(model["test"]["r2"])


def _beats(test: Mapping[str, Any], first: str, second: str, replicates: int) -> str:
    interval = f"95 % interval {limit(test['p_low'])} to {limit(test['p_high'])} %"
    text = f"{first} beats {second} in {100 * test['p']:.0f} % of pairs ({interval}): {test['verdict']}"
    if test["verdict"] != "inconclusive":
        return text
    if test["detectable"] is None:
        return f"{text}; {replicates} replicates are too few to show anything"
    return f"{text}; {replicates} replicates would have shown {shown(test['detectable'])}"


def shown(detectable: float) -> str:
    """Return what a run would have shown, either way, by the probability of improvement that it detects."""
    return f"{percent(1 - detectable)} or less, or {percent(detectable)} or more"


def limit(share: float) -> str:
    """Return a limit in whole percent, with a digit more where it would round to the 50 at which the verdict turns."""
    rounded = round(100 * share)
    return str(rounded) if (rounded - 50) * (share - 0.5) > 0 or share == 0.5 else f"{100 * share:.1f}"


def _model_row(name: str, model: Mapping[str, Any], now: Mapping[str, Any]) -> tuple[str, ...]:
    test, train = now["test"], now["train"]
    return (
        name,
        _count(model["parameters"]),
        _count(model["multiply_adds"]),
        number(train["median"]),
        number(test["median"]),
        f"{number(math.inf if test['iqm'] is None else test['iqm'])} "
        f"({_range(test['iqm_low'], test['iqm_high'], number)})",
        number(test["r2"]),
        f"{percent(now['solved'])} ({_range(now['solved_low'], now['solved_high'], percent)})",
        percent(now["diverged"]),
    )


def _baseline_rows(baseline: Mapping[str, Any]) -> list[tuple[str, ...]]:
    names = {"mean": "constant predictor", "least_squares": "least squares on all numbers"}
    return [
        (text, "", "", number(baseline[key]["train"]), number(baseline[key]["test"]), *[""] * 4)
        for key, text in names.items()
    ]


def _pair_rows(pairs: Mapping[str, Any], key: str | None) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for name, group in pairs.items():
        now = group[key] if key else group
        for measure in ("test", "train"):
            values = now[measure]
            low, high = now["solved_difference_low"], now["solved_difference_high"]
            solved = f"{percent(now['solved_difference'])} ({_range(low, high, percent)})"
            rows.append(
                (
                    name.replace("_vs_", " vs "),
                    measure,
                    number(values["p"]),
                    f"{_range(values['p_low'], values['p_high'], number)} ({100 * values['level']:.3g} %)",
                    number(values["p_value"]),
                    values["verdict"],
                    number(values["detectable"]) if "detectable" in values else "",
                    solved if measure == "test" else "",
                )
            )
    return rows


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Return the lines of a Markdown table, all but the first column to the right."""
    rule = ("---", *("---:" for _ in header[1:]))
    return [f"| {' | '.join(row)} |" for row in (header, rule, *rows)]


def number(value: float | None) -> str:
    """Return `value` with 3 significant digits; "none" where it is undefined."""
    return "none" if value is None else f"{value:.3g}"


def percent(share: float) -> str:
    """Return `share` in whole percent; "undefined" for nan."""
    return "undefined" if math.isnan(share) else f"{100 * share:.0f} %"


def _epochs(count: int) -> str:
    return f"{count:,} epoch{'' if count == 1 else 's'}"


def _count(value: int) -> str:
    return f"{value:,}"


def _range(low: float | None, high: float | None, text: Any) -> str:
    if low is None and high is None:
        return "none"
    return f"{'-inf' if low is None else text(low)} to {'inf' if high is None else text(high)}"
