"""Adam: Kingma and Ba, arXiv:1412.6980, algorithm 1, rounded in the order of torch.optim.Adam; and clipping before it:
Pascanu, Mikolov and Bengio, arXiv:1211.5063, algorithm 1, with the 1e-6 of torch.nn.utils.clip_grad_norm_.
"""

import math
from typing import NamedTuple

import numpy as np

from stages.train.exact.compiled import compiled
from stages.train.exact.vector import LANES, add, div, fma, load, mul, splat, sqrt, store, sub, sum_lanes

BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-8
f4 = np.float32


class Adam(NamedTuple):
    """The settings."""

    lr: float
    clip_norm: np.float32  # inf for none
    powers: np.ndarray  # of the betas, (2,) float64; `step` updates them


def powers_after(steps: int) -> np.ndarray:
    """Return the betas' powers (2,) after so many steps, multiplied one at a time, as `step` does."""

    def power(beta: float) -> float:
        # Under 2^-54, 1 - power is 1, however small.
        enough = min(steps, math.ceil(-54 / math.log2(beta)) + 1)
        return float(np.multiply.accumulate(np.append(1.0, np.full(enough, beta)))[-1])

    return np.array([power(BETA1), power(BETA2)])


@compiled
def step(memory, net, adam):
    """One step; weights and the moments mean and square (n) are updated, from gradient (n)."""
    weights, gradient, mean, square = net.weights, net.gradient, net.mean, net.square
    n = gradient - weights
    coefficient = splat(f4(1))
    if adam.clip_norm < f4(np.inf):
        coefficient = splat(clip_coefficient(memory, gradient, n, adam.clip_norm))
    adam.powers[0] *= BETA1
    adam.powers[1] *= BETA2
    rate = splat(f4(-adam.lr / (1 - adam.powers[0])))
    root = splat(f4(np.sqrt(1 - adam.powers[1])))
    for p in range(0, n, LANES):
        g = mul(coefficient, load(memory, gradient + p))
        m = load(memory, mean + p)
        m = fma(splat(f4(1 - BETA1)), sub(g, m), m)
        v = fma(mul(splat(f4(1 - BETA2)), g), g, mul(splat(f4(BETA2)), load(memory, square + p)))
        store(memory, mean + p, m)
        store(memory, square + p, v)
        denominator = add(div(sqrt(v), root), splat(f4(EPSILON)))
        store(memory, weights + p, add(load(memory, weights + p), div(mul(rate, m), denominator)))


@compiled
def clip_coefficient(memory, gradient, n, clip_norm):
    """min(1, clip_norm / (the gradient's norm + 1e-6)); nan where the norm is."""
    squares = splat(f4(0))
    for p in range(0, n, LANES):
        g = load(memory, gradient + p)
        squares = fma(g, g, squares)
    coefficient = clip_norm / (np.sqrt(sum_lanes(squares)) + f4(1e-6))
    return f4(1) if coefficient > f4(1) else coefficient
