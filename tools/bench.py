"""How fast the exact trainer is, beside PyTorch and JAX: python -m tools.bench [CELL ...].

Everything is measured on this machine, in one run, side by side: in each of five rounds every way trains for a
moment, and a ratio is the median of the five rounds' ratios. One replicate-epoch is one forward pass, one gradient
and one step of Adam over the whole training set.
"""

import argparse
import itertools
import multiprocessing
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from multiprocessing.pool import Pool
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numba import njit
from torch import nn

from stages import models
from stages.architecture import GATES, Architecture
from stages.data import Dataset
from stages.generate.tasks import draw
from stages.params import DataParams
from stages.train.exact import trainer
from stages.train.exact.vector import LANES, add, fma, load, store
from stages.train.store import LIMIT
from stages.train.training import Training, TrainState, start

try:
    import jax  # type: ignore[import-not-found]
except ImportError:
    jax = None

CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
ROUNDS = 5
LR = 0.001
STACKED = 8  # replicates that vmap trains at once


class Size(NamedTuple):
    """What is trained."""

    cell: str
    hidden: int
    layers: int
    steps: int = 20
    samples: int = 1000
    scale: float = 1  # of the initial weights

    def architecture(self) -> Architecture:
        """The network."""
        return Architecture(self.cell, 1, self.hidden, self.layers)

    def state(self, replicate: int = 0) -> TrainState:
        """A replicate before its first epoch."""
        state = start(self.architecture(), 0, "bench", replicate)
        scale = np.float32(self.scale)
        return state._replace(weights={name: scale * array for name, array in state.weights.items()})

    def dataset(self) -> Dataset:
        """What it is trained on."""
        sizes: dict[str, Any] = {"num_samples": self.samples, "test_samples": 1, "seq_length": self.steps}
        return draw(DataParams(task="mean", **sizes, seed=0))

    def operations(self) -> int:
        """Floating-point operations of a replicate-epoch: a multiply-add is two; the rest is not counted.

        Forward, backward and the weights' gradient each multiply by every recurrent matrix at every step but one;
        below the first layer nothing goes backward.
        """
        recurrent = 3 * self.layers * (self.steps - 1) * self.hidden**2
        between = 3 * (self.layers - 1) * self.steps * self.hidden**2
        inputs = 2 * self.steps * self.hidden
        return 2 * self.samples * self.architecture().gates * (recurrent + between + inputs)

    def bytes(self) -> int:
        """What a replicate-epoch of an RNN moves at least: each unit's value and gradient, written once, read twice."""
        return 2 * 3 * 4 * self.samples * self.steps * self.hidden * self.layers


# -- the ways; each trains replicates for `epochs` and returns how many ---------------------------------------


def exact(size: Size, epochs: int, replicates: int = CORES, threads: int = CORES) -> int:
    """This trainer, one replicate a thread."""
    training = Training(epochs, LR, batch_size=None, clip_norm=None, eval_every=epochs)
    dataset = size.dataset()

    def train(replicate: int) -> None:
        trainer.advance(size.state(replicate), dataset, size.architecture(), training, epochs)

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(train, range(replicates)))
    return replicates


def loop(size: Size, epochs: int) -> int:
    """The loop of the original: a module, MSELoss, Adam, as many threads as PyTorch likes."""
    x, y = map(torch.from_numpy, size.dataset()[:2])
    model = models.load(size.state().weights, size.architecture())
    criterion, optimizer = nn.MSELoss(), torch.optim.Adam(model.parameters(), lr=LR)
    for _ in range(epochs):
        optimizer.zero_grad()
        criterion(model(x), y).backward()
        optimizer.step()
    return 1


def loops(pool: Pool, size: Size, epochs: int) -> int:
    """The same loop in one process a core, one thread each."""
    return sum(pool.map(partial(loop, size), [epochs] * CORES, chunksize=1))


def stacked_weights(size: Size) -> list[np.ndarray]:
    """The tensors of STACKED replicates, each (STACKED, ...), in state_dict order."""
    replicates = [size.state(replicate).weights for replicate in range(STACKED)]
    return [np.stack(tensors) for tensors in zip(*(w.values() for w in replicates), strict=True)]


def step(size: Size, library: Any, x: Any, h: Any, state: tuple[Any, ...]) -> tuple[Any, ...]:
    """A cell written out, h first: of x = W_ih below + b_ih, h = W_hh h + b_hh and the last step's result."""
    gates = range(0, x.shape[-1], size.hidden)
    x, h = ([z[..., g : g + size.hidden] for g in gates] for z in (x, h))
    match size.cell:
        case "gru":
            r, u = library.sigmoid(x[0] + h[0]), library.sigmoid(x[1] + h[1])
            n = library.tanh(x[2] + r * h[2])
            return ((1 - u) * n + u * state[0],)
        case "lstm":
            i, f, g, o = (a + b for a, b in zip(x, h, strict=True))
            c = library.sigmoid(f) * state[1] + library.sigmoid(i) * library.tanh(g)
            return library.sigmoid(o) * library.tanh(c), c
        case "rnn_tanh":
            return (library.tanh(x[0] + h[0]),)
        case cell:
            raise ValueError(f"{cell}: not written out here")


def torch_vmap(size: Size, epochs: int) -> int:
    """torch.func.vmap over the gradient of a cell written out (nn.RNN cannot be mapped), one Adam over all."""
    x, y = map(torch.from_numpy, size.dataset()[:2])
    weights = [torch.tensor(tensor, requires_grad=True) for tensor in stacked_weights(size)]

    def loss(*w: torch.Tensor) -> torch.Tensor:
        sequence = list(x.unbind(1))
        for W_ih, W_hh, b_ih, b_hh in zip(*(w[i:-2:4] for i in range(4)), strict=True):
            state = (torch.zeros(len(x), size.hidden),) * 2
            for t, below in enumerate(sequence):
                state = step(size, torch, below @ W_ih.T + b_ih, state[0] @ W_hh.T + b_hh, state)
                sequence[t] = state[0]
        return ((sequence[-1] @ w[-2].T + w[-1] - y) ** 2).mean()

    gradients = torch.func.vmap(torch.func.grad(loss, argnums=tuple(range(len(weights)))))
    optimizer = torch.optim.Adam(weights, lr=LR)
    for _ in range(epochs):
        for tensor, gradient in zip(weights, gradients(*weights), strict=True):
            tensor.grad = gradient.detach()
        optimizer.step()
    return STACKED


def jax_training(size: Size) -> Callable[[Size, int], int]:
    """JAX's jit(vmap(scan)); all epochs in one compiled loop."""
    x, y = map(jax.numpy.asarray, size.dataset()[:2])

    def loss(w):  # type: ignore[no-untyped-def]
        sequence = x.transpose(1, 0, 2)
        for W_ih, W_hh, b_ih, b_hh in zip(*(w[i:-2:4] for i in range(4)), strict=True):

            def scanned(state, below, w=(W_ih, W_hh, b_ih, b_hh)):  # type: ignore[no-untyped-def]
                state = step(size, jax.nn, below @ w[0].T + w[2], state[0] @ w[1].T + w[3], state)
                return state, state[0]

            zeros = jax.numpy.zeros((size.samples, size.hidden))
            first = (zeros,) * (2 if size.cell == "lstm" else 1)
            _, sequence = jax.lax.scan(scanned, first, sequence)
        return ((sequence[-1] @ w[-2].T + w[-1] - y) ** 2).mean()

    def epoch(number, state):  # type: ignore[no-untyped-def]
        w, m, v = state
        g = jax.grad(loss)(w)
        m = [0.9 * a + 0.1 * b for a, b in zip(m, g, strict=True)]
        v = [0.999 * a + 0.001 * b * b for a, b in zip(v, g, strict=True)]
        c1, c2 = 1 - 0.9 ** (number + 1.0), 1 - 0.999 ** (number + 1.0)
        moved = [a - LR * b / c1 / ((c / c2) ** 0.5 + 1e-8) for a, b, c in zip(w, m, v, strict=True)]
        return moved, m, v

    def replicate(epochs, w):  # type: ignore[no-untyped-def]
        zeros = [jax.numpy.zeros_like(tensor) for tensor in w]
        return jax.lax.fori_loop(0, epochs, epoch, (w, zeros, zeros))[0]

    compiled = jax.jit(jax.vmap(replicate, in_axes=(None, 0)))
    weights = [jax.numpy.asarray(tensor) for tensor in stacked_weights(size)]

    def train(size: Size, epochs: int) -> int:
        jax.block_until_ready(compiled(epochs, weights))
        return STACKED

    return train


# -- measuring ------------------------------------------------------------------------------------------------


def seconds(train: Callable[[Size, int], int], size: Size, epochs: int) -> float:
    """For one replicate-epoch."""
    start = time.perf_counter()
    replicates = train(size, epochs)
    return (time.perf_counter() - start) / replicates / epochs


@njit(nogil=True)
def _multiply_add(count, memory):  # type: ignore[no-untyped-def]
    x, y = load(memory, 0), load(memory, LANES)
    a = b = c = d = e = f = g = h = i = j = x
    for _ in range(count):
        a, b, c, d, e = fma(a, x, y), fma(b, x, y), fma(c, x, y), fma(d, x, y), fma(e, x, y)
        f, g, h, i, j = fma(f, x, y), fma(g, x, y), fma(h, x, y), fma(i, x, y), fma(j, x, y)
    total = add(add(add(a, b), add(c, d)), add(add(e, f), add(add(g, h), add(i, j))))
    store(memory, 0, total)


def fma_peak() -> float:
    """Operations a second and core, of ten independent multiply-adds in registers, while all cores do them."""
    count = 3_000_000

    def cpu_seconds(memory: np.ndarray) -> float:
        start = time.thread_time()
        _multiply_add(count, memory)
        return time.thread_time() - start

    memories = [np.full(2 * LANES, 0.5, np.float32) for _ in range(CORES)]
    _multiply_add(1, memories[0])
    with ThreadPoolExecutor(CORES) as pool:
        return count * 10 * 2 * LANES / min(pool.map(cpu_seconds, memories))


def bandwidth() -> float:
    """Bytes a second read and written by copying 64 MB on all cores at once."""
    arrays = [(np.ones(1 << 24, np.float32), np.ones(1 << 24, np.float32)) for _ in range(CORES)]
    with ThreadPoolExecutor(CORES) as pool:
        start = time.perf_counter()
        list(pool.map(lambda pair: np.copyto(*pair), arrays))
        return 2 * CORES * arrays[0][0].nbytes / (time.perf_counter() - start)


def compare(pool: Pool, size: Size) -> list[str]:
    """One row of the table."""
    ways: dict[str, Callable[[Size, int], int]] = {
        "exact": exact, "loop": loop, "loops": partial(loops, pool), "vmap": torch_vmap,
    }  # fmt: skip
    if jax:
        ways["jax"] = jax_training(size)
    epochs = {}
    for name, train in ways.items():
        train(size, 1)  # compiles
        one = seconds(train, size, 2)
        replicates = {"exact": CORES, "loops": CORES, "vmap": STACKED, "jax": STACKED}.get(name, 1)
        # Ours ends with a measurement of both errors, which the others leave out: of ten epochs that is little.
        epochs[name] = max(10 if name == "exact" else 2, round(0.3 / (one * replicates)))
    took: dict[str, list[float]] = {name: [] for name in ways}
    reached = []
    for _ in range(ROUNDS):
        peak, cpu = fma_peak(), time.process_time()
        exact(size, epochs["exact"])
        cpu = time.process_time() - cpu  # of all threads, and of no other process on this machine
        reached.append(CORES * epochs["exact"] * size.operations() / cpu / peak)
        for name, train in ways.items():
            took[name].append(seconds(train, size, epochs[name]))
    row = [f"{size.layers} x {size.hidden}", f"{1e3 * statistics.median(took['exact']):.2f}"]
    row += [
        f"{size.operations() / statistics.median(took['exact']) / 1e9:.0f}",
        f"{statistics.median(reached):.0%}",
    ]
    for name in ("loop", "loops", "vmap", "jax"):
        ratios = [a / b for a, b in zip(took.get(name, []), took["exact"], strict=False)]
        row.append(f"{statistics.median(ratios):.1f}" if ratios else "-")
    return row


def relative(label: str, runs: Mapping[str, tuple[int, Callable[[], object]]]) -> str:
    """Each run's time per unit, relative to the first's; the median of interleaved rounds."""
    ratios: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(ROUNDS):
        times = {}
        for name, (units, run) in runs.items():
            start = time.perf_counter()
            run()
            times[name] = (time.perf_counter() - start) / units
        for name, ratio in ratios.items():
            ratio.append(times[name] / next(iter(times.values())))
    return f"{label:28} {', '.join(f'{name}: {statistics.median(r):.2f}' for name, r in ratios.items())}"


def print_extremes(cell: str) -> None:
    """What gradients that saturate or vanish cost: were they not cut off, they would reach subnormal numbers."""
    size = Size(cell, 32, 1, steps=100)
    scales = {"ordinary": 1.0, "saturated": 100.0, "vanishing": 0.01}
    runs = {name: (1, partial(exact, size._replace(scale=scale), 10)) for name, scale in scales.items()}
    print(relative(f"{cell}, 1 x 32, 100 steps", runs))


def print_growth(cell: str) -> None:
    """How the time of the exact trainer grows; 1.00 is linear."""
    size = Size(cell, 32, 1, samples=1024)
    print(f"\nTime per unit, relative to the first (1.00 is linear); {cell}, 1 x 32, 1,024 samples")
    amounts = (1, 2, 4)
    by: dict[str, Callable[[int], Callable[[], object]]] = {
        f"replicates ({2 * CORES}, ...)": lambda n: lambda: exact(size, 50, 2 * CORES * n),
        "epochs (50, ...)": lambda n: lambda: exact(size, 50 * n),
        "steps (20, ...)": lambda n: lambda: exact(size._replace(steps=20 * n), 50),
        "samples (1,024, ...)": lambda n: lambda: exact(size._replace(samples=1024 * n), 50),
    }
    for label, run in by.items():
        print(relative(label, {f"{n}x": (n, run(n)) for n in amounts}))
    # As many times the threads and the replicates take the same time.
    threads = {f"{n}x": (1, partial(exact, size, 100, 2 * n, n)) for n in amounts if n <= CORES}
    print(relative("threads (1, ...)", threads))


# -- what a process costs ---------------------------------------------------------------------------------------

COMPILE = """
import sys, time, numba, torch, stages.data
start = time.perf_counter()
from stages.train.exact.trainer import check_platform
check_platform(sys.argv[1])
print(time.perf_counter() - start)
"""


# Print this process's peak in KiB. Linux's rusage counts the process that started this one too.
PEAK = """
import pathlib, resource
status = pathlib.Path("/proc/self/status")
kibibytes = status.read_text().split("VmHWM:")[1].split()[0] if status.exists() else 0
print(kibibytes or resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""
TRAIN = f"""
import sys
from tools.bench import Size, exact
exact(Size(sys.argv[1], 32, 2), 3, 20)
{PEAK}"""


def print_costs(cell: str) -> None:
    """Compile time without and with a cache, and peak memory, in processes of their own."""

    def measure(program: str, cache: str) -> float:
        environment = os.environ | {"XDG_CACHE_HOME": cache}
        return float(subprocess.check_output([sys.executable, "-c", program, cell], env=environment))

    with tempfile.TemporaryDirectory() as cache:
        cold, warm = (
            measure(COMPILE, cache),
            statistics.median(measure(COMPILE, cache) for _ in range(ROUNDS)),
        )
        memory = measure(TRAIN, cache) / 1024
    print(f"\n{cell}: compile {cold:.1f} s; from the cache {warm:.2f} s, beside imports. Peak memory {memory:.0f} MB "
          f"with 20 replicates of 2 x 32 on {CORES} threads, PyTorch imported.")  # fmt: skip


# Run a stage, and print its seconds of CPU and its peak.
STAGE = f"""
import runpy, sys, time
sys.argv = sys.argv[1:]
runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
print(time.process_time())
{PEAK}"""
MODEL = "{hidden_size: 2, num_layers: 1, cell: rnn_tanh, lr: null}"
PARAMS = """
data: {{task: mean, num_samples: 16, test_samples: 100, seq_length: 3, seed: 0}}
models: {{{models}}}
train: {{engine: exact, device: cpu, epochs: {epochs}, lr: 0.01, replicates: {replicates}, seed: 0, batch_size: null,
  clip_norm: null, eval_every: 10}}
evaluate: {{at_epochs: [10], solved_r2: 0.9, compare: [{pairs}], primary: m1 vs m0}}
"""


def print_large_runs() -> None:
    """What evaluating and drawing take where there are many replicates, epochs or models."""
    print("\nSeconds of CPU and peak memory of one process, of tiny networks")
    print("replicates   epochs   models         evaluate             plot")
    for replicates, epochs, count in (
        (20, 100, 2), (1000, 100, 2), (3000, 100, 2), (10_000, 100, 2), (20, 10_000, 2), (20, 100, 40),
    ):  # fmt: skip
        names = [f"m{i}" for i in range(count)]
        text = PARAMS.format(
            models=", ".join(f"{name}: {MODEL}" for name in names),
            pairs=", ".join(f"{name} vs m0" for name in names[1:]),
            epochs=epochs,
            replicates=replicates,
        )
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "params.yaml").write_text(text)
            for stage in ("generate", *(f"train {name}" for name in names)):
                run_stage(folder, stage)
            took = [run_stage(folder, stage) for stage in ("evaluate", "plot")]
        cells = "".join(f"  {seconds:5.1f} s {memory:5.0f} MB" for seconds, memory in took)
        print(f"{replicates:10,}{epochs:9,}{count:9}{cells}", flush=True)


def run_stage(folder: str, stage: str) -> tuple[float, float]:
    """Run a stage in a folder, one thread, past the store; return its seconds of CPU and its peak in MB."""
    environment = os.environ | {"PYTHONPATH": str(Path.cwd()), "OMP_NUM_THREADS": "1", LIMIT: "0"}
    command = [sys.executable, "-c", STAGE, *f"stages.{stage}".split()]
    out = subprocess.check_output(command, cwd=folder, env=environment, stderr=subprocess.DEVNULL, text=True)
    *_, seconds, kibibytes = out.split()
    return float(seconds), float(kibibytes) / 1024


def main() -> None:
    """Time the exact trainer, on one CELL or more, or on all but rnn_relu."""
    parser = argparse.ArgumentParser(prog="python -m tools.bench", description=main.__doc__)
    parser.add_argument("cells", nargs="*", choices=GATES, metavar="CELL", help=", ".join(GATES))
    # By default not rnn_relu, whose work is that of rnn_tanh.
    cells = parser.parse_args().cells or [cell for cell in GATES if cell != "rnn_relu"]
    peak, moved, size = fma_peak(), bandwidth(), Size("rnn_tanh", 32, 2)
    print(f"{CORES} cores; multiply-add peak {peak / 1e9:.0f} GFLOP/s a core; memory {moved / 1e9:.0f} GB/s.")
    print(
        f"The limits of one replicate-epoch of an RNN of 2 x 32 on all cores: {size.operations() / 1e9:.2f} GFLOP take "
        f"{1e3 * size.operations() / peak / CORES:.2f} ms, {size.bytes() / 1e6:.0f} MB take "
        f"{1e3 * size.bytes() / moved:.2f} ms if no cache held them."
    )
    head = ["layers x hidden", "ms", "GFLOP/s", "of peak", "loop", "processes", "vmap", "JAX"]
    print("\nMilliseconds a replicate-epoch of this trainer, and how many times longer the others take;")
    print("sequence length 20, 1,000 samples; loop and processes are PyTorch's, vmap torch.func's.")
    with multiprocessing.get_context("spawn").Pool(CORES, torch.set_num_threads, (1,)) as pool:
        for cell in cells:
            print(f"\n{cell}\n" + "  ".join(f"{column:>9}" for column in head))
            for layers, hidden in itertools.product((1, 2), (16, 32, 64, 128)):
                row = compare(pool, Size(cell, hidden, layers))
                print("  ".join(f"{column:>9}" for column in row), flush=True)
    print("\nTime, relative to the first")
    for cell in cells:
        print_extremes(cell)
    for cell in cells:
        print_growth(cell)
        print_costs(cell)
    print_large_runs()


if __name__ == "__main__":
    main()
