"""The exact trainer against float64 autograd and Adam, against itself, and against IEEE 754."""

import itertools
import json
import os
import platform
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import llvmlite.binding
import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from numpy.linalg import norm

from stages.architecture import GATES, Architecture
from stages.data import Dataset, Weights
from stages.generate.tasks import draw
from stages.params import DataParams
from stages.streams import stream
from stages.train import reference
from stages.train.exact import adam, trainer
from stages.train.training import Training, TrainState, start
from tests.conftest import TOP
from tests.train.cases import TRAINING, begin, content, mean_task
from tests.train.exact.digests import RUNS, digests
from tests.train.exact.digests import train as train_run

# A change here is a change of every result the project has published: say so in the commit that makes it.
GOLDEN = {
    "special values": "4c87a2a17c7f3201843faa3a911d0c26",
    "special values of gates": "562fcf49b037288213bceac0a65de858",
    "tanh": "6aae9a76576546de1e9c52336370ec39",
    "relu": "a21d5fd5e9268eda07e1ac28ae9f4007",
    "one": "247ef6f75ca6fa2126f81d927bd09fc2",
    "odd": "c0cf365bba63df77ba8b9cd40c3cc976",
    "clipped": "f3f03f83df20c38fef42aef484e8eedb",
    "batches": "736573c57600ef81c0cb9994700311ed",
    "vanishing": "874761f9e61555313f5adfce3245126f",
    "gru": "698581b38bdf21b8ee18a3f0ec22bfee",
    "lstm": "5056b12dcc7518a358058308b59bab18",
    "saturated gru": "c86d23abde3d3a864afcc27970044a43",
    "saturated lstm": "e080f1027215cd7c7dfc1c6f108cd43c",
    "diverged": "6d72303f959412a1bb81b4b06cb31fe7",
}

ONE_STEP = TRAINING._replace(epochs=100)
SMALL = Architecture("rnn_tanh", 1, 5, 2)


def test_every_cell_has_a_golden_digest() -> None:
    assert {network.cell for network, *_ in RUNS.values()} == GATES.keys()


def python(*arguments: str, **environment: str) -> str:
    """What Python prints."""
    command = [sys.executable, *arguments]
    done = subprocess.run(command, cwd=TOP, env=os.environ | environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


# -- PyTorch's model, in float64: these hold on every CPU --


def check_adam(before: TrainState, after: TrainState, lr: float, epsilon: float) -> None:
    """Kingma and Ba, algorithm 1, from the state's own moments: elementwise, to a relative `epsilon`."""
    for name, w in after.weights.items():
        mean, square = (array[name].astype(float) for array in (after.mean, after.square))
        mean, square = mean / (1 - 0.9**after.steps), square / (1 - 0.999**after.steps)
        change = -lr * mean / (np.sqrt(square) + 1e-8)
        expected = before.weights[name].astype(float) + change
        np.testing.assert_array_less(
            np.abs(w - expected), epsilon * (np.abs(expected) + 8 * np.abs(change)) + 1e-300
        )


def each_cell_on_long_sequences(test: Callable) -> Callable:
    """Add an example of each cell, whatever hypothesis draws."""
    for cell in GATES:
        test = example(cell, 50, 2, 100, 5, 129, None, 0, 0)(test)
    return test


@settings(max_examples=settings().max_examples * 2 // 5)
@given(
    cell=st.sampled_from(sorted(GATES)),
    hidden=st.sampled_from([1, 7, 16, 32, 50, 64, 100]),
    layers=st.sampled_from([1, 2, 3, 5]),
    steps=st.sampled_from([1, 2, 20, 100]),
    inputs=st.sampled_from([1, 2, 5]),
    samples=st.sampled_from([1, 31, 128, 129, 1000]),
    clip_norm=st.sampled_from([None, 1e-3, 0.1, 10.0]),
    done=st.sampled_from([0, 1, 4]),
    seed=st.integers(0, 2**16),
)
@example("rnn_relu", 100, 5, 100, 5, 129, None, 0, 0)
@example("rnn_tanh", 100, 1, 100, 1, 1000, 0.1, 1, 0)
@each_cell_on_long_sequences
def test_each_step_is_that_of_float64(  # type: ignore[no-untyped-def]
    cell, hidden, layers, steps, inputs, samples, clip_norm, done, seed
):
    """The gradient, clipped, as Adam's moments have it; the weights; and the loss before. From the same state."""
    architecture = Architecture(cell, inputs, hidden, layers)
    assume(samples * architecture.multiply_adds(steps) < 5e8)
    dataset, training = mean_task(samples, steps, inputs, seed + 1), ONE_STEP._replace(clip_norm=clip_norm)
    state = trainer.advance(begin(architecture, seed), dataset, architecture, training, done)
    after = trainer.advance(state, dataset, architecture, training, done + 1)
    first = reference.in_precision(state, np.float64)
    exact = reference.advance(first, dataset, architecture, training, done + 1)

    # Near a loss of zero, predictions and targets of size 1 cancel: errors are known no better than predictions are
    # rounded, 4 ulp.
    loss = exact.train_mse[done]
    rounding = 4 * 2**-24 / np.sqrt(loss)
    assert abs(after.train_mse[done] / loss - 1) <= 1e-5 + 2 * rounding
    tenth = {name: mean - 0.9 * first.mean[name] for name, mean in exact.mean.items()}  # of the gradient
    whole = norm([norm(gradient) for gradient in tenth.values()])
    for name, gradient in tenth.items():
        # A tensor of a unit or two may cancel to little beside the others.
        limit = (1e-5 + rounding) * norm(gradient) + 1e-7 * whole + 2**-23 * norm(exact.mean[name])
        assert norm(after.mean[name] - exact.mean[name]) <= limit, name
        square = exact.square[name]
        assert norm(after.square[name] - square) <= 2 * (1e-5 + rounding) * norm(square), name
    check_adam(state, after, training.lr, epsilon=2.0**-24)
    check_adam(first, exact, training.lr, epsilon=1e-12)


@pytest.mark.parametrize("num_layers", [1, 2])
def test_losses_are_those_of_float64(num_layers: int) -> None:
    """From the project's initial weights, where rounding is not amplified for long."""
    architecture = Architecture("rnn_tanh", 1, 32, num_layers)
    dataset = draw(DataParams(task="mean", num_samples=500, test_samples=10, seq_length=20, seed=0))
    training = Training(epochs=40, lr=0.01, batch_size=None, clip_norm=None, eval_every=40)
    state = start(architecture, 0, "single")._replace(rng=stream(0, "batches"))
    found = trainer.advance(state, dataset, architecture, training, 40)
    first = reference.in_precision(state, np.float64)
    exact = reference.advance(first, dataset, architecture, training, 40)
    np.testing.assert_allclose(found.train_mse, exact.train_mse, rtol=5e-6)
    np.testing.assert_allclose(found.test_mse, exact.test_mse, rtol=5e-6)


def test_predictions_are_those_of_float64() -> None:
    for cell, (hidden, layers) in itertools.product(GATES, [(7, 1), (32, 3)]):
        architecture = Architecture(cell, 2, hidden, layers)
        state, x = begin(architecture), mean_task(128, 20, 2).x_train
        prediction = trainer.predict(state.weights, x, architecture)
        assert prediction.shape == (128, 1) and prediction.dtype == np.float32
        exact = reference.predict(reference.in_precision(state, np.float64).weights, x, architecture)
        assert np.abs(prediction - exact).max() < 1e-6


@pytest.mark.slow
def test_the_oracle_is_the_same_on_an_older_cpu() -> None:
    command = "-m pytest -p no:xdist -p no:cacheprovider -o addopts= --hypothesis-profile quick -k float64"
    python(*command.split(), __file__, ATEN_CPU_CAPABILITY="default", MKL_CBWR="COMPATIBLE")


# -- itself --


def test_mini_batches_are_steps_on_slices_of_a_permutation() -> None:
    dataset = mean_task(300, 4)
    x, y = dataset[:2]
    for batch_size in (1, 7, 130, 300, 1000):
        training = ONE_STEP._replace(batch_size=batch_size, clip_norm=0.1)
        state = trainer.advance(begin(SMALL), dataset, SMALL, training, 1)
        expected, order = begin(SMALL), begin(SMALL).rng.permutation(300)
        for first in range(0, 300, batch_size):
            batch = order[first : first + batch_size]
            one = Dataset(x[batch], y[batch], *dataset[2:])
            whole = training._replace(batch_size=None)
            expected = trainer.advance(expected._replace(epoch=0), one, SMALL, whole, 1)
        assert content(state)[3:-2] == content(expected)[3:-2]


def test_the_step_size_settles_as_if_every_power_had_been_multiplied() -> None:
    for beta, index in ((0.9, 0), (0.999, 1)):
        power = 1.0
        for steps in range(50_001):
            if steps in (0, 1, 2, 300, 395, 396, 10_000, 41_000, 50_000):
                assert 1 - adam.powers_after(steps)[index] == 1 - power
            power *= beta


def test_the_order_that_weights_are_kept_in_does_not_matter() -> None:
    weights, x = begin(SMALL).weights, mean_task(9, 3).x_train
    turned = dict(reversed(weights.items()))
    assert np.array_equal(trainer.predict(turned, x, SMALL), trainer.predict(weights, x, SMALL))


def test_samples_that_fill_a_block_up_do_not_matter() -> None:
    """The last 3 of 131 samples have a block of their own; the gradients of the parts add up to the whole's."""

    def tenth_of_gradient(part: slice) -> Weights:
        dataset = mean_task(131, 4)
        one = Dataset(dataset.x_train[part], dataset.y_train[part], *dataset[2:])
        return trainer.advance(begin(SMALL), one, SMALL, ONE_STEP, 1).mean

    whole, head, tail = map(tenth_of_gradient, (slice(None), slice(128), slice(128, None)))
    for name in whole:
        parts = 128 * head[name] + 3 * tail[name]
        np.testing.assert_allclose(131 * whole[name], parts, rtol=1e-4, atol=1e-6)


# -- the same bytes --


def test_golden_digests() -> None:
    assert digests() == GOLDEN


def host_lacks(target: str) -> bool:
    features = llvmlite.binding.get_host_cpu_features()
    needs = {"haswell": ["avx2", "fma", "bmi2"], "znver3": ["avx2", "fma", "vaes", "sha"]}
    needs["skylake-avx512"] = ["avx512f", "avx512bw", "avx512dq", "avx512vl"]
    return not all(features.get(feature) for feature in needs[target])


@pytest.mark.slow
def test_every_cpu_target_gives_the_same_bytes() -> None:
    """Two programs at a time: each compiles for its target and runs what the golden digests are of."""
    x86 = ["haswell", "znver3", "skylake-avx512"] if platform.machine() == "x86_64" else []
    targets = ["generic", *(target for target in x86 if not host_lacks(target))]

    def run(target: str) -> dict[str, str]:
        environment = {"NUMBA_CPU_NAME": target, "NUMBA_CPU_FEATURES": ""}
        return json.loads(python("-m", "tests.train.exact.digests", **environment))

    with ThreadPoolExecutor(2) as pool:
        for target, result in zip(targets, pool.map(run, targets), strict=True):
            assert result == GOLDEN, target
    if len(targets) < 4:
        pytest.skip(f"the same for {targets}; this host has no more")


@pytest.mark.parametrize("cell", GATES)
def test_threads_do_not_change_a_bit(cell: str) -> None:
    architecture = SMALL._replace(cell=cell)
    training, dataset = TRAINING._replace(batch_size=60, clip_norm=0.1), mean_task(129, 6)

    def train(seed: int) -> list[object]:
        return content(trainer.advance(begin(architecture, seed), dataset, architecture, training, 3))

    alone = [train(seed) for seed in range(12)]
    for threads in (2, 3):
        with ThreadPoolExecutor(threads) as pool:
            assert list(pool.map(train, range(12))) == alone


# -- IEEE 754 --


def test_divergence_is_inf_and_nan_and_no_error() -> None:
    state, predictions = train_run("diverged")
    assert np.isfinite(state.train_mse[0])
    assert not np.isfinite(state.train_mse[-1]) and not np.isfinite(predictions).any()
    nan = np.concatenate([w.ravel() for w in state.weights.values()])
    nan = nan[np.isnan(nan)]
    assert nan.size and set(nan.view(np.uint32)) == {0x7FC00000}


@pytest.mark.parametrize("cell", GATES)
def test_what_is_not_read_cannot_leak(cell: str) -> None:
    """One sample that overflows makes its own prediction inf or nan, and no other's."""
    architecture, x = Architecture(cell, 2, 5, 2), mean_task(140, 3, 2).x_train
    weights = begin(architecture).weights
    expected = trainer.predict(weights, x, architecture)
    others = np.arange(140) != 17
    for value in (np.inf, np.nan, 3e38):
        bad = x.copy()
        bad[17, 1, 0] = value
        prediction = trainer.predict(weights, bad, architecture)
        assert np.array_equal(prediction[others], expected[others])
        theirs = reference.predict(weights, bad[17:18], architecture)
        assert np.array_equal(np.isnan(prediction[17:18]), np.isnan(theirs))


def test_clipping_by_a_nan_norm_makes_every_weight_nan() -> None:
    """An infinite input to a unit that is off: 0 * inf is nan, in one gradient; its norm is of all of them."""
    architecture = Architecture("rnn_relu", 1, 1, 1)
    state = begin(architecture)
    weights = {name: np.abs(w) for name, w in state.weights.items()}
    weights["rnn.weight_ih_l0"] *= -1
    state = state._replace(weights=weights)
    x, y = np.full((3, 1, 1), np.inf, np.float32), np.ones((3, 1), np.float32)
    for clip_norm in (None, 1.0):
        training = ONE_STEP._replace(clip_norm=clip_norm)
        after = trainer.advance(state, Dataset(x, y, x, y), architecture, training, 1)
        assert np.isnan(after.weights["rnn.weight_ih_l0"]).all()
        assert np.isnan(after.weights["linear.bias"]).all() == (clip_norm is not None)


# -- memory --


@pytest.mark.parametrize(
    ("architecture", "steps", "samples", "batch_size"),
    [
        *((Architecture(cell, 1, 32, 2), 20, 1000, None) for cell in GATES),
        (Architecture("rnn_tanh", 4, 200, 1), 3, 140, None),
        (Architecture("rnn_tanh", 5, 4, 1), 20, 20_000, None),
        (Architecture("rnn_tanh", 1, 8, 1), 20, 5_000, 64),
        (Architecture("rnn_tanh", 1, 2, 1), 2, 20_000, 1),
    ],
)
def test_memory_needed(architecture: Architecture, steps: int, samples: int, batch_size: int | None) -> None:
    """At least what is taken, and not twice as much."""
    dataset, training = (
        mean_task(samples, steps, architecture.input_size),
        TRAINING._replace(batch_size=batch_size),
    )
    state = begin(architecture)
    trainer.advance(state, dataset, architecture, training, 1)  # compiled before it is measured
    tracemalloc.start()
    trainer.advance(state, dataset, architecture, training, 1)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    needed = trainer.memory_needed(architecture, training, dataset)
    assert 0.5 * needed < peak <= needed, (peak, needed)
