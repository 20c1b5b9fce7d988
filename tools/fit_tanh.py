"""Find the polynomial in `tanh`, which is that of degree 4 in float32: python -m tools.fit_tanh."""

import math
from argparse import ArgumentParser

import numpy as np

HALF = np.log(2) / 2 * 1.0001  # r is rounded too
R = HALF * np.cos(np.linspace(0, np.pi, 2000))
EXACT = sum(R**k / math.factorial(k + 2) for k in range(20))  # (exp(r) - 1 - r) / r^2, without cancellation


def error(coefficients: np.ndarray | list[float]) -> np.ndarray:
    """The relative error of r + r^2 p(r) as exp(r) - 1 at R; coefficients of p from the constant term up."""
    return R**2 * (np.polynomial.polynomial.polyval(R, coefficients) - EXACT) / np.expm1(R)


def fit(degree: int) -> np.ndarray:
    """The p that makes the largest error least, by Lawson's algorithm.

    Least squares, again and again, the weight of each point multiplied by the error there, until the large
    ones are all alike.
    """
    powers = np.vander(R / HALF, degree + 1, increasing=True)
    weights = np.ones_like(R)
    for _ in range(1000):
        root = np.abs(R**2 / np.expm1(R)) * np.sqrt(weights)
        coefficients = np.linalg.lstsq(powers * root[:, np.newaxis], EXACT * root)[0] / HALF ** np.arange(
            degree + 1
        )
        weights *= np.abs(error(coefficients))
        weights /= weights.max()
    return coefficients


if __name__ == "__main__":
    ArgumentParser(prog="python -m tools.fit_tanh", description=__doc__).parse_args()
    for degree in (3, 4, 5):
        print(degree, fit(degree), np.abs(error(fit(degree))).max())
