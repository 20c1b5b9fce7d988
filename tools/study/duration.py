"""How long a study takes here: each of its networks is trained for a moment."""

import time
from functools import cache

import numpy as np

from stages.architecture import Architecture, architecture
from stages.data import Dataset
from stages.errors import InputError
from stages.generate.series import read_series
from stages.generate.tasks import draw, forecast
from stages.params import DataParams, Params
from stages.streams import stream
from stages.train.engines import load_engine
from stages.train.training import Training, start, training_of
from stages.train.workers import available_threads
from tools.study.experiments import params_of
from tools.study.studies import Study

MOMENT = 0.2  # seconds
STAGE = 3  # seconds that a stage of the pipeline takes to start, about


def announcement(name: str, study: Study, params: Params) -> str:
    """Return how many replicates a study trains and how long that takes, where nothing of it is in DVC's cache.

    Raises:
        InputError: the series is none, or too short for one of the runs.
    """
    replicates, total = 0, 0.0
    for run in study.runs:
        of_run = params_of(study, run, params, {})
        replicates += run.replicates * len(of_run.models)
        try:
            total += seconds(of_run)
        except InputError as error:
            changes = ", ".join(f"{key} {value}" for key, value in run.changes.items())
            raise InputError(f"experiment {run.name} of the study, with {changes}: {error}") from None
    series = of_run.data.forecast
    return (
        f"Study {name}{f' of {series.column} in {series.path}' if series else ''}: {replicates:,} replicates in "
        f"{len(study.runs)} experiments, about {total / 60:,.0f} minutes here on {available_threads()} threads; "
        "what DVC has in its cache is not trained again: interrupted and begun again, it goes on."
    )


def seconds(params: Params) -> float:
    """Return how long an experiment takes, about. Raises InputError where its series is none or short."""
    train, dataset = params.train, data_set(params.data)
    total, at_once = STAGE * (len(params.models) + 4.0), min(available_threads(), train.replicates)
    for name, model in params.models.items():
        network = architecture(model, dataset.x_train.shape[2])
        training = training_of(name, params)._replace(lr=train.lr)  # which is no matter
        an_epoch = seconds_an_epoch(network, training, dataset.x_train.shape, len(dataset.x_test))
        total += an_epoch * train.epochs * train.replicates / at_once
    return total


def data_set(data: DataParams) -> Dataset:
    """Return what the task trains on and tests on. Raises InputError where a series is none or short."""
    return forecast.make(read_series(data.forecast), data)[0] if data.forecast else draw(data)


@cache
def seconds_an_epoch(
    network: Architecture, training: Training, shape: tuple[int, int, int], test_samples: int
) -> float:
    """Return how long one replicate trains for one epoch, on one thread; the values of a sequence are no matter."""
    rng = stream(0, "duration")
    x_train, x_test = (
        rng.random((count, *shape[1:]), dtype=np.float32) for count in (shape[0], test_samples)
    )
    dataset = Dataset(x_train, x_train[:, 0, :1], x_test, x_test[:, 0, :1])
    advance = load_engine("exact", network.cell).advance
    first = start(network, seed=0)
    state = advance(first, dataset, network, training, 1)  # compiles
    begun = time.perf_counter()
    while (spent := time.perf_counter() - begun) < MOMENT and state.epoch < training.epochs:
        state = advance(state, dataset, network, training, state.epoch + 1)
    return spent / max(state.epoch - 1, 1)
