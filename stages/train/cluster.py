"""Replicates on a Dask cluster, to the same bytes as here, whichever worker computes them.

Where Dask's own setting names a scheduler (DASK_SCHEDULER_ADDRESS, or its configuration files), it is used: where a run
was computed is no part of its result, so no param says so. Workers run in a clone of this project; they share no disk.
A worker whose sources, versions or bits are not those of this machine is refused; its Python and its CPU may be any.
"""

import functools
import hashlib
import logging
import os
import queue
import sys
import time
import tomllib
import warnings
from collections import deque
from collections.abc import Iterable
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from tqdm import tqdm

from stages.architecture import Architecture
from stages.data import Dataset
from stages.errors import InputError, one_line
from stages.memory import memory_limit
from stages.streams import stream
from stages.train.engines import load_engine
from stages.train.store import pack, unpack
from stages.train.training import Training, TrainState, start
from stages.train.workers import KEEP_EVERY, Begin, Job, Keep, progress_bar

if TYPE_CHECKING:
    from distributed import Client, Future

LARGEST_SHARD = 100  # replicates
SHARD = 1.0  # seconds of a worker's thread, after which its states come back
TIMEOUT = 8  # seconds for the scheduler to answer
LOOK_EVERY = 1.0  # seconds between two looks at which workers there are


class RefusedError(Exception):
    """A worker that would not give the same bytes, or cannot do the work; its address, and why."""


def scheduler_address() -> str | None:
    """Return the address of the scheduler that Dask's settings name, None where they name none.

    Raises:
        InputError: one is named, and Dask is not installed; or Dask cannot read its settings.
    """
    if find_spec("distributed"):
        try:
            import dask
        except ValueError as error:
            raise InputError(one_line(error)) from None
        return dask.config.get("scheduler-address", None)
    if address := os.environ.get("DASK_SCHEDULER_ADDRESS"):
        extras = tomllib.loads(Path("pyproject.toml").read_text())["project"]["optional-dependencies"]
        raise InputError(
            f"DASK_SCHEDULER_ADDRESS: found {address}, but Dask is not installed; "
            f"`python -m pip install {' '.join(extras['cluster'])}` installs it"
        )
    return None


def train_all(
    job: Job, begin: Begin, keep: Keep, replicates: Iterable[int], address: str
) -> list[TrainState]:
    """Return the state of every replicate after the last epoch, in order, with a progress bar.

    A worker's thread gets a shard at a time: as many replicates, or as much of one, as it can do in SHARD seconds. What
    is on the way is kept every KEEP_EVERY seconds, or this machine's disk would bound the number of workers.

    Raises:
        InputError: the scheduler does not answer or is lost, or no worker is left that can do the work.
    """
    replicates = list(replicates)
    with connect(address) as client, progress_bar(job, len(replicates)) as bar:
        run = Run(job, begin, keep, replicates, address, client, bar)
        while run.waiting or run.running:
            run.look()
            run.submit()
            with suppress(queue.Empty):
                run.receive(run.done.get(timeout=LOOK_EVERY))
    return [run.states[replicate] for replicate in replicates]


def connect(address: str) -> "Client":
    """Return a client of the scheduler. Raises InputError where none answers."""
    import dask
    import distributed

    for name in ("distributed", "distributed.client"):  # what matters is said here, in a line
        logging.getLogger(name).setLevel(logging.CRITICAL)
    warnings.filterwarnings("ignore", module="distributed")
    dask.config.set({"distributed.comm.timeouts.connect": TIMEOUT})
    try:
        return distributed.Client(address, timeout=TIMEOUT)
    except Exception as error:  # nobody, something else that answers, or what is no address
        raise InputError(f"{address}: no Dask scheduler answers ({one_line(error)})") from None


class Run:
    """The replicates of a run on their way: which wait, which are on the workers, and how far each has come."""

    def __init__(
        self,
        job: Job,
        begin: Begin,
        keep: Keep,
        replicates: Iterable[int],
        address: str,
        client: "Client",
        bar: tqdm,
    ) -> None:
        """Begin; all replicates wait."""
        self.job, self.begin, self.keep = job, begin, keep
        self.address, self.client, self.bar = address, client, bar
        self.expected = fingerprint(job.architecture.cell)
        self.waiting, self.states = deque(replicates), dict[int, TrainState]()
        self.running: dict[Future, list[int]] = {}
        self.done: queue.SimpleQueue[Future] = queue.SimpleQueue()
        self.kept: dict[int, float] = {}  # when
        self.dataset: Dataset | None = None  # futures of its arrays, which are on the workers
        self.threads: dict[str, int] = {}  # of each worker that may be used
        self.refused: set[str] = set()  # the others
        self.waited = False

    def look(self) -> None:
        """See which workers there are and give them the data set; take back what was on those that are gone.

        Raises:
            InputError: the scheduler is lost, or every worker is refused.
        """
        try:
            threads = self.client.nthreads()
            if threads and self.dataset is None:  # without workers this would wait in silence
                with suppress(TimeoutError):  # they are gone by now, or paused for want of memory
                    self.dataset = self.client.scatter(
                        self.job.dataset, broadcast=True, hash=True, timeout=TIMEOUT
                    )
        except OSError:
            raise InputError(
                f"{self.address}: the scheduler is lost; what is finished is kept, and the next run goes on"
            ) from None
        allowed = {worker: threads[worker] for worker in sorted(threads.keys() - self.refused)}
        if self.refused and not allowed:
            raise InputError(f"{self.address}: no worker is left that can be used")
        if self.refused and allowed.keys() != self.threads.keys():
            # What was placed on workers that are gone would wait for them for ever.
            self.client.cancel(list(self.running))
            for shard in self.running.values():
                self.waiting.extendleft(shard)
            self.running.clear()
        self.threads = allowed
        if not (threads and self.dataset) and not self.waited:
            self.waited = True
            found = "no worker takes work" if threads else "no workers"
            self.bar.write(
                f"{self.address}: {found} yet; this waits for one, Ctrl-C ends it", file=sys.stderr
            )
        self.bar.set_description(
            f"{self.job.name}, workers: {len(allowed)}, {self.client.dashboard_link}", refresh=False
        )

    def submit(self) -> None:
        """Give the workers as much again as they work on, so that none waits for an answer."""
        while self.dataset and self.waiting and len(self.running) < 2 * sum(self.threads.values()):
            shard, until = self.next_shard()
            packed = [pack(self.states[replicate]) for replicate in shard]
            future = self.client.submit(
                advance,
                self.dataset,
                self.job.architecture,
                self.job.training,
                packed,
                until,
                self.expected,
                # All of them where none is refused, those among them that are still to come.
                workers=list(self.threads) if self.refused else None,
                pure=False,
            )
            self.running[future] = shard
            future.add_done_callback(self.done.put)

    def next_shard(self) -> tuple[list[int], int]:
        """Take from those that wait what SHARD seconds are enough for; return it, and up to which epoch it goes."""
        epochs, left = self.job.training.epochs, self.job.epochs_in(SHARD)
        shard = [self.waiting.popleft()]
        first = self.state(shard[0]).epoch
        until = min(first + left, epochs)
        left -= until - first
        while until == epochs and self.waiting and len(shard) < LARGEST_SHARD:
            left -= epochs - self.state(self.waiting[0]).epoch
            if left < 0:
                break
            shard.append(self.waiting.popleft())
        return shard, until

    def state(self, replicate: int) -> TrainState:
        """Return how far a replicate has come; at first, what it goes on from."""
        if replicate not in self.states:
            self.states[replicate] = self.begin(replicate)
            self.bar.update(self.states[replicate].epoch)
        return self.states[replicate]

    def receive(self, future: "Future") -> None:
        """Take what a worker has done of a shard; where it has done nothing, the shard waits again.

        Raises:
            InputError: the worker has failed at what no other would do better.
        """
        from distributed.client import FutureCancelledError as CancelledError

        if future not in self.running:  # it was taken back
            return
        shard = self.running.pop(future)
        try:
            advanced = future.result()
        except RefusedError as refusal:
            worker, why = refusal.args
            self.refused.add(worker)
            self.waiting.extendleft(shard)
            self.bar.write(f"{worker}: not used: {why}", file=sys.stderr)
        except CancelledError:  # lost with its worker, which may have held the data set too
            self.waiting.extendleft(shard)
            self.dataset = None
        except Exception as error:
            raise InputError(f"{self.address}: {one_line(error)}; what is finished is kept") from error
        else:
            for replicate, packed in zip(shard, advanced, strict=True):
                self.go_on(replicate, unpack(packed))

    def go_on(self, replicate: int, state: TrainState) -> None:
        """Take a replicate's new state, keep it where that is due, and let it wait where it is not the last."""
        before, self.states[replicate] = self.states[replicate].epoch, state
        self.bar.update(state.epoch - before)
        finished, now = state.epoch == self.job.training.epochs, time.monotonic()
        due = now >= self.kept.setdefault(replicate, now) + KEEP_EVERY
        if before < state.epoch and (finished or due):
            self.keep(replicate, state)
            self.kept[replicate] = now
        if not finished:
            self.waiting.appendleft(replicate)


def advance(
    dataset: Dataset,
    architecture: Architecture,
    training: Training,
    packed: list[bytes],
    until: int,
    expected: dict[str, str],
) -> list[bytes]:
    """Return packed states after `until` epochs: what a worker does.

    Raises:
        RefusedError: this worker's fingerprint is not the one expected, or its memory is too small for one replicate.
    """
    import distributed

    manager = distributed.get_worker().memory_manager
    allowed = min(memory_limit(), manager.memory_limit or memory_limit())
    worker = distributed.get_worker().address
    try:
        found, engine = fingerprint(architecture.cell), load_engine("exact", architecture.cell)
    except InputError as error:
        raise RefusedError(worker, str(error)) from None
    for what, value in expected.items():
        if found[what] != value:
            raise RefusedError(worker, f"its {what}: {found[what]}; here: {value}")
    needed = engine.memory_needed(architecture, training, dataset)
    if needed > allowed:
        raise RefusedError(worker, f"a replicate needs {needed:,} bytes of memory; it has {allowed:,}")
    return [pack(engine.advance(unpack(state), dataset, architecture, training, until)) for state in packed]


@functools.cache
def fingerprint(cell: str) -> dict[str, str]:
    """Return what decides a replicate's bytes in this process, and the bits that a small one comes to, by their names.

    A faulty machine, or an emulator, shows in the bits alone.
    """
    import llvmlite
    import numba

    architecture = Architecture(cell, 1, 3, 2)
    x = stream(0, "fingerprint").random((150, 5, 1), dtype=np.float32)
    dataset = Dataset(x, x[:, 0], x[:20], x[:20, 0])
    training = Training(epochs=3, lr=0.01, batch_size=140, clip_norm=0.1, eval_every=1)
    first = start(architecture, seed=0)
    last = load_engine("exact", cell).advance(first, dataset, architecture, training, training.epochs)
    bits = b"".join(array.tobytes() for array in (*last.weights.values(), last.train_mse, last.test_mse))
    return {
        "NumPy": np.__version__,
        "Numba": numba.__version__,
        "llvmlite": llvmlite.__version__,
        "sources of stages/train": sources(),
        "digest of a small replicate": hashlib.sha256(bits).hexdigest()[:12],
    }


@functools.cache
def sources() -> str:
    """Return a hash of the sources that train, as they are at the first call, when they have just been imported.

    A worker may live on while its clone is changed: what it runs then is not what lies there.
    """
    digest = hashlib.sha256()
    for path in sorted([*Path(__file__).parent.rglob("*.py"), Path(__file__).parents[1] / "architecture.py"]):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]
