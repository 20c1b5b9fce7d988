"""The numbers of reports/details.json: of each model, and of each pair that is compared."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from stages.architecture import Architecture
from stages.evaluate import statistics
from stages.evaluate.outcomes import Outcomes
from stages.params import split_pair
from stages.results import LEVEL, Model, ModelMeasure, ModelOutcome, Pair, PairMeasure, PairOutcome, Split


def model(
    architecture: Architecture,
    seq_length: int,
    outcomes: Outcomes,
    epochs: Sequence[int],
    variance: Split,
    rng: Callable[[], np.random.Generator],
) -> Model:
    """Return a model's size and what its replicates came to at some epochs, the last one last.

    `variance` is that of the targets; `rng` gives the generator for the bootstrap, which starts anew at every epoch.
    """
    *earlier, last = (model_outcome(outcomes.at(epoch), variance, rng()) for epoch in epochs)
    sizes = architecture.parameters(), architecture.multiply_adds(seq_length)
    return Model(*sizes, last, dict(zip(epochs, earlier, strict=False)))


def model_outcome(now: Outcomes, variance: Split, rng: np.random.Generator) -> ModelOutcome:
    """Return what the replicates of one model came to at one epoch, where arrays are (replicates,)."""
    test, train = (model_measure(getattr(now, part), getattr(variance, part), rng) for part in Split._fields)
    solved = statistics.share(int(now.solved.sum()), len(now.solved), LEVEL)
    return ModelOutcome(test, train, solved, float(now.diverged.mean()))


def model_measure(mse: np.ndarray, variance: float, rng: np.random.Generator) -> ModelMeasure:
    """Return what one MSE of the replicates, (replicates,), comes to; `variance` is that of its targets."""
    median = float(np.median(mse))
    r2 = statistics.r2(median, variance)
    return ModelMeasure(
        median,
        float(r2) if r2 is not None and np.isfinite(r2) else None,
        statistics.interquartile_mean_estimate(mse, LEVEL, rng),
    )


def pairs(
    outcomes: Mapping[str, Outcomes], compare: Sequence[str], primary: str, epochs: Sequence[int]
) -> dict[str, Pair]:
    """Return how the models of each pair of `compare` compare at some epochs, the last one last.

    All verdicts but the primary one, on the test MSE after the last epoch, are at the level at which they hold
    together (Bonferroni). The primary pair is one of `compare` but where its models are not there.
    """
    others = len(compare) * len(epochs) * len(Split._fields) - (primary in compare)
    widened = statistics.widened(LEVEL, max(others, 1))

    def at(pair: str, epoch: int) -> PairOutcome:
        asked = pair == primary and epoch == epochs[-1]
        a, b = (outcomes[name].at(epoch) for name in split_pair(pair))
        return pair_outcome(a, b, Split(test=LEVEL if asked else widened, train=widened))

    return {
        pair: Pair(at(pair, epochs[-1]), {epoch: at(pair, epoch) for epoch in epochs[:-1]})
        for pair in compare
    }


def pair_outcome(a: Outcomes, b: Outcomes, levels: Split) -> PairOutcome:
    """Return how often, at one epoch, a replicate of the first model beats one of the second.

    Args:
        a: the first model's outcomes, arrays of shape (replicates,).
        b: the second's.
        levels: of the intervals behind the verdicts.
    """
    test, train = (
        pair_measure(getattr(a, part), getattr(b, part), getattr(levels, part)) for part in Split._fields
    )
    counts = int(a.solved.sum()), len(a.solved), int(b.solved.sum()), len(b.solved)
    return PairOutcome(test, train, statistics.share_difference(*counts, levels.test))


def pair_measure(a: np.ndarray, b: np.ndarray, level: float) -> PairMeasure:
    """Return the comparison of two models by one MSE of their replicates, (replicates,) each."""
    p, replicates = statistics.probability_of_improvement(a, b, level), (len(a), len(b))
    verdict = statistics.verdict(p, min(replicates))
    undecided = verdict == "inconclusive"
    detectable = statistics.detectable_probability(*replicates, level) if undecided else None
    return PairMeasure(p, level, statistics.brunner_munzel_p(a, b), verdict, detectable)
