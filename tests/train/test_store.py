"""No replicate is trained twice, none is lost, and what is kept is never believed without a look."""

import errno
import hashlib
import itertools
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from stages import files
from stages.architecture import Architecture
from stages.data import Dataset
from stages.errors import InputError
from stages.train import store as module
from stages.train import workers
from stages.train.exact import trainer
from stages.train.store import LIMIT, Store, pack, store_folder, unpack
from stages.train.training import TrainState, start
from stages.train.workers import Job
from tests.conftest import TOP, Call, change
from tests.train.cases import TRAINING, content, mean_task

DATA = mean_task(samples=20, steps=4)
NETWORK = Architecture("gru", 1, 3, 2)
BATCHES = TRAINING._replace(batch_size=7, eval_every=2)


@pytest.fixture(autouse=True)
def own_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give each test a store of its own, which is empty."""
    monkeypatch.setattr(module, "store_folder", lambda: tmp_path / "cache/replicates")
    monkeypatch.setenv(LIMIT, "1")
    return module.store_folder()


def first(replicate: int = 0) -> TrainState:
    return start(NETWORK, 0, "any", replicate)


def run(
    epochs: int, replicates: int = 1, arithmetic: str | None = "a", dataset: Dataset = DATA
) -> tuple[list[int], list[TrainState]]:
    """Train as the stage does; return the epochs that each replicate began at, and what came out."""
    training, began = BATCHES._replace(epochs=epochs), []
    with Store(dataset, NETWORK, training, arithmetic) as store:

        def resume(replicate: int) -> TrainState:
            began.append(store.resume(replicate, first(replicate)))
            return began[-1]

        def advance(state: TrainState, until: int) -> TrainState:
            return trainer.advance(state, dataset, NETWORK, training, until)

        job = Job("any", dataset, NETWORK, training)
        trained = workers.train_all(job, resume, advance, store.keep, range(replicates), 1)
    return [state.epoch for state in began], trained


def contents(trained: list[TrainState]) -> list[list[object]]:
    return [content(state) for state in trained]


@pytest.fixture
def afresh(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[list[object]]]:
    """Return a function that trains past the store."""

    def call(epochs: int, replicates: int = 1) -> list[list[object]]:
        with monkeypatch.context() as patch:
            patch.setenv(LIMIT, "0")
            return contents(run(epochs, replicates)[1])

    return call


def test_a_state_comes_back_to_the_bit() -> None:
    state = trainer.advance(first(), DATA, NETWORK, BATCHES._replace(epochs=9), 5)
    assert content(unpack(pack(state))) == content(state)


def test_more_replicates_train_the_new_ones_alone(afresh: Callable[..., object]) -> None:
    assert run(4, replicates=2)[0] == [0, 0]
    began, trained = run(4, replicates=3)
    assert began == [4, 4, 0]
    assert contents(trained) == afresh(4, 3)


def test_the_stage_says_how_many_were_kept(project: Path, call: Call) -> None:
    assert call(project, "stages.train", "single")[:2] == (0, "")
    change(project / "params.yaml", "replicates: 3", "replicates: 4")
    kept = "single: 3 of 4 replicates were trained before, and kept\n"
    assert call(project, "stages.train", "single")[:2] == (0, kept)
    change(project / "params.yaml", "epochs: 4", "epochs: 5")
    assert call(project, "stages.train", "single")[:2] == (0, "")


def test_more_epochs_train_the_rest_alone_and_fewer_start_from_what_is_not_past_them(
    afresh: Callable[..., object],
) -> None:
    run(5)
    began, trained = run(8)
    assert (began, contents(trained)) == ([5], afresh(8))
    began, trained = run(7)
    assert (began, contents(trained)) == ([5], afresh(7))
    began, trained = run(5)
    assert (began, contents(trained)) == ([5], afresh(5))


def test_what_decides_a_byte_is_in_the_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(4)
    assert run(4, arithmetic="b")[0] == [0]
    x = DATA.x_test.copy()
    x[0, 0, 0] = np.nextafter(x[0, 0, 0], np.float32(1))
    assert run(4, dataset=DATA._replace(x_test=x))[0] == [0]
    for other in ({"lr": 0.02}, {"clip_norm": 1.0}, {"batch_size": 8}, {"eval_every": 1}):
        store = Store(DATA, NETWORK, BATCHES._replace(epochs=4, **other), "a")
        assert store.resume(0, first()).epoch == 0
    redrawn = first()._replace(rng=np.random.Generator(np.random.PCG64(5)))
    assert Store(DATA, NETWORK, BATCHES._replace(epochs=4), "a").resume(0, redrawn).epoch == 0
    assert Store(DATA, NETWORK, BATCHES._replace(epochs=4), "a").resume(0, first()).epoch == 4
    (tmp_path / "training.py").write_text("# other epochs are measured")
    monkeypatch.setattr(module, "__file__", str(tmp_path / "store.py"))
    assert Store(DATA, NETWORK, BATCHES._replace(epochs=4), "a").resume(0, first()).epoch == 0


def test_the_trainers_sources_and_versions_are_its_arithmetic_and_the_python_and_cpu_are_not(
    tmp_path: Path,
) -> None:
    code = "from stages.train.exact.compiled import arithmetic, cache_folder; print(arithmetic(), cache_folder())"

    def found(folder: Path, **environment: str) -> list[str]:
        return subprocess.check_output(
            [sys.executable, "-c", code], cwd=folder, env=os.environ | environment, text=True
        ).split()

    here, place = found(TOP)
    elsewhere, other_place = found(TOP, NUMBA_CPU_NAME="generic", NUMBA_CPU_FEATURES="")
    assert here == elsewhere and place != other_place
    shutil.copytree(TOP / "stages", tmp_path / "stages", ignore=shutil.ignore_patterns("__pycache__"))
    with (tmp_path / "stages/train/exact/adam.py").open("a") as file:
        file.write("\n")
    assert found(tmp_path)[0] != here


def test_a_flipped_bit_is_said_and_trained_again(
    own_store: Path, afresh: Callable[..., object], capsys: pytest.CaptureFixture[str]
) -> None:
    run(4)
    (path,) = own_store.glob("*/*")
    packed = bytearray(path.read_bytes())
    for bit in (0, len(packed) * 4, len(packed) * 8 - 1):
        damaged = packed.copy()
        damaged[bit // 8] ^= 1 << bit % 8
        path.write_bytes(damaged)
        capsys.readouterr()
        began, trained = run(4)
        assert (began, contents(trained)) == ([0], afresh(4))
        assert f"{path}: damaged; removed, to be trained again\n" in capsys.readouterr().err
    assert path.read_bytes() == packed
    for written in (b"", hashlib.sha256(b"another form").digest() + b"another form"):
        path.write_bytes(written)
        assert run(4)[0] == [0]
    path.rename(path.with_name("3.finished"))
    assert run(4)[0] == [0]


def test_pytorchs_engine_and_a_limit_of_0_go_past_the_store(
    own_store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(4, arithmetic=None)
    monkeypatch.setenv(LIMIT, "0")
    run(4)
    assert not own_store.exists()
    monkeypatch.setenv(LIMIT, "1")
    run(4)
    monkeypatch.setenv(LIMIT, "0")
    assert run(4)[0] == [0]
    monkeypatch.setenv(LIMIT, "a few")
    with pytest.raises(
        InputError, match=r"STACKED_RNN_STORE_GB: found 'a few'; allowed: a whole number, 0 for"
    ):
        run(4)


def test_the_oldest_go_first_and_never_what_was_used_within_the_hour(
    own_store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(4, replicates=3)
    paths = sorted(own_store.glob("*/*"), key=lambda path: path.stat().st_mtime)
    size, now = paths[0].stat().st_size, time.time()
    for hours, path in zip((4, 3, 2), paths, strict=True):
        os.utime(path, (now - 3600 * hours,) * 2)
    monkeypatch.setattr(module, "bytes_allowed", lambda: 3 * size + 99)
    began, _ = run(5)  # goes on from the first replicate, and with it makes a fourth state
    assert began == [4]
    left = set(own_store.glob("*/*"))
    assert len(left) == 3 and paths[1] not in left and not paths[1].parent.exists()
    os.utime(paths[2], (now - 1800,) * 2)  # as another run would have
    clock = itertools.count(now, 7200)  # a long run's
    monkeypatch.setattr(module, "time", SimpleNamespace(time=lambda: next(clock)))
    monkeypatch.setattr(module, "bytes_allowed", lambda: 1)
    run(6)
    assert paths[2].exists()
    assert {path.name for path in paths[0].parent.iterdir()} == {"4.finished", "5.finished", "6.finished"}


def test_only_this_user_may_look(own_store: Path) -> None:
    run(4)
    assert own_store.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("where", ["a file where the folder should be", "no home"])
def test_where_nothing_can_be_kept_the_run_goes_on(
    where: str,
    own_store: Path,
    monkeypatch: pytest.MonkeyPatch,
    afresh: Callable[..., object],
    capsys: pytest.CaptureFixture[str],
) -> None:
    if where == "no home":
        monkeypatch.setattr(module, "store_folder", store_folder)
        monkeypatch.setattr("os.path.expanduser", lambda path: path)
        monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
        with pytest.raises(FileNotFoundError):
            store_folder()
    else:
        own_store.parent.mkdir(parents=True)
        own_store.touch()
    assert contents(run(4, replicates=2)[1]) == afresh(4, 2)
    said = capsys.readouterr().err
    assert said.count("replicates are not kept") == (0 if where == "no home" else 1)


def test_what_is_kept_is_read_where_nothing_can_be_written(
    own_store: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(path: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    run(4)
    (path,) = own_store.glob("*/*")
    run(4, replicates=3)
    path.unlink()
    monkeypatch.setattr(module, "replacing", refuse)
    monkeypatch.setattr(module.os, "utime", refuse)
    assert run(4, replicates=3)[0] == [0, 4, 4]
    assert (
        capsys.readouterr().err.count("No space left on device; until that ends, replicates are not kept")
        == 1
    )


def test_a_disk_that_was_full_for_a_while_costs_what_was_to_be_kept_then_alone(
    own_store: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    full = itertools.chain([True], itertools.repeat(False))

    def replacing(path: Path) -> AbstractContextManager[Path]:
        if next(full):
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        return files.replacing(path)

    monkeypatch.setattr(module, "replacing", replacing)
    run(4, replicates=2)
    assert run(4, replicates=2)[0] == [0, 4]
    assert capsys.readouterr().err.count("not kept") == 1


def test_two_writers_of_one_replicate_leave_each_other_what_they_go_on_from(own_store: Path) -> None:
    trainings = [BATCHES._replace(epochs=epochs) for epochs in (4, 8)]
    short, long = (Store(DATA, NETWORK, training, "a") for training in trainings)
    state = trainer.advance(short.resume(0, first()), DATA, NETWORK, trainings[0], 2)
    long.resume(0, first())

    def left() -> set[str]:
        return {path.name for path in own_store.glob("*/*")}

    short.keep(0, state)
    long.keep(0, state._replace(epoch=5))
    assert left() == {"2.unfinished", "5.unfinished"}
    long.keep(0, state._replace(epoch=6))
    assert left() == {"2.unfinished", "6.unfinished"}
    short.keep(0, state._replace(epoch=4))
    assert left() == {"4.finished", "6.unfinished"}
    goes_on = Store(DATA, NETWORK, trainings[1], "a")
    assert goes_on.resume(0, first()).epoch == 6
    goes_on.keep(0, state._replace(epoch=8))
    assert left() == {"4.finished", "8.finished"}


KILLED = """
import itertools, os, random, signal, sys
from tests.train import test_store
from stages import files
from stages.train import workers

moments, number = itertools.count(), 0

def may_die(function):
    def called(*arguments, **options):
        if next(moments) == number:
            os.kill(os.getpid(), signal.SIGKILL)
        return function(*arguments, **options)
    return called

def half(write):
    def written(path, content):
        write(path, content[: len(content) // 2])
        may_die(write)(path, content[: len(content) // 2])
        return write(path, content)
    return written

os.environ[test_store.LIMIT] = "1"
workers.KEEP_EVERY = 0
workers.MULTIPLY_ADDS_PER_SECOND = 1  # so that there is a look at progress an epoch
workers.time.monotonic = lambda: 0.0  # so that every look at progress keeps a state
test_store.trainer.check_platform(test_store.NETWORK.cell)  # compiled before the forks
Path, top = files.Path, files.Path(sys.argv[1])

def train(folder):
    test_store.module.store_folder = lambda: top / folder
    began, trained = test_store.run(12, replicates=2)
    return sum(began), test_store.contents(trained)

Path.touch, Path.replace, Path.unlink = map(may_die, (Path.touch, Path.replace, Path.unlink))
Path.write_bytes, files.os.fsync = half(Path.write_bytes), may_die(files.os.fsync)
test_store.trainer.advance = may_die(test_store.trainer.advance)
number = -1
_, expected = train("never killed")
for number in random.Random(0).sample(range(next(moments)), 20):
    child = os.fork()
    if child == 0:
        moments = itertools.count()
        train(str(number))
    assert os.waitpid(child, 0)[1] == signal.SIGKILL
    killed_at, number = number, -1
    began, trained = train(str(killed_at))
    assert trained == expected, killed_at
    print(killed_at, began, flush=True)  # or the next fork has it too
"""


@pytest.mark.slow
def test_a_run_killed_at_any_moment_goes_on_to_the_same_bytes(own_store: Path) -> None:
    done = subprocess.run([sys.executable, "-c", KILLED, own_store], cwd=TOP, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    # The later it was killed, the further on it began again.
    killed = sorted(tuple(map(int, line.split())) for line in done.stdout.splitlines())
    epochs = [began for _, began in killed]
    assert len(epochs) == 20 and epochs == sorted(epochs) and epochs[0] < 4 and epochs[-1] > 20


TERMINATED = """
import runpy, sys
from pathlib import Path
from stages.train import store
folder = Path(sys.argv.pop())
store.store_folder = lambda: folder
runpy.run_module("stages.train", run_name="__main__", alter_sys=True)
"""


@pytest.mark.slow
def test_a_run_that_is_terminated_keeps_what_is_on_the_way(project: Path, own_store: Path) -> None:
    change(project / "params.yaml", "epochs: 4", "epochs: 1000000")
    command = [sys.executable, "-c", TERMINATED, "single", str(own_store)]
    with subprocess.Popen(command, cwd=project, stderr=subprocess.PIPE) as process:
        assert process.stderr
        said = b""
        while b"mse=" not in said:  # it trains
            said += os.read(process.stderr.fileno(), 1000) or pytest.fail(said.decode())
        process.send_signal(signal.SIGTERM)
        assert b"what is finished is kept, and the next run goes on" in process.communicate()[1]
    assert process.returncode == 130
    assert list(own_store.glob("*/*.unfinished"))


def test_the_store_is_removed_or_it_says_why_not(
    own_store: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["stages.train.store", "--clear"])
    run(4)
    for number in (1, 0):
        module.main()
        assert f"{own_store}: {number} files, " in capsys.readouterr().out
        assert not own_store.exists()
    own_store.touch()
    with pytest.raises(NotADirectoryError):
        module.main()
