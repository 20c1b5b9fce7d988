"""Spreading replicates over cores: their order, their number of threads, and how they stop."""

import threading
from types import SimpleNamespace

import numpy as np
import pytest

from stages.architecture import Architecture
from stages.data import Dataset
from stages.errors import InputError
from stages.train import workers
from stages.train.training import TrainState
from stages.train.workers import Job
from tests.train.cases import TRAINING, begin


def job(epochs: int = 5) -> Job:
    """A job so large that a replicate advances two epochs at once."""
    x = np.zeros((10_000, 1, 1), np.float32)
    architecture = Architecture("rnn_tanh", 1, 60, 1)
    return Job("any", Dataset(x, x[:, 0], x, x[:, 0]), architecture, TRAINING._replace(epochs=epochs))


def forget(replicate: int, state: TrainState) -> None:
    """Keep nothing."""


def begin_replicate(replicate: int) -> TrainState:
    return begin(Architecture("rnn_tanh", 1, 1, 1))._replace(steps=replicate)


def go_on(state: TrainState, until: int) -> TrainState:
    return state._replace(epoch=until, train_mse=np.zeros(until + 1, np.float32))


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_results_are_in_order_whatever_finishes_first(threads: int) -> None:
    last_started = threading.Event()

    def advance(state: TrainState, until: int) -> TrainState:
        if state.steps == 1:
            last_started.set()
        elif threads > 1:
            assert last_started.wait(30)
        return go_on(state, until)

    trained = workers.train_all(job(), begin_replicate, advance, forget, range(2), threads)
    assert [(state.steps, state.epoch) for state in trained] == [(0, 5), (1, 5)]


def test_a_replicate_advances_a_few_epochs_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    seen = []

    def advance(state: TrainState, until: int) -> TrainState:
        seen.append((state.epoch, until))
        return go_on(state, until)

    workers.train_all(job(), begin_replicate, advance, forget, range(1), 1)
    assert seen == [(0, 2), (2, 4), (4, 5)]
    assert "5/5" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("hidden_size", "epochs", "looks"),
    [(1, 10_000, [2439, 4878]), (32, 1000, [50, 100, 150]), (1000, 9, [1, 2])],
)
def test_looks_at_progress_are_neither_too_many_nor_too_few(
    hidden_size: int, epochs: int, looks: list[int]
) -> None:
    seen: list[int] = []

    def advance(state: TrainState, until: int) -> TrainState:
        seen.append(until)
        return go_on(state, until)

    x = np.zeros((1000, 20, 1), np.float32)
    architecture = Architecture("rnn_tanh", 1, hidden_size, 1)
    job = Job("any", Dataset(x, x[:, 0], x, x[:, 0]), architecture, TRAINING._replace(epochs=epochs))
    workers.train_all(job, begin_replicate, advance, forget, range(1), 1)
    assert seen[: len(looks)] == looks


@pytest.mark.parametrize(
    ("seconds_to_keep", "kept"),
    [(2**-10, [4, 8, 12, 16, 20, 24, 28, 30]), (0.25, [4, 14, 24, 30])],
)
def test_states_on_the_way_are_kept_as_often_as_it_costs_little(
    seconds_to_keep: float, kept: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 0.0
    monkeypatch.setattr(workers, "time", SimpleNamespace(monotonic=lambda: now))
    seen: list[int] = []

    def advance(state: TrainState, until: int) -> TrainState:
        nonlocal now
        now += 2.5 * (until - state.epoch)
        return go_on(state, until)

    def keep(replicate: int, state: TrainState) -> None:
        nonlocal now
        now += seconds_to_keep
        seen.append(state.epoch)

    workers.train_all(job(epochs=30), begin_replicate, advance, keep, range(1), 1)
    assert seen == kept


def test_a_replicate_that_was_begun_goes_on_and_one_that_is_done_is_measured_alone() -> None:
    seen, kept = [], []

    def begin(replicate: int) -> TrainState:
        return go_on(begin_replicate(replicate), (3, 5)[replicate])

    def advance(state: TrainState, until: int) -> TrainState:
        seen.append((state.steps, state.epoch, until))
        return go_on(state, until)

    def keep(replicate: int, state: TrainState) -> None:
        kept.append((replicate, state.epoch))

    workers.train_all(job(), begin, advance, keep, range(2), 1)
    assert seen == [(0, 3, 5), (1, 5, 5)]
    assert kept == [(0, 5)]


def test_a_failure_stops_the_replicates_still_to_come() -> None:
    started = []

    def advance(state: TrainState, until: int) -> TrainState:
        started.append(state)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        workers.train_all(job(), begin_replicate, advance, forget, range(1000), 1)
    assert len(started) < 1000


def test_what_is_on_the_way_is_kept_where_the_run_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    started, stopped, kept = threading.Event(), threading.Event(), []
    monkeypatch.setattr(workers, "threading", SimpleNamespace(Event=lambda: stopped))

    def advance(state: TrainState, until: int) -> TrainState:
        if state.steps == 0:
            assert started.wait(30)
            raise KeyboardInterrupt
        started.set()
        assert stopped.wait(30)
        return go_on(state, until)

    def keep(replicate: int, state: TrainState) -> None:
        kept.append((replicate, state.epoch))

    with pytest.raises(KeyboardInterrupt):
        workers.train_all(job(), begin_replicate, advance, keep, range(2), 2)
    assert kept == [(1, 2)]


def test_threads_are_those_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert workers.available_threads() == 3
    monkeypatch.setenv("OMP_NUM_THREADS", "0")
    with pytest.raises(InputError, match="OMP_NUM_THREADS: found '0'; allowed: a whole number, 1 or more"):
        workers.available_threads()
    monkeypatch.delenv("OMP_NUM_THREADS")
    assert workers.available_threads() >= 1
