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
    from distributed import Future

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
    import dask
    import distributed
    from distributed.client import FutureCancelledError as CancelledError

    for name in ("distributed", "distributed.client"):  # what matters is said below, in a line
        logging.getLogger(name).setLevel(logging.CRITICAL)
    warnings.filterwarnings("ignore", module="distributed")
    dask.config.set({"distributed.comm.timeouts.connect": TIMEOUT})
    replicates, epochs, at_once = list(replicates), job.training.epochs, job.epochs_in(SHARD)
    waiting, states = deque(replicates), dict[int, TrainState]()
    running: dict[Future, list[int]] = {}
    done: queue.SimpleQueue[Future] = queue.SimpleQueue()
    kept: dict[int, float] = {}  # when
    refused, placed, waited = set[str](), list[str](), False
    ours = fingerprint(job.architecture.cell)
    try:
        client = distributed.Client(address, timeout=TIMEOUT)
    except Exception as error:  # nobody, something else that answers, or what is no address
        raise InputError(f"{address}: no Dask scheduler answers ({one_line(error)})") from None
    with client, progress_bar(job, len(replicates)) as bar:
        dataset: Dataset | None = None  # futures of its arrays, which are on the workers

        def state_of(replicate: int) -> TrainState:
            if replicate not in states:
                states[replicate] = begin(replicate)
                bar.update(states[replicate].epoch)
            return states[replicate]

        def submit() -> None:
            shard = [waiting.popleft()]
            first = state_of(shard[0]).epoch
            until = min(first + at_once, epochs)
            left = at_once - (until - first)
            while until == epochs and waiting and len(shard) < LARGEST_SHARD:
                left -= epochs - state_of(waiting[0]).epoch
                if left < 0:
                    break
                shard.append(waiting.popleft())
            packed = [pack(states[replicate]) for replicate in shard]
            network = job.architecture, job.training
            # All of them where none is refused, those among them that are still to come.
            workers = placed if refused else None
            future = client.submit(
                advance, dataset, *network, packed, until, ours, workers=workers, pure=False
            )
            running[future] = shard
            future.add_done_callback(done.put)

        while waiting or running:
            try:
                threads = client.nthreads()
                if threads and dataset is None:  # without workers this would wait in silence
                    with suppress(TimeoutError):  # they are gone by now, or paused for want of memory
                        dataset = client.scatter(job.dataset, broadcast=True, hash=True, timeout=TIMEOUT)
            except OSError:
                raise InputError(
                    f"{address}: the scheduler is lost; what is finished is kept, and the next run goes on"
                ) from None
            allowed = sorted(threads.keys() - refused)
            if refused and not allowed:
                raise InputError(f"{address}: no worker is left that can be used")
            if refused and allowed != placed:
                # What was placed on workers that are gone would wait for them for ever.
                client.cancel(list(running))
                for shard in running.values():
                    waiting.extendleft(shard)
                running.clear()
            placed = allowed
            if not (threads and dataset) and not waited:
                waited = True
                found = "no worker takes work" if threads else "no workers"
                bar.write(f"{address}: {found} yet; this waits for one, Ctrl-C ends it", file=sys.stderr)
            bar.set_description(
                f"{job.name}, workers: {len(allowed)}, {client.dashboard_link}", refresh=False
            )
            # As much again as is worked on, so that no worker waits for an answer.
            while dataset and waiting and len(running) < 2 * sum(threads[worker] for worker in allowed):
                submit()
            try:
                future = done.get(timeout=LOOK_EVERY)
            except queue.Empty:
                continue
            if future not in running:  # it was taken back
                continue
            shard = running.pop(future)
            try:
                advanced = future.result()
            except RefusedError as refusal:
                worker, why = refusal.args
                refused.add(worker)
                waiting.extendleft(shard)
                bar.write(f"{worker}: not used: {why}", file=sys.stderr)
            except CancelledError:  # lost with its worker, which may have held the data set too
                waiting.extendleft(shard)
                dataset = None
            except Exception as error:
                raise InputError(f"{address}: {one_line(error)}; what is finished is kept") from error
            else:
                for replicate, packed in zip(shard, advanced, strict=True):
                    before, states[replicate] = states[replicate].epoch, unpack(packed)
                    bar.update(states[replicate].epoch - before)
                    finished, now = states[replicate].epoch == epochs, time.monotonic()
                    due = now >= kept.setdefault(replicate, now) + KEEP_EVERY
                    if before < states[replicate].epoch and (finished or due):
                        keep(replicate, states[replicate])
                        kept[replicate] = now
                    if not finished:
                        waiting.appendleft(replicate)
    return [states[replicate] for replicate in replicates]


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
