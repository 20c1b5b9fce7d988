"""The statistics against scipy, against their definitions, and by simulation on two-humped outcomes."""

import math
from collections.abc import Iterable
from itertools import combinations
from pathlib import Path
from random import Random

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import ArrayLike, NDArray
from scipy import optimize, special, stats

from stages.evaluate import statistics
from stages.evaluate.statistics import Array
from stages.results import Estimate

SOLVED, BETTER, PLATEAU, WORSE = 1e-5, 1e-3, 4e-3, 4e-2
HUMPS = np.array([SOLVED, BETTER, PLATEAU, WORSE, np.inf])
SPREAD = 0.3  # of log MSE within a hump: humps do not overlap

INF = math.inf
outcomes = st.lists(st.sampled_from([0.0, 1.0, 2.0, 3.0, 5.0, 8.0, 13.0, INF]), min_size=2, max_size=12)
levels = st.floats(0.5, 0.999)
fixed = settings(derandomize=True, deadline=None)


def shares(
    solved: float = 0, better: float = 0, plateau: float = 0, worse: float = 0, diverged: float = 0
) -> Array:
    """The share of replicates on each of HUMPS; what is left over stays on the plateau."""
    left = 1 - (solved + better + plateau + worse + diverged)
    return np.array([solved, better, plateau + left, worse, diverged])


def draw(rng: np.random.Generator, shape: tuple[int, ...], humps: Array) -> Array:
    """Outcomes of replicates that land on HUMPS with these shares."""
    return HUMPS[rng.choice(len(HUMPS), size=shape, p=humps)] * np.exp(SPREAD * rng.standard_normal(shape))


def true_probability(a: Array, b: Array) -> float:
    """P(a < b) + P(a = b) / 2 for shares on HUMPS: a lower hump wins, one hump is a coin flip."""
    above = np.append(np.cumsum(b[::-1])[::-1][1:], 0)
    return float((a * (above + b / 2)).sum())


def true_interquartile_mean(humps: Array) -> float:
    """The mean of the middle half of a million outcomes spread evenly over the distribution."""
    counts = np.rint(humps * 1_000_000).astype(int)
    even = [
        hump * np.exp(SPREAD * special.ndtri((np.arange(count) + 0.5) / count))
        for hump, count in zip(HUMPS, counts, strict=True)
    ]
    return float(stats.trim_mean(np.concatenate(even), 0.25))


def verdicts(arms: Iterable[tuple[Array, Array]], level: float) -> NDArray[np.str_]:
    """The verdict of each experiment."""
    found = ((statistics.probability_of_improvement(a, b, level), min(len(a), len(b))) for a, b in arms)
    return np.array([statistics.verdict(p, replicates) for p, replicates in found])


def interval(estimate: Estimate) -> tuple[float, float]:
    """The two ends, which are there."""
    assert estimate.low is not None and estimate.high is not None
    return estimate.low, estimate.high


def improvement(a: ArrayLike, b: ArrayLike, level: float = 0.95) -> tuple[float, float]:
    """The interval of the probability of improvement."""
    return interval(statistics.probability_of_improvement(a, b, level))


# What goes in


def test_diverged_is_not_finite_or_worse_than_twice_the_constant() -> None:
    mse = [[0.1, 2.0, 2.1], [math.nan, INF, 0.0]]
    assert statistics.diverged(mse, 1.0).tolist() == [[False, False, True], [True, True, False]]


def test_nothing_finite_diverged_from_a_constant_target() -> None:
    assert statistics.diverged([0.1, math.nan], 0.0).tolist() == [False, True]


def test_r2_is_undefined_for_a_constant_target() -> None:
    scores = statistics.r2([0.0, 0.5, 2.0, INF], 2.0)
    assert scores is not None
    assert scores.tolist() == [1.0, 0.75, 0.0, -INF]
    assert statistics.r2([0.5], 0.0) is None


@pytest.mark.parametrize("values", [[], [1.0, math.nan], [[1.0, 2.0]]])
def test_what_is_not_one_number_a_replicate_is_refused(values: list[float]) -> None:
    with pytest.raises(ValueError, match="a replicate"):
        statistics.interquartile_mean(values)
    with pytest.raises(ValueError, match="a replicate"):
        statistics.probability_of_improvement([1.0, 2.0], values, 0.95)


def test_one_replicate_decides_nothing() -> None:
    alone = statistics.probability_of_improvement([1.0], [2.0, 3.0], 0.95)
    assert alone == Estimate(1.0, None, None)
    assert statistics.verdict(alone, 1) == "inconclusive"
    assert statistics.probability_of_improvement([2.0, 3.0], [1.0], 0.95) == Estimate(0.0, None, None)
    assert statistics.interquartile_mean_estimate([3.0], 0.95, np.random.default_rng(0)) == Estimate(
        3.0, None, None
    )
    assert statistics.share(1, 1, 0.95) == Estimate(1.0, None, None)
    assert statistics.share_difference(1, 1, 1, 2, 0.95) == Estimate(0.5, None, None)
    assert statistics.brunner_munzel_p([1.0], [2.0, 3.0]) is None
    assert statistics.detectable_probability(1, 1000, 0.8) is None


# The interquartile mean


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 7, 20, 41])
def test_interquartile_mean_is_the_trimmed_mean_of_quartered_replicates(n: int) -> None:
    values = np.random.default_rng(n).random(n)
    quartered = np.repeat(values, 4)
    assert statistics.interquartile_mean(values) == pytest.approx(stats.trim_mean(quartered, 0.25), rel=1e-12)


def test_interquartile_mean_is_infinite_once_more_than_a_quarter_diverged() -> None:
    assert statistics.interquartile_mean([INF, 1.0, 3.0, 2.0]) == 2.5
    assert statistics.interquartile_mean([INF, INF, 1.0, 2.0, 3.0]) == INF
    assert statistics.interquartile_mean([INF, INF]) == INF


def test_interquartile_mean_interval_is_scipys_bootstrap_at_the_expanded_level() -> None:
    values = np.random.default_rng(1).random(12)
    tail = stats.norm.cdf(math.sqrt(12 / 11) * stats.t.ppf(0.025, 11))
    expected = stats.bootstrap(
        (values,),
        lambda x, axis: stats.trim_mean(x, 0.25, axis=axis),
        confidence_level=1 - 2 * tail,
        n_resamples=50_000,
        method="percentile",
        rng=np.random.default_rng(2),
    ).confidence_interval
    found = statistics.interquartile_mean_estimate(values, 0.95, np.random.default_rng(3), resamples=50_000)
    assert interval(found) == pytest.approx((expected.low, expected.high), rel=0.02)


def test_interquartile_mean_interval_follows_the_generator() -> None:
    values = np.random.default_rng(0).random(20)
    first, again, other = (
        statistics.interquartile_mean_estimate(values, 0.95, np.random.default_rng(seed))
        for seed in (1, 1, 2)
    )
    assert first == again
    assert first != other


def test_interquartile_mean_interval_with_diverged_replicates_has_no_finite_high_end() -> None:
    values = [1.0] * 16 + [INF] * 4
    assert statistics.interquartile_mean_estimate(values, 0.95, np.random.default_rng(0)) == (1.0, 1.0, INF)


def test_interquartile_mean_interval_is_the_same_however_few_draws_are_held_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    values = np.random.default_rng(0).random(23)
    at_once = statistics.interquartile_mean_estimate(values, 0.95, np.random.default_rng(1))
    for draws in (1, 23 * 7 + 1):
        monkeypatch.setattr(statistics, "DRAWS", draws)
        assert statistics.interquartile_mean_estimate(values, 0.95, np.random.default_rng(1)) == at_once


# Shares


def test_share_interval_is_wilsons() -> None:
    # p = 0: from 0 to z^2 / (n + z^2)
    z2 = stats.norm.ppf(0.975) ** 2
    assert interval(statistics.share(0, 20, 0.95)) == pytest.approx((0, z2 / (20 + z2)))


@pytest.mark.parametrize(
    ("counts", "expected"),
    # Newcombe (1998), table II, method 10
    [
        ((56, 70, 48, 80), (0.0524, 0.3339)),
        ((9, 10, 3, 10), (0.1705, 0.8090)),
        ((5, 56, 0, 29), (-0.0381, 0.1926)),
        ((10, 10, 0, 10), (0.6075, 1.0)),
    ],
)
def test_share_difference_interval_is_newcombes(
    counts: tuple[int, int, int, int], expected: tuple[float, float]
) -> None:
    found = statistics.share_difference(*counts, 0.95)
    assert interval(found) == pytest.approx(expected, abs=5e-5)
    assert found.value == counts[0] / counts[1] - counts[2] / counts[3]


# The probability of improvement


@fixed
@given(outcomes, outcomes)
def test_probability_is_scipys_mann_whitney_statistic(a: list[float], b: list[float]) -> None:
    p = statistics.probability_of_improvement(a, b, 0.95).value
    assert p == pytest.approx(stats.mannwhitneyu(b, a, method="asymptotic").statistic / (len(a) * len(b)))
    assert p + statistics.probability_of_improvement(b, a, 0.95).value == pytest.approx(1)


@fixed
@given(outcomes, outcomes, levels)
def test_probability_interval_holds_p_within_0_and_1_and_mirrors(
    a: list[float], b: list[float], level: float
) -> None:
    found = statistics.probability_of_improvement(a, b, level)
    low, high = interval(found)
    low_mirrored, high_mirrored = improvement(b, a, level)
    assert 0 <= low <= found.value <= high <= 1
    assert (low, high) == pytest.approx((1 - high_mirrored, 1 - low_mirrored), abs=1e-9)


@fixed
@given(outcomes, outcomes, levels, levels)
def test_probability_interval_widens_with_the_level(
    a: list[float], b: list[float], one: float, other: float
) -> None:
    inner, outer = (improvement(a, b, choose(one, other)) for choose in (min, max))
    assert outer[0] <= inner[0] + 1e-9
    assert outer[1] >= inner[1] - 1e-9


@fixed
@given(outcomes, outcomes)
def test_no_pair_is_looked_at_and_the_interval_is_that_of_all_pairs(a: list[float], b: list[float]) -> None:
    """DeLong's variance as it is defined, by a table of all pairs; where it is 0, Newcombe's interval alone."""
    wins = np.less.outer(np.sort(a), np.sort(b)) + np.equal.outer(np.sort(a), np.sort(b)) / 2
    p, n_a, n_b = float(wins.mean()), len(a), len(b)
    variance = np.var(wins.mean(axis=1), ddof=1) / n_a + np.var(wins.mean(axis=0), ddof=1) / n_b
    expected = statistics._newcombe_interval(p, n_a, n_b, 0.95)
    if variance > 1e-20:
        low, high = statistics._wilson_interval(p, p * (1 - p) / variance, 0.95)
        expected = min(low, expected[0]), max(high, expected[1])
    found = statistics.probability_of_improvement(a, b, 0.95)
    assert found.value == wins.sum() / wins.size
    assert interval(found) == pytest.approx(expected, rel=1e-9, abs=1e-12)


@fixed
@given(outcomes, outcomes, st.randoms(use_true_random=False))
def test_probability_depends_on_the_order_of_outcomes_alone(
    a: list[float], b: list[float], random: Random
) -> None:
    shuffled = random.sample(a, len(a))
    expected = statistics.probability_of_improvement(a, b, 0.95)
    assert statistics.probability_of_improvement(shuffled, b, 0.95) == expected
    assert statistics.probability_of_improvement(np.exp2(a), np.exp2(b), 0.95) == expected


def test_probability_interval_is_wilsons_with_brunner_and_munzels_variance() -> None:
    rng = np.random.default_rng(4)
    a, b = draw(rng, (15,), shares()), draw(rng, (21,), shares(solved=0.5, worse=0.5))
    p = statistics.probability_of_improvement(a, b, 0.95).value
    variance = ((p - 0.5) / stats.brunnermunzel(a, b).statistic) ** 2
    size = p * (1 - p) / variance
    z = stats.norm.ppf(0.975)
    for end in improvement(a, b):
        assert abs(p - end) == pytest.approx(z * math.sqrt(end * (1 - end) / size))


def test_probability_interval_of_arms_that_separate_is_newcombes() -> None:
    def distance(q: float) -> float:
        # Newcombe (2006): theta = 1, m = 3, n = 5, so that m* = n* = 3
        return (1 - q) ** 2 - stats.norm.ppf(0.975) ** 2 * q * (1 - q) * (
            1 + 3 * (1 - q) / (2 - q) + 3 * q / (1 + q)
        ) / 15

    low = optimize.brentq(distance, 0.01, 0.99)
    a, b = [1.0, 2.0, 3.0], [4.0, 5.0, 6.0, 7.0, INF]
    assert improvement(a, b) == pytest.approx((low, 1))
    assert improvement(b, a) == pytest.approx((0, 1 - low))


def test_all_diverged_is_inconclusive() -> None:
    found = statistics.probability_of_improvement([INF] * 20, [INF] * 20, 0.95)
    low, high = interval(found)
    assert low < 0.5 < high
    assert statistics.verdict(found, 20) == "inconclusive"


@pytest.mark.parametrize(
    ("ends", "expected"),
    [
        ((0.51, 0.9), "better"),
        ((0.1, 0.49), "worse"),
        ((0.5, 0.9), "inconclusive"),
        ((0.1, 0.5), "inconclusive"),
        ((None, None), "inconclusive"),
    ],
)
def test_verdict_is_whether_the_interval_excludes_a_half(
    ends: tuple[float | None, float | None], expected: str
) -> None:
    assert statistics.verdict(Estimate(0.5, *ends), 5) == expected
    assert statistics.verdict(Estimate(0.5, *ends), 4) == "inconclusive"


@pytest.mark.parametrize("n", [2, 3, 4, 5, 6])
def test_small_arms_without_a_difference_rarely_get_a_verdict_in_all_their_orders(n: int) -> None:
    orders = list(combinations(range(2 * n), n))
    wrong = 0
    for a in orders:
        b = sorted(set(range(2 * n)) - set(a))
        p = statistics.probability_of_improvement(a, b, 0.95)
        wrong += statistics.verdict(p, n) != "inconclusive"
    assert wrong / len(orders) <= 0.05
    assert (wrong > 0) == (n >= 5)


def real_outcomes() -> Array:
    """The outcomes of all models in the default run: (replicates, measures), a measure an MSE at an epoch.

    The first is the primary question's, the test MSE after the last epoch.
    """
    table = pd.read_csv(Path(__file__).with_name("outcomes.csv"))  # a reader's own lie in reports/
    constant = {"test": 0.00410732, "train": 0.0040276}  # baseline.mean of its details.json
    gone = pd.DataFrame({key: statistics.diverged(table[f"{key}_mse"], constant[key]) for key in constant})
    mse = table[["test_mse", "train_mse"]].mask(gone.any(axis=1), INF)
    mse.index = pd.MultiIndex.from_frame(table[["model", "replicate", "epoch"]])
    columns = mse.unstack("epoch").sort_index(axis=1, level="epoch", ascending=False, sort_remaining=False)
    return columns.to_numpy()


def others_wrong(pool: Array, rng: np.random.Generator) -> float:
    """How often, of 5,000 experiments whose three models all are drawn from one pool, a verdict is wrong, the
    primary one left out.

    Args:
        pool: (replicates, measures), of which the first is the primary question's.
        rng: draws 20 replicates a model.

    """
    single, stacked, wide = rng.choice(pool, size=(3, 5_000, 20)).transpose(0, 3, 1, 2)
    pairs = [(a, b) for other in (single, wide) for a, b in zip(stacked, other, strict=True)][1:]
    level = statistics.widened(0.95, len(pairs))
    wrong = [verdicts(zip(*arms, strict=True), level) != "inconclusive" for arms in pairs]
    return float(np.mean(np.any(wrong, axis=0)))


@pytest.mark.slow
def test_two_arms_from_a_pool_of_real_outcomes_are_told_apart_in_at_most_one_of_twenty_experiments() -> None:
    arms = np.random.default_rng(3).choice(real_outcomes()[:, 0], size=(5_000, 2, 20))
    assert 0.01 <= (verdicts(arms, 0.95) != "inconclusive").mean() <= 0.055


@pytest.mark.slow
def test_the_other_verdicts_on_real_outcomes_are_wrong_in_at_most_one_of_twenty_experiments() -> None:
    pool = real_outcomes()
    assert pool.shape == (60, 4)
    assert 0.01 <= others_wrong(pool, np.random.default_rng(5)) <= 0.055


@pytest.mark.filterwarnings("error")
def test_brunner_munzel_is_scipys_or_the_permutation_test_where_that_has_none() -> None:
    a, b = [1.0, 2.0, 4.0, INF], [2.0, 3.0, 5.0, INF, INF]
    assert statistics.brunner_munzel_p(a, b) == stats.brunnermunzel(a, b).pvalue
    separate = [1.0, 2.0, 3.0], [4.0, 5.0, 6.0, 7.0]
    exact = stats.mannwhitneyu(*separate, method="exact").pvalue
    assert statistics.brunner_munzel_p(*separate) == pytest.approx(exact)
    assert statistics.brunner_munzel_p(*separate[::-1]) == pytest.approx(exact)
    assert statistics.brunner_munzel_p([INF, INF], [INF, INF, INF]) == 1.0


# By simulation: verdicts are wrong as rarely, and intervals hold as often, as they say


@pytest.mark.slow
@pytest.mark.parametrize("n", [5, 10, 20, 40])
def test_two_arms_from_one_pool_are_told_apart_in_at_most_one_of_twenty_experiments(n: int) -> None:
    rng = np.random.default_rng(n)
    pool = draw(rng, (200,), shares(solved=0.3, diverged=0.1))
    arms = rng.choice(pool, size=(5_000, 2, n))
    assert np.mean(verdicts(((a, b) for a, b in arms), 0.95) != "inconclusive") <= 0.055


@pytest.mark.slow
def test_the_other_verdicts_together_are_wrong_in_at_most_one_of_twenty_experiments() -> None:
    rng = np.random.default_rng(6)
    # train and test MSE at two epochs, of which one replicate's hang together
    first, last = (draw(rng, (200,), shares(solved=solved, diverged=0.05)) for solved in (0.1, 0.6))
    noise = np.exp(0.1 * rng.standard_normal((2, 200)))
    pool = np.stack([last, last * noise[0], first, first * noise[1]], axis=1)
    assert 0.01 <= others_wrong(pool, rng) <= 0.055


ARMS = {
    "as often": (shares(solved=0.3), shares(solved=0.3)),
    "slightly less often": (shares(solved=0.23), shares(solved=0.55)),
    "less often": (shares(solved=0.27), shares(solved=0.82)),
    "hardly ever against nearly always": (shares(solved=0.1), shares(solved=0.9)),
    "once in twenty against all but once": (shares(solved=0.05), shares(solved=0.95)),
    "within the hump": (shares(solved=0.95), shares(solved=0.97, better=0.03)),
    "between the humps of the other": (shares(), shares(solved=0.5, worse=0.5)),
    "more often, some diverged": (shares(solved=0.5, diverged=0.3), shares(solved=0.3, diverged=0.2)),
    "half of them diverged": (shares(solved=0.3, diverged=0.6), shares(solved=0.3, diverged=0.4)),
}


def coverage(intervals: Iterable[tuple[float, float]], true: float) -> float:
    """The share of intervals that hold the true value."""
    return float(np.mean([low <= true <= high for low, high in intervals]))


@pytest.mark.slow
@pytest.mark.parametrize("n", [5, 10, 20, 40])
@pytest.mark.parametrize("arms", ARMS)
def test_probability_interval_covers(arms: str, n: int) -> None:
    rng = np.random.default_rng(n)
    a, b = (draw(rng, (2_000, n), humps) for humps in ARMS[arms])
    intervals = (improvement(*pair) for pair in zip(a, b, strict=True))
    # few replicates take few values of p: no interval has 95 % for every arm, and more is the safe side
    most = 0.985 if n <= 10 else 0.975
    assert 0.93 <= coverage(intervals, true_probability(*ARMS[arms])) <= most


IQM_CASES = [(n, solved) for n in (5, 10, 20, 40) for solved in (0.1, 0.5, 0.7)]


@pytest.mark.slow
@pytest.mark.parametrize(("n", "solved"), [case for case in IQM_CASES if case != (5, 0.7)])
def test_interquartile_mean_interval_covers(n: int, solved: float) -> None:
    rng = np.random.default_rng(n)
    intervals = (
        interval(statistics.interquartile_mean_estimate(values, 0.95, rng, resamples=1_000))
        for values in draw(rng, (2_000, n), shares(solved=solved))
    )
    assert 0.93 <= coverage(intervals, true_interquartile_mean(shares(solved=solved))) <= 0.975


@pytest.mark.slow
def test_interquartile_mean_interval_of_five_is_their_range_which_can_miss_a_hump() -> None:
    rng = np.random.default_rng(5)
    experiments = draw(rng, (2_000, 5), shares(solved=0.7))
    ranges = [(values.min(), values.max()) for values in experiments]
    for ends, values in zip(ranges[:200], experiments[:200], strict=True):
        assert interval(statistics.interquartile_mean_estimate(values, 0.95, rng)) == pytest.approx(ends)
    true = true_interquartile_mean(shares(solved=0.7))
    assert coverage(ranges, true) == pytest.approx(1 - 0.7**5, abs=0.02)


@pytest.mark.slow
@pytest.mark.parametrize("n", [10, 20, 40])
def test_interquartile_mean_interval_covers_with_diverged_replicates(n: int) -> None:
    rng = np.random.default_rng(n)
    humps = shares(solved=0.5, diverged=0.1)
    intervals = (
        interval(statistics.interquartile_mean_estimate(values, 0.95, rng, resamples=1_000))
        for values in draw(rng, (2_000, n), humps)
    )
    assert 0.93 <= coverage(intervals, true_interquartile_mean(humps)) <= 0.975


def test_detectable_probability_is_what_the_design_says() -> None:
    assert statistics.detectable_probability(20, 20, 0.95) == pytest.approx(0.75, abs=0.005)
    found = [statistics.detectable_probability(n, n, 0.95) or 1.0 for n in (5, 10, 20, 40, 100, 150)]
    assert found == sorted(found, reverse=True)
    assert found[-2] > 0.6 > found[-1]
    assert statistics.detectable_probability(5, 5, 0.995) is None


@pytest.mark.slow
@pytest.mark.parametrize("level", [0.95, statistics.widened(0.95, 7)])
@pytest.mark.parametrize("n", [20, 40])
def test_detectable_probability_is_detected_with_the_power_it_says(n: int, level: float) -> None:
    rng = np.random.default_rng(n)
    p = statistics.detectable_probability(n, n, level)
    assert p is not None
    arms = zip(
        draw(rng, (2_000, n), shares(solved=p)), draw(rng, (2_000, n), shares(solved=1 - p)), strict=True
    )
    power = np.mean(verdicts(arms, level) == "better")
    assert power == pytest.approx(0.8, abs=0.05)


def test_a_constant_predictor_beyond_float32_is_compared_without_a_warning() -> None:
    with np.errstate(over="raise"):
        assert statistics.diverged(np.array([1.0, np.inf], np.float32), 1e60).tolist() == [False, True]
