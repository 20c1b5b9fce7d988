"""Where replicates are trained: on this machine's cores, or on a cluster (cluster.py)."""

import os
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from tqdm import tqdm

from stages.architecture import STEP_COST, Architecture
from stages.data import Dataset
from stages.errors import InputError
from stages.train.training import Training, TrainState

KEEP_EVERY = 10.0  # seconds of a replicate's training that a kill may cost
MULTIPLY_ADDS_PER_SECOND = 30_000_000_000  # of a core, or so

Begin = Callable[[int], TrainState]  # the state that a replicate goes on from, after up to all epochs
Keep = Callable[[int, TrainState], None]  # takes each replicate's last state, and some on the way to it


class Job(NamedTuple):
    """What the replicates of a run have in common; `name` is the model's."""

    name: str
    dataset: Dataset
    architecture: Architecture
    training: Training

    def epochs_in(self, seconds: float) -> int:
        """Return about how many epochs of a replicate a core can do in this time; at least 1."""
        samples, steps, _ = self.dataset.x_train.shape
        multiply_adds = STEP_COST * samples * self.architecture.multiply_adds(steps)
        return max(1, int(seconds * MULTIPLY_ADDS_PER_SECOND) // multiply_adds)


def available_threads() -> int:
    """Return OMP_NUM_THREADS where it is set, else the number of cores that this process may use.

    Raises:
        InputError: OMP_NUM_THREADS is no whole number above 0.
    """
    wanted = os.environ.get("OMP_NUM_THREADS", "")
    if not wanted:
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if not wanted.isdecimal() or int(wanted) == 0:
        raise InputError(f"OMP_NUM_THREADS: found {wanted!r}; allowed: a whole number, 1 or more, or not set")
    return int(wanted)


def train_all(
    job: Job,
    begin: Begin,
    advance: Callable[[TrainState, int], TrainState],
    keep: Keep,
    replicates: Iterable[int],
    threads: int,
) -> list[TrainState]:
    """Return the state of every replicate after the last epoch, in order, with a progress bar.

    A replicate is one thread's work from start to end, so the number of threads cannot matter to the result. `advance`
    trains one up to so many epochs. What is on the way is kept every KEEP_EVERY seconds, and where this is stopped.
    """
    replicates, epochs = list(replicates), job.training.epochs
    # Between two looks at progress and interrupts a twentieth of all, between 10 ms and 1 s or so.
    at_once = min(max(epochs // 20, job.epochs_in(0.01)), job.epochs_in(1))
    stopped = threading.Event()
    with progress_bar(job, len(replicates)) as bar:

        def train(replicate: int) -> TrainState:
            state = begin(replicate)
            bar.update(state.epoch)
            due = time.monotonic() + KEEP_EVERY
            while True:
                if stopped.is_set():
                    raise KeyboardInterrupt
                # Of a state that has done all epochs this measures the last losses, which are not told apart.
                before, state = state.epoch, advance(state, min(state.epoch + at_once, epochs))
                bar.set_postfix(mse=f"{state.train_mse[before]:.1e}", refresh=False)
                bar.update(state.epoch - before)
                now = time.monotonic()
                if before < state.epoch and (state.epoch == epochs or now >= due or stopped.is_set()):
                    keep(replicate, state)
                    # However large a state is, keeping it takes at most a hundredth of the time.
                    due = time.monotonic() + max(KEEP_EVERY, 100 * (time.monotonic() - now))
                if state.epoch == epochs:
                    return state

        with ThreadPoolExecutor(threads) as pool:
            futures = [pool.submit(train, replicate) for replicate in replicates]
            try:
                return [future.result() for future in futures]
            except BaseException:
                # Without this an interrupt would wait for every replicate that is still to come.
                stopped.set()
                pool.shutdown(wait=False, cancel_futures=True)
                raise


def progress_bar(job: Job, replicates: int) -> tqdm:
    """Return the bar over all epochs of all replicates."""
    return tqdm(total=replicates * job.training.epochs, desc=job.name, unit="epoch", mininterval=0.5)
