"""Spreading replicates over cores: their order, their number of threads, and how they stop."""

import threading

import numpy as np
import pytest

from stages.errors import InputError
from stages.train import workers
from stages.train.replicate import OnProgress, TrainedReplicate, measured_epochs


def replicate_of(number: int) -> TrainedReplicate:
    return TrainedReplicate({}, np.full(2, number, np.float32), np.full(2, number, np.float32))


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_results_are_in_order_whatever_finishes_first(threads: int) -> None:
    last_started = threading.Event()

    def train_one(replicate: int, on_progress: OnProgress) -> TrainedReplicate:
        on_progress(1, 0.5)
        if replicate == 1:
            last_started.set()
        elif threads > 1:
            assert last_started.wait(30)
        return replicate_of(replicate)

    trained = workers.train_all(train_one, range(2), threads=threads, epochs=1, name="any")
    assert [replicate.train_mse[0] for replicate in trained] == [0, 1]


def test_a_failure_stops_the_replicates_still_to_come() -> None:
    started = []

    def train_one(replicate: int, on_progress: OnProgress) -> TrainedReplicate:
        started.append(replicate)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        workers.train_all(train_one, range(1000), threads=1, epochs=1, name="any")
    assert len(started) < 1000


def test_threads_are_those_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert workers.available_threads() == 3
    monkeypatch.setenv("OMP_NUM_THREADS", "0")
    with pytest.raises(InputError, match="OMP_NUM_THREADS: found '0'; allowed: a whole number, 1 or more"):
        workers.available_threads()
    monkeypatch.delenv("OMP_NUM_THREADS")
    assert workers.available_threads() >= 1


def test_the_last_epoch_is_always_measured() -> None:
    assert np.flatnonzero(measured_epochs(7, 3)).tolist() == [0, 3, 6, 7]
    assert np.flatnonzero(measured_epochs(6, 3)).tolist() == [0, 3, 6]
    assert np.flatnonzero(measured_epochs(2, 9)).tolist() == [0, 2]
