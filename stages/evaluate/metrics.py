"""reports/metrics.json: nested single numbers, since DVC's tables have no place for lists and nulls."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from stages.evaluate import statistics
from stages.evaluate.baselines import constant_mse, least_squares_mse
from stages.evaluate.outcomes import Outcomes, comparison_epochs
from stages.files import Dataset, Weights
from stages.params import Params, split_pair

LEVEL = 0.95  # of every interval by itself, and of all verdicts but the primary one together
MEASURES = ("test", "train")


def all_metrics(
    params: Params,
    dataset: Dataset,
    results: Mapping[str, Outcomes],
    weights: Mapping[str, Weights],
    rng: Callable[[str], np.random.Generator],
) -> dict[str, Any]:
    """Return the content of reports/metrics.json.

    Args:
        params: the whole of params.yaml.
        dataset: what the models were trained and tested on.
        results: each model's outcomes.
        weights: each model's, with a leading replicate axis.
        rng: gives the generator for a model's bootstrap.

    """
    last = params.train.epochs
    earlier = comparison_epochs(params.evaluate.at_epochs, params.train.eval_every, last)
    variance = {
        "test": float(dataset.y_test.astype(float).var()),
        "train": float(dataset.y_train.astype(float).var()),
    }
    baselines = {"mean": constant_mse(dataset), "least_squares": least_squares_mse(dataset) or (None, None)}
    metrics: dict[str, Any] = {
        "baseline": {
            **{name: {"test": test, "train": train} for name, (train, test) in baselines.items()},
            "variance": variance,
        }
    }
    for name, outcomes in results.items():
        metrics[name] = {
            "parameters": parameters(weights[name]),
            "multiply_adds": multiply_adds(weights[name], dataset.x_train.shape[1]),
            **model_metrics(outcomes.at(last), variance, rng(name)),
        }
        for epoch in earlier:
            metrics[name][f"epoch_{epoch}"] = model_metrics(outcomes.at(epoch), variance, rng(name))

    compared = pairs(params, results)
    others = len(compared) * (1 + len(earlier)) * len(MEASURES) - (params.evaluate.primary in compared)
    all_widened = dict.fromkeys(MEASURES, statistics.widened(LEVEL, max(others, 1)))
    for pair, (a, b) in compared.items():
        primary = {"test": LEVEL} if pair == params.evaluate.primary else {}
        metrics[key(pair)] = pair_metrics(a.at(last), b.at(last), all_widened | primary)
        for epoch in earlier:
            metrics[key(pair)][f"epoch_{epoch}"] = pair_metrics(a.at(epoch), b.at(epoch), all_widened)
    return metrics


def pairs(params: Params, results: Mapping[str, Outcomes]) -> dict[str, tuple[Outcomes, Outcomes]]:
    """Return both models' outcomes of each pair in `evaluate.compare`, but for pairs with a model not there."""
    named = {pair: split_pair(pair) for pair in params.evaluate.compare}
    return {pair: (results[a], results[b]) for pair, (a, b) in named.items() if a in results and b in results}


def parameters(weights: Weights) -> int:
    """Return how many numbers one replicate trains; `weights` have a leading replicate axis."""
    return sum(array[0].size for array in weights.values())


def multiply_adds(weights: Weights, seq_length: int) -> int:
    """Return the multiplications and additions, counted in pairs, of one prediction: every weight, every step."""
    recurrent = sum(array[0].size for name, array in weights.items() if name.startswith("rnn.weight"))
    return seq_length * recurrent + weights["linear.weight"][0].size


def model_metrics(now: Outcomes, variance: dict[str, float], rng: np.random.Generator) -> dict[str, Any]:
    """Return what the replicates of one model came to.

    Args:
        now: the model's outcomes at one epoch, arrays of shape (replicates,).
        variance: of the targets, by measure.
        rng: for the bootstrap.

    """
    metrics: dict[str, Any] = {}
    for measure in MEASURES:
        values = getattr(now, measure)
        median = float(np.median(values))
        r2 = statistics.r2(median, variance[measure])
        iqm = statistics.interquartile_mean_interval(values, LEVEL, rng)
        metrics[measure] = {
            "median": median,
            "r2": None if r2 is None else float(r2),
            "iqm": statistics.interquartile_mean(values),
            **ends("iqm", iqm),
        }
    replicates = len(now.solved)
    solved = statistics.share_interval(int(now.solved.sum()), replicates, LEVEL) if replicates > 1 else None
    return metrics | {
        "solved": float(now.solved.mean()),
        **ends("solved", solved),
        "diverged": float(now.diverged.mean()),
    }


def pair_metrics(a: Outcomes, b: Outcomes, levels: dict[str, float]) -> dict[str, Any]:
    """Return how often, at one epoch, a replicate of the first model beats one of the second.

    Args:
        a: the first model's outcomes, arrays of shape (replicates,).
        b: the second's.
        levels: of the interval behind the verdict, by measure.

    """
    metrics: dict[str, Any] = {}
    for measure in MEASURES:
        ours, theirs, level = getattr(a, measure), getattr(b, measure), levels[measure]
        interval = statistics.probability_of_improvement_interval(ours, theirs, level)
        verdict = statistics.verdict(interval, min(len(ours), len(theirs)))
        metrics[measure] = {
            "p": statistics.probability_of_improvement(ours, theirs),
            **ends("p", interval),
            "level": level,
            "p_value": statistics.brunner_munzel_p(ours, theirs),
            "verdict": verdict,
        }
        if verdict == "inconclusive":
            detectable = statistics.detectable_probability(len(ours), len(theirs), level)
            metrics[measure]["detectable"] = detectable
    counts = int(a.solved.sum()), len(a.solved), int(b.solved.sum()), len(b.solved)
    enough = min(len(a.solved), len(b.solved)) > 1
    difference = statistics.share_difference_interval(*counts, levels["test"]) if enough else None
    return metrics | {
        "solved_difference": float(a.solved.mean() - b.solved.mean()),
        **ends("solved_difference", difference),
    }


def ends(name: str, interval: statistics.Interval | None) -> dict[str, float | None]:
    """Return the two ends of an interval as `name_low` and `name_high`."""
    low, high = interval or (None, None)
    return {f"{name}_low": low, f"{name}_high": high}


def key(pair: str) -> str:
    """Return the name of a pair's group in metrics.json: "stacked_vs_single"."""
    return "_vs_".join(split_pair(pair))
