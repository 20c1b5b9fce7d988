"""The nonlinearities against float64, over every float32, and against what PyTorch does at the odd values."""

import numpy as np
import pytest
import torch
from numba import njit

from stages.train.exact.activations import gate, relu, relu_backward, sigmoid, sigmoid_backward, tanh
from stages.train.exact.vector import LANES, load, store
from tools.fit_tanh import error, fit

ONE = 0x3F800000
INFINITY = 0x7F800000


def of_one(function):  # type: ignore[no-untyped-def]
    """A function of a vector as one of whole vectors x, into y."""

    @njit
    def each(x, y):  # type: ignore[no-untyped-def]
        for i in range(0, x.size, LANES):
            store(y, i, function(load(x, i)))

    return each


def of_two(function):  # type: ignore[no-untyped-def]
    """Likewise of two vectors."""

    @njit
    def each(h, gradient, y):  # type: ignore[no-untyped-def]
        for i in range(0, h.size, LANES):
            store(y, i, function(load(h, i), load(gradient, i)))

    return each


_tanh, _sigmoid, _gate, _relu = map(of_one, (tanh, sigmoid, gate, relu))
_sigmoid_backward, _relu_backward = map(of_two, (sigmoid_backward, relu_backward))


def apply(function, *arrays: np.ndarray) -> np.ndarray:  # type: ignore[no-untyped-def]
    """The function of arrays of any length."""
    padded = [np.pad(a, (0, -a.size % LANES)) for a in arrays]
    result = np.empty_like(padded[0])
    function(*padded, result)
    return result[: arrays[0].size]


def bits(x: float) -> int:
    return int(np.float32(x).view(np.uint32))


def floats(first: int, last: int, size: int = 1 << 15):  # type: ignore[no-untyped-def]
    """Every float32 from the bits `first` to `last`, in pieces that share an end and fit into a core's cache."""
    for start in range(first, last, size):
        yield np.arange(start, min(start + size, last) + 1, dtype=np.uint32).view(np.float32)


def ulps(y: np.ndarray, exact: np.ndarray) -> np.ndarray:
    """How far y is from `exact`, in units in the last place of a float32 of that size."""
    return np.abs(y - exact) / np.exp2(np.frexp(exact)[1] - 24.0)


@pytest.mark.slow
def test_tanh_of_every_float() -> None:
    """The figures that the docstring of `tanh` states."""
    worst, worst_from_4, decrease = 0.0, 0.0, 0
    for x in floats(bits(2**-25), bits(8.66434)):
        y = apply(_tanh, x)
        off = ulps(y, np.tanh(x.astype(np.float64)))
        worst = max(worst, off.max())
        worst_from_4 = max(worst_from_4, off[x >= 4].max(initial=0))
        decrease = max(decrease, -int(np.diff(y.view(np.int32)).min()))
        assert y.max() <= 1
    assert 2.56 < worst < 2.57, worst
    assert worst_from_4 <= 1, worst_from_4
    assert decrease == 1, decrease


@pytest.mark.slow
def test_tanh_of_every_small_and_large_float() -> None:
    for x in floats(0, bits(2**-25)):
        assert np.array_equal(apply(_tanh, x).view(np.uint32), x.view(np.uint32))
    for x in floats(bits(8.66434), INFINITY):
        y = apply(_tanh, x)
        assert y.min() == 1 and y.max() == 1


@pytest.mark.slow
@pytest.mark.parametrize(("sign", "one", "end"), [(1, 16.28896, 17.0), (-1, None, 87.34)])
def test_sigmoid_of_every_float(sign: int, one: float | None, end: float) -> None:
    """The figures that the docstring of `sigmoid` states; nearer to 0 than 2^-24 it is 1/2, rounded."""
    worst, least = 0.0, np.finfo(np.float32).tiny
    for x in floats(bits(2**-24), bits(end)):
        y = apply(_sigmoid, sign * x)
        exact = 1 / (1 + np.exp(-sign * x.astype(np.float64)))
        worst = max(worst, ulps(y, exact)[exact >= least].max(initial=0))
        assert np.all(sign * np.diff(y) >= 0)
        assert not y[exact < least].any() and not np.any(y[x >= one] != 1 if one else y == 1)
    assert (1.49 if sign > 0 else 2.44) < worst < (1.5 if sign > 0 else 2.45), worst


@pytest.mark.slow
def test_sigmoid_of_every_small_and_large_float() -> None:
    for x in floats(0, bits(2**-24)):
        for sign in (1, -1):
            assert np.abs(apply(_sigmoid, sign * x) - 0.5).max() <= 2**-25
    for x in floats(bits(17), INFINITY):
        assert apply(_sigmoid, x).min() == 1
        assert not apply(_sigmoid, -np.maximum(x, np.float32(87.34))).any()


def test_a_gate_is_a_sigmoid_or_shut() -> None:
    x = np.linspace(-100, 20, 100_001, dtype=np.float32)
    s, g = apply(_sigmoid, x), apply(_gate, x)
    shut = s < 2.0**-32
    assert 0 < shut.sum() < x.size / 1.5
    np.testing.assert_array_equal(g, np.where(shut, 0, s))


def test_tanh_is_odd() -> None:
    x = np.arange(0, INFINITY + 1, 997, dtype=np.uint32).view(np.float32)
    assert np.array_equal(apply(_tanh, -x).view(np.uint32), (-apply(_tanh, x)).view(np.uint32))


def test_tanh_near_one_is_rounded_correctly_or_1_ulp_off() -> None:
    x = np.linspace(4, 9.5, 1_000_001, dtype=np.float32)
    exact = np.tanh(x.astype(np.float64))
    y = apply(_tanh, x)
    assert np.all(y[exact.astype(np.float32) == 1] == 1)
    assert ulps(y, exact).max() <= 1.0


def test_special_values() -> None:
    x = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, 1e-45, -1e-45, 1e-37, 3.4e38], np.float32)
    y = apply(_tanh, x)
    assert np.array_equal(
        y, np.array([0, 0, 1, -1, np.nan, 1e-45, -1e-45, 1e-37, 1], np.float32), equal_nan=True
    )
    assert list(np.signbit(y[:2])) == [False, True]
    assert np.array_equal(apply(_relu, x), torch.relu(torch.tensor(x)).numpy(), equal_nan=True)
    for function in (_sigmoid, _gate):
        y = apply(function, x)
        assert np.array_equal(y, np.array([0.5, 0.5, 1, 0, np.nan, 0.5, 0.5, 0.5, 1]), equal_nan=True)


def test_relu_backward_is_that_of_pytorch() -> None:
    z = torch.tensor([-1.0, -0.0, 0.0, 1e-45, 2.0, torch.inf, torch.nan, -torch.inf], requires_grad=True)
    gradient = torch.tensor([1.0, 2.0, 3.0, 4.0, -5.0, 6.0, 7.0, torch.inf])
    torch.relu(z).backward(gradient)
    h = torch.relu(z).detach().numpy()
    assert np.array_equal(apply(_relu_backward, h, gradient.numpy()), z.grad.numpy(), equal_nan=True)  # type: ignore[union-attr]


def test_sigmoid_backward_is_that_of_float64() -> None:
    s, gradient = np.random.default_rng(0).random((2, 1000), dtype=np.float32)
    exact = gradient.astype(np.float64) * s * (1 - s.astype(np.float64))
    np.testing.assert_allclose(apply(_sigmoid_backward, s, gradient), exact, rtol=2e-7)
    odd = np.array([0, 1, np.nan, 0.5], np.float32)
    np.testing.assert_array_equal(apply(_sigmoid_backward, odd, np.ones_like(odd)), [0, 0, np.nan, 0.25])


def test_the_polynomial_is_minimax() -> None:
    source = [0.49999997, 0.16666543, 0.0416672, 0.0083665205, 0.0013882521]
    assert np.abs(error(source)).max() < 1.4 * np.abs(error(fit(4))).max()


def test_gradients_lose_their_dust_and_nothing_else() -> None:
    kept = np.array([2.0**-100, -(2.0**-100), 1e-20, -3, np.inf, -np.inf, np.nan], np.float32)
    dust = np.array([2.0**-101, -(2.0**-101), 1e-37, 1e-45, 0], np.float32)
    for value in (kept, dust):
        passed = apply(_relu_backward, np.ones_like(value), value)
        np.testing.assert_array_equal(passed, value if value is kept else np.zeros_like(dust))
