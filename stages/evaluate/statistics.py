"""Statistics over replicates: pure functions on arrays.

`values`, `a` and `b` are one MSE a replicate, shape (replicates,); lower is better. A diverged replicate is
+inf: the worst outcome there is, tied with every other diverged one, and never dropped. nan is a ValueError
here; `outcomes.py` turns it into inf first. A result may be inf where its inputs are, and is never nan;
None says that it is undefined, as both ends of every interval of a single replicate are.
"""

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import optimize, special, stats

from stages.results import FEWEST_REPLICATES, Estimate, Verdict

Array = NDArray[np.float64]

RESAMPLES = 10_000
DRAWS = 2**18  # that the bootstrap holds in memory


def diverged(mse: ArrayLike, constant_mse: float) -> NDArray[np.bool_]:
    """Tell which losses, of any shape, are not finite or worse than twice the constant predictor's.

    A constant target, on which that predictor is exact, leaves the first half of the rule.
    """
    limit = 2 * constant_mse if constant_mse > 0 else np.inf
    return ~(np.isfinite(mse) & (np.asarray(mse, dtype=float) <= limit))


def r2(mse: ArrayLike, target_variance: float) -> Array | None:
    """R2 = 1 - MSE / Var(y), of any shape: -inf for a diverged replicate, None for a constant target."""
    return 1 - np.asarray(mse, dtype=float) / target_variance if target_variance > 0 else None


def interquartile_mean(values: ArrayLike) -> float:
    """Mean of the middle half of the values; inf when more than a quarter of them are.

    Exactly half of the weight counts, for any number of replicates: those on the quartiles count in part.
    Where the number divides by four this is `scipy.stats.trim_mean(values, 0.25)`, which rliable (Agarwal et
    al. 2021) takes. Elsewhere that keeps more than half (three values of five), so that what it means would
    change with the number of replicates.
    """
    values = _ordered(values)
    return float(_interquartile_means(values, np.ones((1, len(values)), dtype=int))[0])


def interquartile_mean_estimate(
    values: ArrayLike, level: float, rng: np.random.Generator, resamples: int = RESAMPLES
) -> Estimate:
    """The interquartile mean with its expanded percentile bootstrap interval (Hesterberg 2015, The American
    Statistician 69, 371).

    The tails of the percentile interval move from alpha / 2 to Phi(sqrt(n / (n - 1)) t), t the alpha / 2
    quantile of Student's t with n - 1 degrees of freedom: what a bootstrap of few values lacks in spread. It
    never leaves the range of the values, and for five it is that range: where all five often land on one hump
    it covers less than it says, as any interval within the range must. The high end is inf when over a quarter
    of diverged replicates is within the tail; the low end still means something.
    """
    values = _ordered(values)
    n = len(values)
    mean = interquartile_mean(values)
    if n < 2:
        return Estimate(mean)
    means = np.empty(resamples)
    # At a time; the generator goes on where it stopped, so that no draw depends on it.
    rows = max(DRAWS // n, 1)
    for first in range(0, resamples, rows):
        block = means[first : first + rows]
        draws = rng.integers(n, size=(len(block), n)) + n * np.arange(len(block))[:, None]
        counts = np.bincount(draws.ravel(), minlength=draws.size).reshape(draws.shape)
        block[:] = _interquartile_means(values, counts)
    means.sort()
    tail = special.ndtr(math.sqrt(n / (n - 1)) * special.stdtrit(n - 1, (1 - level) / 2))
    rank = int(tail * resamples)
    return Estimate(mean, float(means[rank]), float(means[-1 - rank]))


def _interquartile_means(ordered: Array, counts: NDArray[np.int_]) -> Array:
    """The mean for each row of counts, shape (rows, n): how often each of the n ordered values was drawn."""
    n = len(ordered)
    middle = np.clip(np.cumsum(counts, axis=1), n / 4, 3 * n / 4)
    weights = np.diff(middle, axis=1, prepend=n / 4)
    # 0 * inf is nan: a diverged replicate outside the middle half has no say
    return np.multiply(weights, ordered, out=np.zeros_like(weights), where=weights > 0).sum(axis=1) / (n / 2)


def share(count: int, total: int, level: float) -> Estimate:
    """Share of a whole, with Wilson's score interval (Wilson 1927), as scipy has it."""
    if total < 2:
        return Estimate(count / total)
    return Estimate(count / total, *_wilson_interval_of_count(count, total, level))


def share_difference(count_a: int, total_a: int, count_b: int, total_b: int, level: float) -> Estimate:
    """Share a less share b, with its interval (Newcombe 1998, Statistics in Medicine 17, 873, method 10)."""
    a, b = count_a / total_a, count_b / total_b
    if min(total_a, total_b) < 2:
        return Estimate(a - b)
    a_low, a_high = _wilson_interval_of_count(count_a, total_a, level)
    b_low, b_high = _wilson_interval_of_count(count_b, total_b, level)
    return Estimate(
        a - b,
        a - b - math.hypot(a - a_low, b_high - b),
        a - b + math.hypot(a_high - a, b - b_low),
    )


def probability_of_improvement(a: ArrayLike, b: ArrayLike, level: float) -> Estimate:
    """P(a < b) + P(a = b) / 2 over all pairs, how often a replicate of a beats one of b, with its interval.

    That is the wider, at each end, of two score intervals of the probability of improvement p.

    - Wilson's with the effective size p (1 - p) / V, V the variance by DeLong et al. (1988, Biometrics 44,
      837), an idea of Mee's (1990, JASA 85, 793). It needs no model, but V is too small, or 0, when the arms
      (nearly) separate.
    - Newcombe's method 5 (2006, Statistics in Medicine 25, 559). Its variance is a model's, and too small
      when one arm lies between the humps of the other.

    Neither is enough alone: tests/evaluate/test_statistics.py has a case for each.
    """
    a, b = _ordered(a), _ordered(b)
    n_a, n_b = len(a), len(b)
    # How many of the other arm each replicate of a beats, and how many beat each of b; a tie is half. No pair is
    # looked at, yet sums of halves are exact, so that V is 0 exactly when it should be.
    wins, losses = n_b - _placements(a, b), _placements(b, a)
    p = float(wins.sum() / (n_a * n_b))
    if min(n_a, n_b) < 2:
        return Estimate(p)
    low, high = _newcombe_interval(p, n_a, n_b, level)
    variance = float(wins.var(ddof=1) / (n_a * n_b**2) + losses.var(ddof=1) / (n_b * n_a**2))
    if variance > 0:
        wilson_low, wilson_high = _wilson_interval(p, p * (1 - p) / variance, level)
        low, high = min(low, wilson_low), max(high, wilson_high)
    return Estimate(p, low, high)


def brunner_munzel_p(a: ArrayLike, b: ArrayLike) -> float | None:
    """Two-sided p value of p = 0.5 (Brunner and Munzel 2000, Biometrical Journal 42, 17), as scipy has it.

    Where the variance is 0 scipy has nan; there the test's permutation version (Neubert and Brunner 2007,
    CSDA 51, 5192) has an answer: arms that separate are matched by at most two of all ways to deal the values
    out; all values tied give 1. None when either arm has one replicate.
    """
    a, b = _ordered(a), _ordered(b)
    if min(len(a), len(b)) < 2:
        return None
    if a[-1] < b[0] or b[-1] < a[0]:
        return 2 / math.comb(len(a) + len(b), len(a))
    if a[0] == a[-1] == b[0] == b[-1]:
        return 1.0
    return float(stats.brunnermunzel(a, b).pvalue)


def verdict(p: Estimate, replicates: int) -> Verdict:
    """Whether the interval of the probability of improvement excludes 0.5.

    `replicates` is the smaller arm's number; fewer than five decide nothing.
    """
    if p.low is None or p.high is None or replicates < FEWEST_REPLICATES:
        return "inconclusive"
    if p.low <= 0.5 <= p.high:
        return "inconclusive"
    return "better" if p.low > 0.5 else "worse"


def widened(level: float, comparisons: int) -> float:
    """Bonferroni: the level of each of so many intervals at which all hold together at `level`."""
    return 1 - (1 - level) / comparisons


def detectable_probability(n_a: int, n_b: int, level: float, power: float = 0.8) -> float | None:
    """The probability of improvement for which so many replicates give a verdict with this power.

    From the design alone, never from the effect observed. Both arms are on the same two humps; p of a's
    replicates reach the lower one and 1 - p of b's. Then a's probability of improvement is p, and each
    placement variance of DeLong is p (1 - p) / 3, so that the estimate of p varies as the share of
    3 n_a n_b / (n_a + n_b + 1) coin flips. DeLong's V, with its divisors n - 1, expects one more in that
    divisor; with it Wilson's interval excludes 0.5 from 0.5 + z / (2 sqrt(flips)) up. The answer is the p
    whose estimate passes that limit with the power asked for. Simulated, on humps and for a shift, the power
    is within 5 points of 80 % from 20 replicates an arm on; at 10 it can be 12 points less.
    None when no outcome would be enough, as with fewer than five replicates.
    """
    if min(n_a, n_b) < FEWEST_REPLICATES:
        return None
    limit = 0.5 + _z(level) / 2 * math.sqrt((n_a + n_b + 2) / (3 * n_a * n_b))
    flips = 3 * n_a * n_b / (n_a + n_b + 1)

    def excess(p: float) -> float:
        return p - limit - float(special.ndtri(power)) * math.sqrt(p * (1 - p) / flips)

    return float(optimize.brentq(excess, limit, 1)) if limit < 1 else None


def _ordered(values: ArrayLike) -> Array:
    """The values in ascending order, so that no rounding depends on the order of the replicates."""
    ordered = np.sort(np.asarray(values, dtype=float))
    if ordered.ndim != 1 or len(ordered) == 0 or np.isnan(ordered).any():
        raise ValueError(f"expected one number, not nan, a replicate, found {ordered}")
    return ordered


def _placements(values: Array, others: Array) -> Array:
    """How many of the ordered `others` lie below each of `values`, (values,); one that ties counts half."""
    return (np.searchsorted(others, values, "left") + np.searchsorted(others, values, "right")) / 2


def _z(level: float) -> float:
    """The two-sided quantile of the normal distribution."""
    return float(special.ndtri((1 + level) / 2))


def _wilson_interval_of_count(count: int, total: int, level: float) -> tuple[float, float]:
    low, high = stats.binomtest(count, total).proportion_ci(level, method="wilson")
    return float(low), float(high)


def _wilson_interval(share: float, size: float, level: float) -> tuple[float, float]:
    """Wilson's interval for any size; scipy's takes whole counts alone."""
    z2 = _z(level) ** 2
    centre = share + z2 / (2 * size)
    half = math.sqrt(z2 * (share * (1 - share) / size + z2 / (4 * size**2)))
    return (centre - half) / (1 + z2 / size), (centre + half) / (1 + z2 / size)


def _newcombe_interval(p: float, n_a: int, n_b: int, level: float) -> tuple[float, float]:
    """Where (p - q)^2 = z^2 V(q), V by Hanley and McNeil (1982) with both sizes averaged (method 5)."""
    z2 = _z(level) ** 2
    others = (n_a + n_b) / 2 - 1

    def high(p: float) -> float:
        def excess(q: float) -> float:
            factor = 1 + others * (1 - q) / (2 - q) + others * q / (1 + q)
            return (q - p) ** 2 - z2 * q * (1 - q) * factor / (n_a * n_b)

        # q = 0 is another root when p = 0
        return 1.0 if p == 1 else float(optimize.brentq(excess, max(p, 1e-12), 1))

    return 1 - high(1 - p), high(p)
