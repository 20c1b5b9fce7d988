"""The nonlinearities, 16 lanes at a time, from operations that every CPU rounds alike.

Forward beside backward; h is what forward returned, so that z need not be kept.
"""

import numpy as np

from stages.train.exact.compiled import inlined
from stages.train.exact.vector import (
    absolute,
    add,
    copy_sign,
    div,
    fma,
    mul,
    power_of_two,
    splat,
    sub,
    where_less,
    where_less_equal,
)

f4 = np.float32

# A float32 this large has no room for a fraction: to add it is to round. Its last bits then are an exponent's.
SHIFT = 1.5 * 2**23 + 127
LOG2 = 0.6931471805599453
# From here on exp(2 |z|) - 1 >= 2^25, to which adding 2 changes nothing: the quotient is 1, 1 ulp from tanh.
SATURATED = 8.66434
# What a float32 of log(2) / 2 leaves; and from where on, in -z, the sigmoid is no normal number.
HALF_LOG2_REST = LOG2 / 2 - float(f4(LOG2 / 2))
SUBNORMAL = 87.33654

# A saturated network's gradients shrink step by step into the subnormal numbers, on which many CPUs are 30 times
# slower. Adam divides by at least 1e-8, so that a gradient under 2^-100 (8e-31) could not move a weight anyway.
DUST = 2.0**-100
# So would the products of a saturated network's gates. What a gate under 2^-32 (2e-10) lets through of numbers about
# 1 is lost in Adam's 1e-8 likewise, and a few such factors are too few to make a subnormal number of what is no dust.
SHUT = 2.0**-32


@inlined
def half_expm1(r):
    """(exp(2 r) - 1) / 2 where |2 r| <= log(2) / 2, off by a relative 1.7e-8 and the rounding.

    exp(r) - 1 = r + r^2 p(r), p of degree 4, minimax in relative error (tools/fit_tanh.py).
    """
    p = fma(splat(f4(2**5 * 0.0013882521)), r, splat(f4(2**4 * 0.0083665205)))
    p = fma(p, r, splat(f4(2**3 * 0.0416672)))
    p = fma(p, r, splat(f4(2**2 * 0.16666543)))
    p = fma(p, r, splat(f4(2 * 0.49999997)))
    return fma(mul(r, r), p, r)


@inlined
def tanh(z):
    """tanh(z) = e / (e + 2), where e = exp(2 |z|) - 1, with the sign of z.

    2 |z| = n log 2 + r with |r| <= log(2) / 2, so e = 2^n (exp(r) - 1) + (2^n - 1), which cancels nothing.
    Below, r and e are half of these, which rounds nothing and saves steps.

    Largest error over all float32: 2.57 ulp; 1 ulp where |z| >= 4. Odd; z itself where |z| < 2^-25; never
    above 1, and 1 from 8.66434 on; the next larger float's tanh is at most 1 ulp smaller; nan stays nan.
    """
    a = absolute(z)
    a = where_less(splat(f4(SATURATED)), a, splat(f4(SATURATED)), a)  # in this order a nan passes
    shifted = fma(a, splat(f4(2 / LOG2)), splat(f4(SHIFT)))
    n = sub(shifted, splat(f4(SHIFT)))
    # One float32 of log 2 is enough: its error grows with n, while the slope of tanh falls much faster.
    p = half_expm1(fma(n, splat(f4(-LOG2 / 2)), a))
    s = power_of_two(shifted)
    e = fma(s, p, fma(s, splat(f4(0.5)), splat(f4(-0.5))))
    return copy_sign(div(e, add(e, splat(f4(1)))), z)


@inlined
def tanh_backward(h, gradient):
    """gradient * (1 - h^2), without dust."""
    return without_dust(mul(gradient, fma(mul(h, splat(f4(-1))), h, splat(f4(1)))))


@inlined
def sigmoid(z):
    """sigmoid(z) = 1 / (1 + exp(-z)), where -z = n log 2 + r and exp(-z) = 2^n (exp(r) - 1) + 2^n.

    Largest error over all float32 where the result is a normal number: 2.45 ulp. Where it is not, under -87.33654, it
    is 0; 1 from 16.28896 on. Monotone: no float's sigmoid is smaller than that of a smaller float. nan stays nan.
    """
    a = mul(z, splat(f4(-0.5)))
    a = where_less(a, splat(f4(-9)), splat(f4(-9)), a)  # here it is 1 already; a nan passes
    shifted = fma(a, splat(f4(2 / LOG2)), splat(f4(SHIFT)))
    n = sub(shifted, splat(f4(SHIFT)))
    r = fma(n, splat(f4(-HALF_LOG2_REST)), fma(n, splat(f4(-LOG2 / 2)), a))
    s = power_of_two(shifted)
    half = fma(s, half_expm1(r), fma(s, splat(f4(0.5)), splat(f4(0.5))))  # of 1 + exp(-z)
    return div(splat(f4(0.5)), where_less(splat(f4(SUBNORMAL / 2)), a, splat(f4(np.inf)), half))


@inlined
def gate(z):
    """sigmoid(z), but 0 where it is under SHUT."""
    s = sigmoid(z)
    return where_less(s, splat(f4(SHUT)), splat(f4(0)), s)


@inlined
def sigmoid_backward(s, gradient):
    """gradient * s (1 - s), without dust."""
    return without_dust(mul(gradient, fma(mul(s, splat(f4(-1))), s, s)))


@inlined
def relu(z):
    """max(z, 0); nan stays nan."""
    return where_less(z, splat(f4(0)), splat(f4(0)), z)


@inlined
def relu_backward(h, gradient):
    """`gradient` where h is above 0 or nan, else 0, without dust."""
    return without_dust(where_less_equal(h, splat(f4(0)), splat(f4(0)), gradient))


@inlined
def without_dust(d):
    """`d`, but 0 in the lanes where it is between -DUST and DUST."""
    return where_less(absolute(d), splat(f4(DUST)), splat(f4(0)), d)
