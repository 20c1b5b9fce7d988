"""On a real cluster of processes on this machine a run has the bytes of a local one, whatever happens to it."""

import itertools
import logging
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import distributed
import pytest

from stages.architecture import Architecture
from stages.errors import InputError
from stages.train import cluster, workers
from stages.train.exact import trainer
from stages.train.training import TrainState, start
from stages.train.workers import Job
from tests.conftest import TOP, Call, change, files
from tests.train.cases import TRAINING, content, mean_task

pytestmark = pytest.mark.slow

JOB = Job(
    "any",
    mean_task(samples=300, steps=6),
    Architecture("rnn_tanh", 1, 5, 2),
    TRAINING._replace(epochs=40, batch_size=70, eval_every=7),
)
REPLICATES = range(6)
FAULTY = """
from stages.train import cluster, engines
from stages.train.exact import trainer
real = trainer.advance
trainer.advance = lambda *a: (s := real(*a))._replace(train_mse=s.train_mse * 2)
"""
SMALL = """
import dask, sys
sys.argv += ["--memory-limit", "20000"]
dask.config.set({f"distributed.worker.memory.{at}": False for at in ("target", "spill", "pause")})
"""

Start = Callable[..., subprocess.Popen[bytes]]


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Start a scheduler, and give its address."""
    with scheduler(tmp_path_factory.mktemp("scheduler")) as (_, address):
        yield address


class scheduler:  # noqa: N801 - a context, as it is called
    """A scheduler of its own process, and where it listens."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "scheduler.json"

    def __enter__(self) -> tuple[subprocess.Popen[bytes], str]:
        command = "-m dask scheduler --host 127.0.0.1 --port 0 --no-dashboard --no-show --scheduler-file"
        self.process = subprocess.Popen(
            [sys.executable, *command.split(), str(self.file)], stderr=subprocess.PIPE
        )
        assert self.process.stderr
        for line in self.process.stderr:  # until it listens
            if b"Scheduler at:" in line:
                return self.process, line.split()[-1].decode()
        raise AssertionError("the scheduler did not start")

    def __exit__(self, *error: object) -> None:
        self.process.kill()
        self.process.wait()


@pytest.fixture
def start_worker() -> Iterator[Start]:
    """Return a function that starts a worker of a scheduler in a clone, after some Python; stop them all afterwards."""
    processes = []

    def start(address: str, clone: Path = TOP, first: str = "", wait: bool = True) -> subprocess.Popen[bytes]:
        code = f"{first}\nfrom distributed.cli.dask_worker import main; main()"
        arguments = [address, *["--host", "127.0.0.1", "--nthreads", "1", "--no-nanny", "--no-dashboard"]]
        process = subprocess.Popen(
            [sys.executable, "-c", code, *arguments], cwd=clone, stderr=subprocess.PIPE
        )
        processes.append(process)
        assert process.stderr
        while wait and b"Registered to:" not in process.stderr.readline():
            assert process.poll() is None
        return process

    yield start
    for process in processes:
        process.kill()
        process.wait()


def begin(replicate: int) -> TrainState:
    return start(JOB.architecture, 0, "any", replicate)


def forget(replicate: int, state: TrainState) -> None:
    """Keep nothing."""


def advance(state: TrainState, until: int) -> TrainState:
    return trainer.advance(state, *JOB[1:], until)


@pytest.fixture(scope="module")
def local() -> list[list[object]]:
    """Return what this machine makes."""
    return list(map(content, workers.train_all(JOB, begin, advance, forget, REPLICATES, 1)))


def on_cluster(address: str, keep: workers.Keep = forget, begin: workers.Begin = begin) -> list[list[object]]:
    return list(map(content, cluster.train_all(JOB, begin, keep, REPLICATES, address)))


def test_the_bytes_are_those_of_a_local_run_for_any_number_of_workers_and_size_of_shards(
    address: str, start_worker: Start, local: list[list[object]], monkeypatch: pytest.MonkeyPatch
) -> None:
    kept: list[tuple[int, int]] = []
    monkeypatch.setattr(cluster, "KEEP_EVERY", 1e9)  # what is on the way is not kept more often
    for more, shard in ((1, 1.0), (1, 1e-9), (3, 2e-3)):
        for _ in range(more):
            start_worker(address)
        monkeypatch.setattr(cluster, "SHARD", shard)
        kept.clear()
        assert on_cluster(address, lambda replicate, state: kept.append((replicate, state.epoch))) == local
        assert sorted(kept) == [(replicate, JOB.training.epochs) for replicate in REPLICATES]


def test_the_stage_trains_on_the_cluster_that_the_environment_names(
    address: str, start_worker: Start, project: Path, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    start_worker(address, project)
    made = files(project, "data/losses", "data/models")
    for name in made:
        if Path(name).stem == "single":
            (project / name).unlink()
    done = subprocess.run(
        [sys.executable, "-m", "stages.train", "single"],
        cwd=project,
        env=os.environ | {"DASK_SCHEDULER_ADDRESS": address},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0 and "single, workers: " in done.stderr, done.stderr
    assert files(project, "data/losses", "data/models") == made
    # Not by PyTorch, whose bits are the CPU's.
    monkeypatch.setattr(cluster, "scheduler_address", lambda: address)
    change(project / "params.yaml", "engine: exact", "engine: torch")
    code, _, said = call(project, "stages.train", "single")
    assert code == 0 and f"single: engine torch trains here, not on {address}: " in said


def test_a_worker_that_is_killed_loses_nothing(
    address: str, start_worker: Start, local: list[list[object]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster, "SHARD", 1e-9)
    monkeypatch.setattr(cluster, "KEEP_EVERY", 0)
    first, _ = start_worker(address), start_worker(address)
    kept: list[int] = []

    def keep(replicate: int, state: TrainState) -> None:
        kept.append(replicate)
        if len(kept) == 30:
            first.send_signal(signal.SIGKILL)

    assert on_cluster(address, keep) == local
    assert first.wait() == -signal.SIGKILL


def test_without_workers_it_waits_and_says_so(
    address: str, start_worker: Start, local: list[list[object]], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Where the first look finds none, one is started: it joins late.
    bar = workers.tqdm

    class Bar(bar):  # type: ignore[misc, valid-type]
        def write(self, text: str, **options: object) -> None:
            said.append(text)
            start_worker(address, wait=False)

    said: list[str] = []
    monkeypatch.setattr(workers, "tqdm", Bar)
    assert on_cluster(address) == local
    assert said == [f"{address}: no workers yet; this waits for one, Ctrl-C ends it"]


def test_workers_that_are_gone_before_they_have_the_data_set_are_waited_for(
    address: str,
    start_worker: Start,
    local: list[list[object]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    start_worker(address)
    scatter, calls = distributed.Client.scatter, itertools.count()

    def too_late(client: distributed.Client, *data: object, **options: object) -> object:
        if next(calls) == 0:
            raise TimeoutError("No valid workers found")
        return scatter(client, *data, **options)

    monkeypatch.setattr(distributed.Client, "scatter", too_late)
    assert on_cluster(address) == local
    assert f"{address}: no worker takes work yet; this waits for one" in capsys.readouterr().err


def test_two_clients_at_once_get_their_own(
    address: str, start_worker: Start, local: list[list[object]]
) -> None:
    start_worker(address)
    found: list[list[list[object]]] = []
    threads = [threading.Thread(target=lambda: found.append(on_cluster(address))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [local, local]


def test_what_is_finished_is_kept_where_the_scheduler_is_lost(
    start_worker: Start, local: list[list[object]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster, "SHARD", 1e-9)
    monkeypatch.setattr(cluster, "KEEP_EVERY", 0)
    kept: dict[int, TrainState] = {}
    with scheduler(tmp_path) as (process, address):
        start_worker(address)

        def keep(replicate: int, state: TrainState) -> None:
            kept[replicate] = state
            if state.epoch == 20:
                process.kill()

        with pytest.raises(InputError, match=f"^{address}: the scheduler is lost; what is finished is kept"):
            on_cluster(address, keep)
    resumed = workers.train_all(
        JOB, lambda replicate: kept.get(replicate) or begin(replicate), advance, forget, REPLICATES, 1
    )
    assert list(map(content, resumed)) == local
    # Dask adds no line of its own, as of a scheduler that it cannot reconnect to.
    assert not logging.getLogger("distributed.client").isEnabledFor(logging.ERROR)


def test_an_interrupt_leaves_the_cluster_clean(address: str, start_worker: Start) -> None:
    start_worker(address)

    def keep(replicate: int, state: TrainState) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        on_cluster(address, keep)
    with distributed.Client(address) as client:
        assert client.run_on_scheduler(lambda dask_scheduler: list(dask_scheduler.tasks)) == []


def test_a_worker_that_would_give_other_bytes_is_named_and_not_used(
    address: str,
    start_worker: Start,
    local: list[list[object]],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    clone = tmp_path / "clone"
    shutil.copytree(TOP / "stages", clone / "stages", ignore=shutil.ignore_patterns("__pycache__"))
    with (clone / "stages/train/training.py").open("a") as file:
        file.write("\n")
    start_worker(address, clone)
    start_worker(address, first=FAULTY)
    start_worker(address, first=SMALL)
    with pytest.raises(InputError, match=f"^{address}: no worker is left that can be used$"):
        on_cluster(address)
    said = capsys.readouterr().err
    for why in (
        r"its sources of stages/train: [0-9a-f]{12}; here: [0-9a-f]{12}",
        r"its digest of a small replicate: [0-9a-f]{12}; here: [0-9a-f]{12}",
        r"a replicate needs [\d,]+ bytes of memory; it has 20,000",
    ):
        assert len(re.findall(rf"tcp://127\.0\.0\.1:\d+: not used: {why}\n", said)) == 1
    start_worker(address)
    assert on_cluster(address) == local


def test_an_address_that_nobody_answers_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "TIMEOUT", 1)
    for address in ("tcp://127.0.0.1:1", "nowhere", 8786):
        with pytest.raises(InputError, match=f"^{address}: no Dask scheduler answers \\("):
            on_cluster(address)  # type: ignore[arg-type]
    with socket.create_server(("127.0.0.1", 0)) as server:  # something else answers there
        address = f"tcp://127.0.0.1:{server.getsockname()[1]}"
        threading.Thread(
            target=lambda: server.accept()[0].sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        ).start()
        with pytest.raises(InputError, match=f"^{address}: no Dask scheduler answers \\("):
            on_cluster(address)


def test_what_a_worker_runs_is_what_it_imported_whatever_its_clone_has_become(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = cluster.fingerprint("rnn_tanh")
    monkeypatch.setattr(cluster, "__file__", str(tmp_path / "stages/train/cluster.py"))
    after = cluster.fingerprint("rnn_relu")
    assert before["sources of stages/train"] == after["sources of stages/train"]


def test_settings_that_dask_cannot_read_are_one_line(tmp_path: Path) -> None:
    (tmp_path / "dask.yaml").write_text("scheduler-address: [")
    code = "import stages; from stages.train.cluster import scheduler_address; print(scheduler_address())"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=TOP,
        env=os.environ | {"DASK_CONFIG": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr.count("\n")) == (2, 1) and str(tmp_path) in done.stderr


def test_dasks_own_setting_names_the_scheduler(monkeypatch: pytest.MonkeyPatch) -> None:
    assert cluster.scheduler_address() is None
    code = "from stages.train.cluster import scheduler_address; print(scheduler_address())"
    environment = os.environ | {"DASK_SCHEDULER_ADDRESS": "tcp://there:8786"}
    said = subprocess.check_output([sys.executable, "-c", code], cwd=TOP, env=environment, text=True)
    assert said == "tcp://there:8786\n"
    monkeypatch.setenv("DASK_SCHEDULER_ADDRESS", "tcp://there:8786")
    monkeypatch.setattr(cluster, "find_spec", lambda name: None)
    with pytest.raises(
        InputError, match=r"but Dask is not installed; `python -m pip install distributed==[\d.]+` installs"
    ):
        cluster.scheduler_address()
