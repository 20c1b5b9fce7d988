"""Replicates, spread over this machine's cores."""

import os
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor

from tqdm import tqdm

from stages.errors import InputError
from stages.train.replicate import OnProgress, TrainedReplicate


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
    train_one: Callable[[int, OnProgress], TrainedReplicate],
    replicates: Iterable[int],
    *,
    threads: int,
    epochs: int,
    name: str,
) -> list[TrainedReplicate]:
    """Return `train_one(replicate, on_progress)` for every replicate, in order, with a progress bar.

    A replicate is one thread's work from start to end, so the number of threads cannot matter to the result.
    """
    replicates = list(replicates)
    stopped = threading.Event()
    with tqdm(total=len(replicates) * epochs, desc=name, unit="epoch", mininterval=0.5) as bar:

        def on_progress(epochs_done: int, train_mse: float) -> None:
            if stopped.is_set():
                raise KeyboardInterrupt
            bar.set_postfix(mse=f"{train_mse:.1e}", refresh=False)
            bar.update(epochs_done)

        with ThreadPoolExecutor(threads) as pool:
            futures = [pool.submit(train_one, replicate, on_progress) for replicate in replicates]
            try:
                return [future.result() for future in futures]
            except BaseException:
                # Without this an interrupt would wait for every replicate that is still to come.
                stopped.set()
                pool.shutdown(wait=False, cancel_futures=True)
                raise
