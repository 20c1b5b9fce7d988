"""The nonlinearities against float64, over every float32, and against what PyTorch does at the odd values."""

import numpy as np
import pytest
import torch
from numba import njit

from stages.train.exact.activations import relu, relu_backward, tanh
from stages.train.exact.vector import LANES, load, store
from tools.fit_tanh import error, fit

ONE = 0x3F800000
INFINITY = 0x7F800000


@njit
def _tanh(x, y):  # type: ignore[no-untyped-def]
    for i in range(0, x.size, LANES):
        store(y, i, tanh(load(x, i)))


@njit
def _relu(x, y):  # type: ignore[no-untyped-def]
    for i in range(0, x.size, LANES):
        store(y, i, relu(load(x, i)))


@njit
def _relu_backward(h, gradient, y):  # type: ignore[no-untyped-def]
    for i in range(0, h.size, LANES):
        store(y, i, relu_backward(load(h, i), load(gradient, i)))


def apply(function, *arrays: np.ndarray) -> np.ndarray:  # type: ignore[no-untyped-def]
    """The function of arrays of any length."""
    padded = [np.pad(a, (0, -a.size % LANES)) for a in arrays]
    result = np.empty_like(padded[0])
    function(*padded, result)
    return result[: arrays[0].size]


def bits(x: float) -> int:
    return int(np.float32(x).view(np.uint32))


def floats(first: int, last: int, size: int = 1 << 22):  # type: ignore[no-untyped-def]
    """Every float32 from the bits `first` to `last`, in pieces that share an end."""
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


def test_relu_backward_is_that_of_pytorch() -> None:
    z = torch.tensor([-1.0, -0.0, 0.0, 1e-45, 2.0, torch.inf, torch.nan, -torch.inf], requires_grad=True)
    gradient = torch.tensor([1.0, 2.0, 3.0, 4.0, -5.0, 6.0, 7.0, torch.inf])
    torch.relu(z).backward(gradient)
    h = torch.relu(z).detach().numpy()
    assert np.array_equal(apply(_relu_backward, h, gradient.numpy()), z.grad.numpy(), equal_nan=True)  # type: ignore[union-attr]


def test_the_polynomial_is_minimax() -> None:
    source = [0.49999997, 0.16666543, 0.0416672, 0.0083665205, 0.0013882521]
    assert np.abs(error(source)).max() < 1.4 * np.abs(error(fit(4))).max()


def test_gradients_lose_their_dust_and_nothing_else() -> None:
    kept = np.array([2.0**-100, -(2.0**-100), 1e-20, -3, np.inf, -np.inf, np.nan], np.float32)
    dust = np.array([2.0**-101, -(2.0**-101), 1e-37, 1e-45, 0], np.float32)
    for value in (kept, dust):
        passed = apply(_relu_backward, np.ones_like(value), value)
        np.testing.assert_array_equal(passed, value if value is kept else np.zeros_like(dust))
