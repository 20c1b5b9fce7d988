"""Replicates, spread over this machine's cores."""

import os
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor

from tqdm import tqdm

from stages.errors import InputError
from stages.train.training import TrainState

KEEP_EVERY = 10.0  # seconds of a replicate's training that an interrupt may cost


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


def epochs_at_once(epochs: int, multiply_adds: int) -> int:
    """Return the epochs between two looks at progress and interrupts: a twentieth of all, between 10 ms and 1 s or so.

    `multiply_adds` are an epoch's.
    """
    shortest, longest = (max(1, limit // multiply_adds) for limit in (300_000_000, 30_000_000_000))
    return min(max(epochs // 20, shortest), longest)


def train_all(
    begin: Callable[[int], TrainState],
    advance: Callable[[TrainState, int], TrainState],
    keep: Callable[[int, TrainState], None],
    replicates: Iterable[int],
    *,
    threads: int,
    epochs: int,
    at_once: int,
    name: str,
) -> list[TrainState]:
    """Return the state of every replicate after `epochs`, in order, with a progress bar.

    A replicate is one thread's work from start to end, so the number of threads cannot matter to the result.

    Args:
        begin: gives the state that a replicate goes on from, after any number of epochs up to all of them.
        advance: trains one up to so many epochs.
        keep: is called with each replicate's last state, and with states on the way to it, every KEEP_EVERY seconds.
        replicates: their numbers.
        threads: how many are trained side by side.
        epochs: of training.
        at_once: epochs between two looks at progress and interrupts.
        name: the model's.
    """
    replicates = list(replicates)
    stopped = threading.Event()
    with tqdm(total=len(replicates) * epochs, desc=name, unit="epoch", mininterval=0.5) as bar:

        def train(replicate: int) -> TrainState:
            state = begin(replicate)
            bar.update(state.epoch)
            due = time.monotonic() + KEEP_EVERY
            while True:
                if stopped.is_set():
                    raise KeyboardInterrupt
                # Of a state that has done all epochs, this measures the last losses, which are not told apart.
                before, state = state.epoch, advance(state, min(state.epoch + at_once, epochs))
                bar.set_postfix(mse=f"{state.train_mse[before]:.1e}", refresh=False)
                bar.update(state.epoch - before)
                now = time.monotonic()
                if before < state.epoch and (state.epoch == epochs or now >= due):
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
