"""How long a study takes here: each of its networks is trained for a moment."""

import time
from functools import cache

import numpy as np

from stages.architecture import Architecture, architecture
from stages.data import Dataset
from stages.generate import forecast
from stages.generate.series import read_series
from stages.generate.tasks import input_size
from stages.params import DataParams, Params
from stages.streams import stream
from stages.train.engines import load_engine
from stages.train.training import Training, start
from stages.train.workers import available_threads
from tools.study.experiments import params_of
from tools.study.studies import Study

MOMENT = 0.2  # seconds
STAGE = 3  # seconds that a stage of the pipeline takes to start, about


def announcement(name: str, study: Study, params: Params) -> str:
    """Return how many replicates a study trains and how long that takes, where nothing of it is in DVC's cache."""
    runs = [(run, params_of(study, run, params, {})) for run in study.runs]
    replicates = sum(run.replicates * len(of_run.models) for run, of_run in runs)
    minutes = sum(seconds(of_run) for _, of_run in runs) / 60
    return (
        f"Study {name}: {replicates:,} replicates in {len(runs)} experiments, about {minutes:,.0f} minutes here "
        f"on {available_threads()} threads; what DVC has in its cache is not trained again."
    )


def seconds(params: Params) -> float:
    """Return how long an experiment takes, about."""
    data, train = params.data, params.train
    samples = sequences(data)
    total = STAGE * (len(params.models) + 3.0)
    for model in params.models.values():
        training = Training(train.epochs, train.lr, train.batch_size, train.clip_norm, train.eval_every)
        network = architecture(model, input_size(data))
        at_once = min(available_threads(), train.replicates)
        total += (
            seconds_an_epoch(network, training, *samples, data.seq_length)
            * train.epochs
            * train.replicates
            / at_once
        )
    return total


def sequences(data: DataParams) -> tuple[int, int]:
    """Return how many sequences the task trains on and tests on. Raises InputError where a series is none or short."""
    if data.task != "forecast":
        return data.num_samples, data.test_samples
    dataset, _ = forecast.make(read_series(forecast.of(data)), data)
    return len(dataset.x_train), len(dataset.x_test)


@cache
def seconds_an_epoch(
    network: Architecture, training: Training, samples: int, test_samples: int, seq_length: int
) -> float:
    """Return how long one replicate trains for one epoch, on one thread; the values of a sequence are no matter."""
    rng = stream(0, "duration")
    x_train, x_test = (
        rng.random((count, seq_length, network.input_size), dtype=np.float32)
        for count in (samples, test_samples)
    )
    dataset = Dataset(x_train, x_train[:, 0, :1], x_test, x_test[:, 0, :1])
    advance = load_engine("exact", network.cell).advance
    first = start(network, seed=0)
    state = advance(first, dataset, network, training, 1)  # compiles
    begun = time.perf_counter()
    while (spent := time.perf_counter() - begun) < MOMENT and state.epoch < training.epochs:
        state = advance(state, dataset, network, training, state.epoch + 1)
    return spent / max(state.epoch - 1, 1)
