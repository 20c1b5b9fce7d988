"""The two nonlinearities, 16 lanes at a time, from operations that IEEE 754 rounds the same everywhere."""

import numpy as np

from stages.train.compiled import compiled
from stages.train.vector import div, fma, mul, splat, where_less, where_less_equal

f4 = np.float32

# A saturated network's gradients shrink step by step into the subnormal numbers, on which many CPUs are 30 times
# slower. Adam divides by at least 1e-8, so that a gradient under 2^-100 (8e-31) could not move a weight anyway.
DUST = 2.0**-100


@compiled
def tanh(x):
    """tanh(x) as x P(x^2) / Q(x^2)."""
    limit = splat(f4(8.3))
    x = where_less(limit, x, limit, x)
    x = where_less(x, splat(f4(-8.3)), splat(f4(-8.3)), x)
    one = splat(f4(1))
    q = mul(x, x)
    p = fma(q, splat(f4(1.3384294e-8)), splat(f4(2.0635825e-5)))
    p = fma(q, p, splat(f4(0.0034974579)))
    p = fma(q, p, splat(f4(0.13382687)))
    p = fma(q, p, one)
    d = fma(q, splat(f4(7.7902507e-7)), splat(f4(0.00032885176)))
    d = fma(q, d, splat(f4(0.025884362)))
    d = fma(q, d, splat(f4(0.46716009)))
    d = fma(q, d, one)
    return div(mul(x, p), d)


@compiled
def tanh_backward(h, gradient):
    """gradient * (1 - h^2), where h = tanh(z), without dust."""
    return without_dust(mul(gradient, fma(mul(splat(f4(-1)), h), h, splat(f4(1)))))


@compiled
def relu(x):
    """max(x, 0); nan stays nan."""
    return where_less(x, splat(f4(0)), splat(f4(0)), x)


@compiled
def relu_backward(h, gradient):
    """`gradient` where h = relu(z) > 0 or nan, else 0, without dust."""
    return without_dust(where_less_equal(h, splat(f4(0)), splat(f4(0)), gradient))


@compiled
def without_dust(d):
    """`d`, but 0 in the lanes where it is between -DUST and DUST."""
    above = where_less(splat(f4(-DUST)), d, splat(f4(0)), d)
    return where_less(d, splat(f4(DUST)), above, d)
