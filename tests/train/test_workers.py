"""Spreading replicates over cores: their order, their number of threads, and how they stop."""

import threading
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from stages.architecture import Architecture
from stages.errors import InputError
from stages.train import workers
from stages.train.training import TrainState
from tests.train.cases import begin

OPTIONS: dict[str, Any] = {"epochs": 5, "at_once": 2, "name": "any"}


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

    trained = workers.train_all(begin_replicate, advance, forget, range(2), threads=threads, **OPTIONS)
    assert [(state.steps, state.epoch) for state in trained] == [(0, 5), (1, 5)]


def test_a_replicate_advances_a_few_epochs_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    seen = []

    def advance(state: TrainState, until: int) -> TrainState:
        seen.append((state.epoch, until))
        return go_on(state, until)

    workers.train_all(begin_replicate, advance, forget, range(1), threads=1, **OPTIONS)
    assert seen == [(0, 2), (2, 4), (4, 5)]
    assert "5/5" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("epochs", "multiply_adds", "at_once"),
    [(1000, 10**8, 50), (1000, 10**4, 30_000), (1000, 10**10, 3), (10, 10**12, 1)],
)
def test_looks_at_progress_are_neither_too_many_nor_too_few(
    epochs: int, multiply_adds: int, at_once: int
) -> None:
    assert workers.epochs_at_once(epochs, multiply_adds) == at_once


@pytest.mark.parametrize(
    ("seconds_to_keep", "kept"),
    [(0.001, [5, 10, 15, 20, 25, 30]), (0.2, [5, 15, 25, 30])],
)
def test_states_on_the_way_are_kept_as_often_as_it_costs_little(
    seconds_to_keep: float, kept: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 0.0
    monkeypatch.setattr(workers, "time", SimpleNamespace(monotonic=lambda: now))
    seen: list[int] = []

    def advance(state: TrainState, until: int) -> TrainState:
        nonlocal now
        now += 2.0 * (until - state.epoch)
        return go_on(state, until)

    def keep(replicate: int, state: TrainState) -> None:
        nonlocal now
        now += seconds_to_keep
        seen.append(state.epoch)

    options = OPTIONS | {"epochs": 30, "at_once": 1}
    workers.train_all(begin_replicate, advance, keep, range(1), threads=1, **options)
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

    workers.train_all(begin, advance, keep, range(2), threads=1, **OPTIONS)
    assert seen == [(0, 3, 5), (1, 5, 5)]
    assert kept == [(0, 5)]


def test_a_failure_stops_the_replicates_still_to_come() -> None:
    started = []

    def advance(state: TrainState, until: int) -> TrainState:
        started.append(state)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        workers.train_all(begin_replicate, advance, forget, range(1000), threads=1, **OPTIONS)
    assert len(started) < 1000


def test_threads_are_those_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert workers.available_threads() == 3
    monkeypatch.setenv("OMP_NUM_THREADS", "0")
    with pytest.raises(InputError, match="OMP_NUM_THREADS: found '0'; allowed: a whole number, 1 or more"):
        workers.available_threads()
    monkeypatch.delenv("OMP_NUM_THREADS")
    assert workers.available_threads() >= 1
