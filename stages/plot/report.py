"""reports/README.md: what a forge shows on opening the folder. The verdict first, then tables, then figures."""

from collections.abc import Iterator
from pathlib import Path

from stages import words
from stages.params import Params, split_pair
from stages.plot import forecasts
from stages.results import REPORTS, ModelOutcome, PairMeasure, Results, Split, figure_path
from stages.words import number, percent

# The figures of the report with a text for those who cannot see them.
ALT_TEXTS = {
    "losses": "Training loss against the epoch, a panel a model",
    "improvement": "How often one model beats another against the epoch, a panel a pair",
    "solved": "Share of replicates that have solved the task against the epoch, a panel a model",
    "final": "Distribution of the final test MSE over replicates, a panel a model",
    "cost": "Test MSE against the multiply-adds spent on training, a panel a model",
    "predictions": "Predicted against true targets of the test sequences, a panel a model",
}
SUMMARY_COLUMNS = ("model", "solved", "typical test MSE", "verdict")
MODEL_COLUMNS = (
    "model", "parameters", "multiply-adds", "training MSE", "test MSE", "IQM", "R2", "solved", "diverged",
)  # fmt: skip
PAIR_COLUMNS = ("pair", "MSE", "P", "interval", "p value", "verdict", "detects", "difference solved")


def verdict(results: Results, params: Params) -> str:
    """Return the answer as a person would say it; of a series first whether any network beats the best baseline."""
    answer = _verdict(results, params)
    return f"{forecasts.sentence(results.forecasts)} {answer}" if results.forecasts else answer


def _verdict(results: Results, params: Params) -> str:
    """Return the answer to the primary question, generated from the numbers."""
    pair = params.evaluate.primary
    if pair not in results.pairs:
        return f"No verdict: the primary question is {pair}, and not both are in `models:` of `params.yaml`."
    if params.train.replicates == 1:
        return (
            f"One replicate decides nothing: no verdict on {pair}. Raise `train.replicates` in `params.yaml`."
        )
    first, second = (results.models[name] for name in split_pair(pair))
    earlier = [
        f"After {words.epochs(epoch)} {_learned(outcome, second.earlier[epoch], results, params)}."
        for epoch, outcome in first.earlier.items()
    ]
    test = results.pairs[pair].last.test
    text = f"{_learned(first.last, second.last, results, params)}, and {words.beats(pair, test)}"
    if test.verdict == "inconclusive":
        text += f"; {params.train.replicates} replicates "
        text += (
            "are too few to show anything"
            if test.detectable is None
            else f"would have shown {words.detectable(test.detectable)}"
        )
    return " ".join([*earlier, f"After {words.epochs(params.train.epochs)} {text}."])


def report(results: Results, params: Params, note: str) -> str:
    """Return the whole page as Markdown; `note` is what the task says of itself."""
    last = [(words.epochs(params.train.epochs), None)]
    alt_texts = ALT_TEXTS | (
        {"predictions": forecasts.alt_text(results.forecasts)} if results.forecasts else {}
    )
    earlier = [(words.epochs(epoch), epoch) for epoch in next(iter(results.models.values())).earlier]
    return words.fill(
        Path(__file__).with_name("report.md.jinja"),
        verdict=verdict(results, params),
        summary=words.table(SUMMARY_COLUMNS, _summary_rows(results)),
        epochs=last + earlier[::-1],
        models=lambda at: words.table(MODEL_COLUMNS, _model_rows(results, at)),
        has_pairs=bool(results.pairs),
        pairs=lambda at: words.table(PAIR_COLUMNS, _pair_rows(results, at)),
        params=params,
        figures={figure_path(name).relative_to(REPORTS): text for name, text in alt_texts.items()},
        forecasts=forecasts.section(results.forecasts) if results.forecasts else None,
        solved=solved(results, params),
        note=note,
        constant=words.CONSTANT,
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
            f"{'undefined' if outcome.test.r2 is None else number(outcome.test.r2)} for {name}"
            for name, outcome in zip(names, (first, second), strict=True)
        )
        other = (
            f"the {results.forecasts.best} has {number(results.forecasts.solved_r2)}"
            if results.forecasts
            else None
        )
        return (
            f"neither model has solved the task (median test R2 {' and '.join(scores)}; "
            f"{other or f'the {words.CONSTANT} has 0'})"
        )
    shares = (
        f"{percent(outcome.solved.value)} of the {name}"
        for name, outcome in zip(names, (first, second), strict=True)
    )
    return f"{' and '.join(shares)} replicates have solved the task ({solved(results, params)})"


def _summary_rows(results: Results) -> Iterator[tuple[str, ...]]:
    """Yield the rows of SUMMARY_COLUMNS after the last epoch."""
    for name, model in results.models.items():
        against = {split_pair(pair): compared.last.test for pair, compared in results.pairs.items()}
        yield (
            name,
            words.with_interval(model.last.solved, percent),
            words.with_interval(model.last.test.iqm, number),
            ", ".join(
                f"{test.verdict} against {second}"
                for (first, second), test in against.items()
                if first == name
            ),
        )


def _model_rows(results: Results, at: int | None) -> Iterator[tuple[str, ...]]:
    """Yield the rows of MODEL_COLUMNS after an epoch, None for the last; then the baselines'."""
    for name, model in results.models.items():
        outcome = model.last if at is None else model.earlier[at]
        yield (
            name,
            f"{model.parameters:,}",
            f"{model.multiply_adds:,}",
            number(outcome.train.median),
            number(outcome.test.median),
            words.with_interval(outcome.test.iqm, number),
            number(outcome.test.r2),
            words.with_interval(outcome.solved, percent),
            percent(outcome.diverged),
        )
    mean, least_squares, _ = results.baseline
    for text, mse in (("constant predictor", mean), ("least squares on all numbers", least_squares)):
        shown = [number(mse.train), number(mse.test)] if mse else ["none", "none"]
        yield text, "", "", *shown, *[""] * 4


def _pair_rows(results: Results, at: int | None) -> Iterator[tuple[str, ...]]:
    """Yield the rows of PAIR_COLUMNS after an epoch, None for the last."""
    for pair, compared in results.pairs.items():
        outcome = compared.last if at is None else compared.earlier[at]
        for part in Split._fields:
            measure: PairMeasure = getattr(outcome, part)
            yield (
                pair,
                part,
                number(measure.p.value),
                f"{words.interval(measure.p, number)} ({words.level(measure.level)})",
                number(measure.p_value),
                measure.verdict,
                number(measure.detectable) if measure.verdict == "inconclusive" else "",
                words.with_interval(outcome.solved_difference, percent) if part == "test" else "",
            )
