"""`python -m tools.bench_cluster`: what a Dask cluster of this machine costs beside a local run, and what it holds.

A run of a minute or so on all cores: locally, on one worker a core, and on one worker alone, in turn. Then 10,000 small
replicates, for the memory of client and scheduler.
"""

import os
import statistics
import subprocess
import sys
import time
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil

from stages.architecture import Architecture
from stages.generate.tasks import draw
from stages.params import load_params
from stages.train import cluster, workers
from stages.train.exact import trainer
from stages.train.training import Training, TrainState, start
from stages.train.workers import Job

ROUNDS = 3
CORES = workers.available_threads()
MANY = 10_000


@contextmanager
def dask_cluster(count: int) -> Iterator[tuple[psutil.Process, str]]:
    """Start a scheduler and so many workers of a thread each; give the scheduler and its address."""
    with TemporaryDirectory() as folder:
        address, end = f"tcp://127.0.0.1:{8700 + count}", "--host 127.0.0.1 --no-dashboard"
        commands = [f"scheduler --port {8700 + count} {end} --no-show"]
        commands += [f"worker {address} --nthreads 1 --no-nanny {end} --local-directory {folder}"] * count
        processes = [
            subprocess.Popen([sys.executable, "-m", "dask", *command.split()], stderr=subprocess.DEVNULL)
            for command in commands
        ]
        try:
            yield psutil.Process(processes[0].pid), address
        finally:
            for process in processes:
                process.kill()
                process.wait()


def forget(replicate: int, state: TrainState) -> None:
    """Keep nothing."""


def seconds(job: Job, replicates: int, address: str | None = None) -> float:
    """Train so many replicates, locally or on a cluster; return how long it takes."""

    def begin(replicate: int) -> TrainState:
        return start(job.architecture, 0, job.name, replicate)

    def advance(state: TrainState, until: int) -> TrainState:
        return trainer.advance(state, job.dataset, job.architecture, job.training, until)

    begun = time.perf_counter()
    if address:
        cluster.train_all(job, begin, forget, range(replicates), address)
    else:
        workers.train_all(job, begin, advance, forget, range(replicates), CORES)
    return time.perf_counter() - begun


def main() -> None:
    """Print a table, then the memory."""
    ArgumentParser(prog="python -m tools.bench_cluster", description=main.__doc__).parse_args()
    dataset = draw(load_params().data)
    training = Training(epochs=1000, lr=0.01, batch_size=None, clip_norm=None, eval_every=10)
    job = Job("bench", dataset, Architecture("rnn_tanh", 1, 32, 1), training)
    replicates = 2 * CORES * max(1, int(30 / seconds(job, 2 * CORES)))
    took: dict[str, list[float]] = {"local": [], f"{CORES} workers": [], "1 worker": []}
    with dask_cluster(CORES) as (_, address), dask_cluster(1) as (_, alone):
        for scheduler in (address, alone):
            seconds(job, 2 * CORES, scheduler)  # loads what is compiled
        for _ in range(ROUNDS):
            took["local"].append(seconds(job, replicates))
            took[f"{CORES} workers"].append(seconds(job, replicates, address))
            took["1 worker"].append(seconds(job, replicates, alone))
    print(
        f"{replicates} replicates of 1 x 32, 1,000 epochs, {CORES} cores; medians of {ROUNDS} rounds in turn"
    )
    for name, times in took.items():
        ratio = statistics.median(one / local for one, local in zip(times, took["local"], strict=True))
        rate = replicates / statistics.median(times)
        print(
            f"{name:>10}: {statistics.median(times):5.1f} s, {rate:.2f} replicates a second, {ratio:.3f} of local"
        )
    few = dataset._replace(x_train=dataset.x_train[:100], y_train=dataset.y_train[:100])
    small = Job("many", few, Architecture("rnn_tanh", 1, 4, 1), training._replace(epochs=100))
    with dask_cluster(CORES) as (scheduler_process, address):
        took_many = seconds(small, MANY, address)
        of_scheduler = scheduler_process.memory_info().rss
    of_client = psutil.Process(os.getpid()).memory_info().rss
    print(
        f"{MANY:,} replicates of 1 x 4, 100 epochs: {took_many:.0f} s; "
        f"the client holds {of_client / 1e6:,.0f} MB, the scheduler {of_scheduler / 1e6:,.0f} MB"
    )


if __name__ == "__main__":
    assert Path("params.yaml").exists(), "run from the top folder of the project"
    main()
