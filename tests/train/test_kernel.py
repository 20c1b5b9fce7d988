"""The exact trainer against PyTorch's autograd and optimizer, against itself, and against IEEE 754."""

import json
import math
import os
import platform
import subprocess
import sys
import tracemalloc
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import llvmlite.binding
import numpy as np
import pytest
import torch
from hypothesis import assume, event, example, given, settings
from hypothesis import strategies as st

from stages.train import kernel
from tests.train.digests import RUNS, digests, initial_weights, mean_task, train

TOP = Path(__file__).parents[2]

# A change here is a change of every result the project has published: say so in the commit that makes it.
GOLDEN = {
    "special values": "4c87a2a17c7f3201843faa3a911d0c26",
    "tanh": "6aae9a76576546de1e9c52336370ec39",
    "relu": "a21d5fd5e9268eda07e1ac28ae9f4007",
    "one": "247ef6f75ca6fa2126f81d927bd09fc2",
    "odd": "c0cf365bba63df77ba8b9cd40c3cc976",
    "clipped": "f3f03f83df20c38fef42aef484e8eedb",
    "batches": "736573c57600ef81c0cb9994700311ed",
    "vanishing": "874761f9e61555313f5adfce3245126f",
    "diverged": "6d72303f959412a1bb81b4b06cb31fe7",
}

SIZES = {
    "hidden": st.sampled_from([1, 7, 16, 32, 50, 64, 100]),
    "layers": st.sampled_from([1, 2, 3, 5]),
    "steps": st.sampled_from([1, 2, 20, 100]),
    "inputs": st.sampled_from([1, 2, 5]),
    "samples": st.sampled_from([1, 31, 128, 129, 1000]),
    "nonlinearity": st.sampled_from(["tanh", "relu"]),
    "seed": st.integers(0, 2**16),
}


@pytest.fixture(autouse=True, scope="module")
def one_torch_thread() -> Iterator[None]:
    """PyTorch's threads wait by spinning: on a busy machine they make these tests ten times slower."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def multiply_adds(hidden: int, layers: int, steps: int, inputs: int, samples: int) -> int:
    """Of one forward pass."""
    return samples * steps * hidden * (inputs + hidden + (layers - 1) * 2 * hidden)


class Model(torch.nn.Module):
    """nn.RNN and a linear layer on its last output."""

    def __init__(self, weights: dict[str, np.ndarray], nonlinearity: str, dtype: torch.dtype) -> None:
        super().__init__()
        hidden, inputs = weights["rnn.weight_ih_l0"].shape
        layers = sum("weight_hh" in name for name in weights)
        self.rnn = torch.nn.RNN(inputs, hidden, layers, nonlinearity=nonlinearity, batch_first=True)
        self.linear = torch.nn.Linear(hidden, 1)
        self.load_state_dict({name: torch.tensor(w) for name, w in weights.items()})
        self.to(dtype)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.linear(self.rnn(x)[0][:, -1])


def torch_gradients(weights, x, y, nonlinearity, dtype):  # type: ignore[no-untyped-def]
    """As kernel.gradients, and the loss, by autograd."""
    model = Model(weights, nonlinearity, dtype)
    loss = torch.nn.functional.mse_loss(model(torch.tensor(x, dtype=dtype)), torch.tensor(y, dtype=dtype))
    loss.backward()
    return {name: p.grad.numpy() for name, p in model.named_parameters()}  # type: ignore[union-attr]


def torch_losses(  # type: ignore[no-untyped-def]
    weights, x, y, *, nonlinearity, epochs, lr, batch_size, clip_norm, rng, dtype=torch.float32
):
    """The train_mse of kernel.train_replicate, by PyTorch."""
    model = Model(weights, nonlinearity, dtype)
    optimizer = torch.optim.Adam(model.parameters(), lr=lr)
    x, y = torch.tensor(x, dtype=dtype), torch.tensor(y, dtype=dtype)
    losses = []
    for _ in range(epochs):
        with torch.no_grad():
            losses.append(torch.nn.functional.mse_loss(model(x), y).item())
        batches = [slice(None)]
        if batch_size is not None:
            order = rng.permutation(len(x))
            batches = [order[start : start + batch_size] for start in range(0, len(x), batch_size)]
        for batch in batches:
            optimizer.zero_grad()
            torch.nn.functional.mse_loss(model(x[batch]), y[batch]).backward()
            if clip_norm is not None:
                torch.nn.utils.clip_grad_norm_(model.parameters(), clip_norm)
            optimizer.step()
    with torch.no_grad():
        losses.append(torch.nn.functional.mse_loss(model(x), y).item())
    return np.array(losses)


def python(*arguments: str, environment: Mapping[str, str] = os.environ, folder: Path = TOP) -> str:
    """What Python prints, run in `folder`."""
    done = subprocess.run(
        [sys.executable, *arguments], cwd=folder, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@settings(derandomize=True, deadline=None, max_examples=60)
@given(**SIZES)
@example(hidden=100, layers=5, steps=100, inputs=5, samples=129, nonlinearity="relu", seed=0)
@example(hidden=100, layers=1, steps=100, inputs=1, samples=1000, nonlinearity="tanh", seed=0)
def test_gradients_are_those_of_autograd_in_float64(  # type: ignore[no-untyped-def]
    hidden, layers, steps, inputs, samples, nonlinearity, seed
):
    assume(multiply_adds(hidden, layers, steps, inputs, samples) < 5e8)
    weights = initial_weights(hidden, layers, inputs, seed)
    x, y = mean_task(samples, steps, inputs, seed + 1)
    exact = torch_gradients(weights, x, y, nonlinearity, torch.float64)
    for name, gradient in kernel.gradients(weights, x, y, nonlinearity).items():
        off = np.linalg.norm(gradient - exact[name])
        assert off <= 1e-5 * np.linalg.norm(exact[name]), name


@settings(derandomize=True, deadline=None, max_examples=35)
@given(
    **SIZES,
    batch_size=st.sampled_from([None, None, 1, 7, 32, 128, 200, 2000]),
    clip_norm=st.sampled_from([None, 1e-3, 0.1, 10.0]),
)
@example(
    hidden=32,
    layers=2,
    steps=20,
    inputs=1,
    samples=1000,
    nonlinearity="tanh",
    seed=0,
    batch_size=None,
    clip_norm=None,
)
@example(
    hidden=100,
    layers=5,
    steps=100,
    inputs=5,
    samples=31,
    nonlinearity="relu",
    seed=0,
    batch_size=None,
    clip_norm=None,
)
def test_losses_are_those_of_pytorch(  # type: ignore[no-untyped-def]
    hidden, layers, steps, inputs, samples, nonlinearity, seed, batch_size, clip_norm
):
    batches = 1 if batch_size is None else math.ceil(samples / batch_size)
    assume(batches <= 40 and multiply_adds(hidden, layers, steps, inputs, samples) < 1e7)
    assume(batches * steps * layers <= 400)
    weights = initial_weights(hidden, layers, inputs, seed)
    x, y = mean_task(samples, steps, inputs, seed + 1)
    options: dict[str, Any] = {"nonlinearity": nonlinearity, "epochs": 20, "lr": 0.001}
    options |= {"batch_size": batch_size, "clip_norm": clip_norm}
    expected, exact = (
        torch_losses(weights, x, y, **options, rng=np.random.default_rng(seed), dtype=dtype)
        for dtype in (torch.float32, torch.float64)
    )
    trained = kernel.train_replicate(
        weights, x, y, x[:1], y[:1], **options, eval_every=20, rng=np.random.default_rng(seed)
    )
    # Two things can ask for more digits than float32 has. Near a loss of zero, predictions and targets of
    # size 1 cancel: the root of the loss is known no better than predictions are rounded, 4 ulp. And some
    # examples amplify rounding (batches of a few samples whose gradients are all cut to one tiny norm): there
    # PyTorch's float32 strays from its own float64 as far.
    rounding = 2 * 4 * 2**-24 / np.sqrt(exact)
    amplified = np.maximum.accumulate(np.abs(expected / exact - 1))
    event("well-conditioned" if np.all(rounding + amplified < 3e-5) else "ill-conditioned")
    off = np.abs(trained.train_mse / expected - 1)
    assert np.all(off <= 1e-4 + rounding + 3 * amplified), (off, rounding, amplified)


def test_rows_of_losses_belong_to_the_weights() -> None:
    """Entry e is the loss after e epochs, and the last belongs to the returned weights."""
    x, y = mean_task(140, 5, 1)
    weights = initial_weights(7, 2, 1)
    options: dict[str, Any] = {
        "nonlinearity": "tanh",
        "lr": 0.01,
        "batch_size": None,
        "clip_norm": None,
        "eval_every": 2,
    }
    split = x[:130], y[:130], x[130:], y[130:]
    for batch_size in (None, 50):
        options["batch_size"] = batch_size
        runs = [
            kernel.train_replicate(weights, *split, epochs=e, rng=np.random.default_rng(0), **options)
            for e in (0, 5, 6)
        ]
        for epochs, run in zip((0, 5, 6), runs, strict=True):
            assert run.train_mse.dtype == run.test_mse.dtype == np.float32
            assert run.train_mse.shape == run.test_mse.shape == (epochs + 1,)
            for losses, xs, ys in ((run.train_mse, *split[:2]), (run.test_mse, *split[2:])):
                errors = kernel.predict(run.weights, xs, "tanh").astype(np.float64) - ys
                assert math.isclose(losses[-1], np.mean(errors**2), rel_tol=1e-6)
            measured = np.arange(epochs + 1) % 2 == 0
            measured[-1] = True
            assert np.array_equal(np.isnan(run.test_mse), ~measured)
        assert np.array_equal(runs[2].train_mse[:6], runs[1].train_mse)
        assert np.array_equal(runs[2].test_mse[:5], runs[1].test_mse[:5], equal_nan=True)


def test_predictions_are_those_of_pytorch() -> None:
    for hidden, layers, nonlinearity in ((7, 1, "tanh"), (32, 3, "relu")):
        weights = initial_weights(hidden, layers, 2)
        x, _ = mean_task(131, 20, 2)
        expected = Model(weights, nonlinearity, torch.float64)(torch.tensor(x, dtype=torch.float64))
        prediction = kernel.predict(weights, x, nonlinearity)
        assert prediction.shape == (131, 1) and prediction.dtype == np.float32
        assert np.abs(prediction - expected.detach().numpy()).max() < 1e-6


def test_arguments_are_not_changed_and_progress_is_reported() -> None:
    x, y = mean_task(40, 5, 1)
    weights = initial_weights(4, 1, 1)
    before = {name: w.copy() for name, w in weights.items()}
    options: dict[str, Any] = {"nonlinearity": "tanh", "lr": 0.01, "clip_norm": None, "eval_every": 1}
    calls: list[tuple[int, float]] = []
    for batch_size in (None, 7):
        calls.clear()
        run = kernel.train_replicate(
            weights,
            x,
            y,
            x,
            y,
            **options,
            epochs=53,
            batch_size=batch_size,
            rng=np.random.default_rng(0),
            on_progress=lambda epochs, mse: calls.append((epochs, mse)),
        )
        assert sum(epochs for epochs, _ in calls) == 53 and len(calls) >= 10
        assert all(mse in run.train_mse for _, mse in calls)
    assert all(np.array_equal(weights[name], before[name]) for name in weights)
    assert list(run.weights) == list(weights)
    assert all(run.weights[name].shape == w.shape for name, w in weights.items())


def test_mini_batches_draw_one_permutation_an_epoch() -> None:
    x, y = mean_task(20, 2, 1)
    options: dict[str, Any] = {
        "nonlinearity": "tanh",
        "lr": 0.01,
        "clip_norm": None,
        "eval_every": 1,
        "epochs": 3,
    }
    for batch_size, draws in ((None, 0), (6, 3), (100, 3)):
        rng, expected = np.random.default_rng(5), np.random.default_rng(5)
        kernel.train_replicate(
            initial_weights(3, 1, 1), x, y, x, y, **options, batch_size=batch_size, rng=rng
        )
        for _ in range(draws):
            expected.permutation(20)
        assert rng.random() == expected.random()


# -- the same bytes --


def test_golden_digests() -> None:
    assert {name: sha256[:32] for name, sha256 in digests().items()} == GOLDEN


def host_lacks(target: str) -> bool:
    features = llvmlite.binding.get_host_cpu_features()
    needs = {"generic": [], "haswell": ["avx2", "fma", "bmi2"], "znver3": ["avx2", "fma", "vaes", "sha"]}
    needs["skylake-avx512"] = ["avx512f", "avx512bw", "avx512dq", "avx512vl"]
    return not all(features.get(feature) for feature in needs.get(target, []))


@pytest.mark.slow
def test_every_cpu_target_gives_the_same_bytes(tmp_path: Path) -> None:
    """Two programs at a time: each compiles for its target and runs what the golden digests are of."""
    x86 = (
        ["generic", "haswell", "znver3", "skylake-avx512"] if platform.machine() == "x86_64" else ["generic"]
    )
    targets = [target for target in x86 if not host_lacks(target)] + ["native"]

    def run(target: str) -> dict[str, str]:
        environment = os.environ | {
            "NUMBA_CPU_NAME": target,
            "NUMBA_CPU_FEATURES": "",
            "XDG_CACHE_HOME": str(tmp_path),
        }
        return json.loads(python("-m", "tests.train.digests", environment=environment))

    with ThreadPoolExecutor(2) as pool:
        for target, result in zip(targets, pool.map(run, targets), strict=True):
            assert {name: sha256[:32] for name, sha256 in result.items()} == GOLDEN, target
    if len(targets) < 5:
        pytest.skip(f"the same for {targets}; this host has no more")


def test_threads_do_not_change_a_bit() -> None:
    def weights_of(seed: int) -> bytes:
        x, y = mean_task(129, 6, 1)
        run = kernel.train_replicate(
            initial_weights(9, 2, 1, seed),
            x,
            y,
            x,
            y,
            nonlinearity="tanh",
            epochs=5,
            lr=0.01,
            batch_size=60,
            clip_norm=0.1,
            eval_every=1,
            rng=np.random.default_rng(seed),
        )
        return b"".join(w.tobytes() for w in run.weights.values())

    alone = [weights_of(seed) for seed in range(12)]
    for threads in (2, 3):
        with ThreadPoolExecutor(threads) as pool:
            assert list(pool.map(weights_of, range(12))) == alone


def test_samples_that_fill_a_block_up_do_not_matter() -> None:
    """The last 3 of 131 samples have a block of their own; the gradients of the parts add up to the whole's."""
    x, y = mean_task(131, 4, 1)
    weights = initial_weights(5, 1, 1)
    whole, tail = kernel.gradients(weights, x, y, "tanh"), kernel.gradients(weights, x[128:], y[128:], "tanh")
    head = kernel.gradients(weights, x[:128], y[:128], "tanh")
    for name in weights:
        np.testing.assert_allclose(131 * whole[name], 128 * head[name] + 3 * tail[name], rtol=1e-4, atol=1e-5)


# -- IEEE 754 --


def test_divergence_is_inf_and_nan_and_no_error() -> None:
    trained, predictions = train(*RUNS["diverged"])
    assert np.isfinite(trained.train_mse[0])
    assert not np.isfinite(trained.train_mse[-1]) and not np.isfinite(predictions).any()
    nan = np.concatenate([w.ravel() for w in trained.weights.values()])
    nan = nan[np.isnan(nan)]
    assert nan.size and set(nan.view(np.uint32)) == {0x7FC00000}


def test_what_is_not_read_cannot_leak() -> None:
    """One sample that overflows makes its own prediction inf or nan, and no other's."""
    x, _ = mean_task(140, 3, 2)
    weights = initial_weights(5, 2, 2)
    for nonlinearity in ("relu", "tanh"):
        expected = kernel.predict(weights, x, nonlinearity)
        for value in (np.inf, np.nan, 3e38):
            bad = x.copy()
            bad[17, 1, 0] = value
            prediction = kernel.predict(weights, bad, nonlinearity)
            others = np.arange(140) != 17
            assert np.array_equal(prediction[others], expected[others])
            model = Model(weights, nonlinearity, torch.float32)
            theirs = model(torch.tensor(bad[17:18])).item()
            assert np.array_equal(np.isnan(prediction[17]), [math.isnan(theirs)])


def test_clipping_by_a_nan_norm_makes_every_weight_nan() -> None:
    """An infinite input to a unit that is off: 0 * inf is nan, in one gradient; its norm is of all of them."""
    weights = {name: np.abs(w) for name, w in initial_weights(1, 1, 1).items()}
    weights["rnn.weight_ih_l0"] *= -1
    x, y = np.full((3, 1, 1), np.inf, np.float32), np.ones((3, 1), np.float32)
    options: dict[str, Any] = {"epochs": 1, "lr": 0.01, "batch_size": None, "eval_every": 1}
    for clip_norm in (None, 1.0):
        run = kernel.train_replicate(
            weights,
            *(x, y, x, y),
            nonlinearity="relu",
            clip_norm=clip_norm,
            rng=np.random.default_rng(0),
            **options,
        )
        assert np.isnan(run.weights["rnn.weight_ih_l0"]).all()
        assert np.isnan(run.weights["linear.bias"]).all() == (clip_norm is not None)


# -- memory and platform --


@pytest.mark.parametrize(
    ("hidden", "layers", "steps", "inputs", "samples", "batch_size"),
    [
        (32, 2, 20, 1, 1200, None),
        (200, 1, 3, 4, 150, None),
        (4, 1, 20, 5, 20_000, None),
        (8, 1, 20, 1, 5_000, 64),
    ],
)
def test_memory_needed(hidden, layers, steps, inputs, samples, batch_size) -> None:  # type: ignore[no-untyped-def]
    """At least what is taken, and not twice as much."""
    x, y = mean_task(samples, steps, inputs)
    split = x[200 if samples > 200 else 10 :], y[200 if samples > 200 else 10 :], x[:200], y[:200]
    weights = initial_weights(hidden, layers, inputs)
    tracemalloc.start()
    kernel.train_replicate(
        weights,
        *split,
        nonlinearity="relu",
        epochs=1,
        lr=0.1,
        batch_size=batch_size,
        clip_norm=None,
        eval_every=1,
        rng=np.random.default_rng(0),
    )
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    needed = kernel.memory_needed(
        hidden_size=hidden,
        num_layers=layers,
        samples=samples,
        steps=steps,
        inputs=inputs,
        batch_size=batch_size,
    )
    assert 0.5 * needed < peak <= needed, (peak, needed)


def test_a_platform_that_numba_cannot_serve(monkeypatch: pytest.MonkeyPatch) -> None:
    kernel.check_platform()

    def fail(*args: object) -> None:
        raise RuntimeError("LLVM ERROR:\n64-bit code requested")

    monkeypatch.setattr(kernel, "run", fail)
    with pytest.raises(kernel.UnsupportedPlatformError, match="LLVM ERROR: 64-bit code requested"):
        kernel.check_platform()
    monkeypatch.setattr(kernel, "run", lambda *args: None)
    with pytest.raises(kernel.UnsupportedPlatformError, match=r"computes 0\.0 here"):
        kernel.check_platform()
