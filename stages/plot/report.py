"""reports/README.md: what a forge shows on opening the folder. The verdict first, then figures, then all numbers."""

import math
from collections.abc import Iterator, Mapping
from pathlib import Path

from stages import words
from stages.params import Params, split_pair
from stages.plot import forecasts
from stages.results import REPORTS, ModelOutcome, PairMeasure, Results, Split, figure_path
from stages.words import number, percent


def verdict(results: Results, params: Params) -> str:
    """Return the answer as a person would say it; of a series first whether any network beats the best baseline.

    Pairs that were left out come last, since what the run said of them has long scrolled by.
    """
    first = [forecasts.sentence(results.forecasts)] if results.forecasts else []
    left_out = [
        f"{pair} is left out: {reason}."
        for pair, reason in params.left_out().items()
        if pair != params.evaluate.primary
    ]
    return " ".join([*first, _verdict(results, params), *left_out])


def _verdict(results: Results, params: Params) -> str:
    """Return the answer to the primary question, generated from the numbers."""
    pair = params.evaluate.primary
    if reason := params.left_out().get(pair):
        return f"No verdict: the primary question is {pair}, and there is {reason}."
    if params.train.replicates == 1:
        return (
            f"One replicate decides nothing: no verdict on {pair}. Raise `train.replicates` in `params.yaml`."
        )
    first, second = (results.models[name] for name in split_pair(pair))
    learned = [
        f"After {words.epochs(epoch)} {_learned(first.at(epoch), second.at(epoch), results, params)}"
        for epoch in results.epochs(params.train.epochs)
    ]
    return f"{'. '.join(learned)}, and {words.beats(pair, results.pairs[pair].last.test)}."


def report(results: Results, params: Params, note: str, figures: Mapping[str, str]) -> str:
    """Return the whole page as Markdown; `note` is what the task says of itself, `figures` have what each shows."""
    return words.fill(
        Path(__file__).with_name("report.md.jinja"),
        verdict=verdict(results, params),
        summary=words.records(_summary(results)),
        epochs=results.epochs(params.train.epochs)[::-1],
        models=lambda epoch: words.records(_models(results, epoch)),
        has_pairs=bool(results.pairs),
        pairs=lambda epoch: words.records(_pairs(results, epoch)),
        params=params,
        words=words,
        figures={figure_path(name).relative_to(REPORTS): text for name, text in figures.items()},
        forecasts=forecasts.section(results.forecasts) if results.forecasts else None,
        solved=solved(results, params),
        note=note,
    )


def solved(results: Results, params: Params) -> str:
    """Return what it takes to have solved the task."""
    if results.forecasts:
        r2 = number(results.forecasts.solved_r2)
        return f"test R2 of {r2} or more, at least that of the {results.forecasts.best}"
    return f"test R2 of {params.evaluate.solved_r2:g} or more"


def _learned(first: ModelOutcome, second: ModelOutcome, results: Results, params: Params) -> str:
    """Return how many replicates of the two models of the primary question have solved the task."""
    names = split_pair(params.evaluate.primary)
    if first.solved.value == second.solved.value == 0:
        scores = (
            f"{_median_r2(outcome)} for {name}" for name, outcome in zip(names, (first, second), strict=True)
        )
        simple, r2 = words.CONSTANT, "0"
        if results.forecasts:
            simple, r2 = results.forecasts.best, number(results.forecasts.solved_r2)
        neither = f"neither {' nor '.join(names)} has {_success(results)}"
        return f"{neither} (median test R2 {' and '.join(scores)}; the {simple} has {r2})"
    shares = (
        f"{percent(outcome.solved.value)} of the {name}"
        for name, outcome in zip(names, (first, second), strict=True)
    )
    return f"{' and '.join(shares)} replicates have {_success(results)} ({solved(results, params)})"


def _median_r2(outcome: ModelOutcome) -> str:
    """Return the R2 of the median, or why there is none."""
    if outcome.test.r2 is None:
        return "diverged" if outcome.test.median == math.inf else "undefined"
    return number(outcome.test.r2)


def _success(results: Results) -> str:
    """Return what it is called to have solved the task."""
    return f"done as well as the {results.forecasts.best}" if results.forecasts else "solved the task"


def _summary(results: Results) -> Iterator[dict[str, str]]:
    """Yield a row a model, of what it came to after the last epoch."""
    against: dict[str, list[str]] = {name: [] for name in results.models}
    for pair, compared in results.pairs.items():
        first, second = split_pair(pair)
        against[first].append(f"{words.verdict(compared.last.test)} against {second}")
    for name, model in results.models.items():
        yield {
            "model": name,
            "solved": words.with_interval(model.last.solved, percent),
            "typical test MSE": words.with_interval(model.last.test.iqm, number),
            "verdict": ", ".join(against[name]),
        }


def _models(results: Results, epoch: int) -> Iterator[dict[str, str]]:
    """Yield a row a model, of all numbers after an epoch; then a row a baseline."""
    for name, model in results.models.items():
        outcome = model.at(epoch)
        yield {
            "model": name,
            "parameters": f"{model.parameters:,}",
            "multiply-adds": f"{model.multiply_adds:,}",
            "training MSE": number(outcome.train.median),
            "test MSE": number(outcome.test.median),
            "IQM": words.with_interval(outcome.test.iqm, number),
            "R2": number(outcome.test.r2),
            "solved": words.with_interval(outcome.solved, percent),
            "diverged": percent(outcome.diverged),
        }
    base = results.baseline
    for text, mse in ((words.CONSTANT, base.mean), ("least squares on all numbers", base.least_squares)):
        test, train = (number(mse.test), number(mse.train)) if mse else ("none", "none")
        yield {"model": text, "training MSE": train, "test MSE": test}


def _pairs(results: Results, epoch: int) -> Iterator[dict[str, str]]:
    """Yield two rows a pair, of all numbers after an epoch: by the test MSE and by the training MSE."""
    for pair, compared in results.pairs.items():
        outcome = compared.at(epoch)
        for part in Split._fields:
            measure: PairMeasure = getattr(outcome, part)
            interval = words.interval(measure.p, number)
            yield {
                "pair": pair,
                "MSE": part,
                "P": number(measure.p.value),
                "interval": f"{interval} ({words.level(measure.level)})",
                "p value": number(measure.p_value),
                "verdict": measure.verdict,
                "detects": number(measure.detectable) if measure.verdict == "inconclusive" else "",
                "difference solved": words.with_interval(outcome.solved_difference, percent)
                if part == "test"
                else "",
            }
