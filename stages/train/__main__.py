"""`python -m stages.train MODEL`: train every replicate of one entry under `models:`."""

import signal
import sys

import numpy as np

from stages.architecture import architecture
from stages.data import Losses, losses_path, read_dataset, weights_path, write_losses, write_weights
from stages.errors import one_of
from stages.files import try_to_write
from stages.memory import check_memory
from stages.params import load_params
from stages.train import cluster
from stages.train.engines import load_engine
from stages.train.store import Store
from stages.train.training import TrainState, start, training_of
from stages.train.workers import Job, available_threads, train_all


def main() -> None:
    """Write data/losses/<model>.csv and data/models/<model>.safetensors."""
    params = load_params()
    name = one_of(params.models, sys.argv[1:], "python -m stages.train MODEL")
    model, train, dataset = params.models[name], params.train, read_dataset(params.data)
    network = architecture(model, dataset.x_train.shape[2])
    training = training_of(name, params)
    job, engine = Job(name, dataset, network, training), load_engine(train.engine, network.cell, train.device)
    scheduler = cluster.scheduler_address()
    if scheduler and engine.arithmetic is None:
        print(
            f"{name}: engine torch trains here, not on {scheduler}: its bits are the CPU's", file=sys.stderr
        )
        scheduler = None
    threads = min(available_threads() if engine.arithmetic else 1, train.replicates)
    check_memory(
        f"models.{name}, data and train",
        (0 if scheduler else threads) * engine.memory_needed(network, training, dataset)
        + train.replicates * (12 * network.parameters() + 16 * train.epochs),
    )
    try_to_write(losses_path(name), weights_path(name))
    with Store(dataset, network, training, engine.arithmetic) as store:

        def begin(replicate: int) -> TrainState:
            return store.resume(replicate, start(network, train.seed, name, replicate))

        def advance(state: TrainState, until: int) -> TrainState:
            return engine.advance(state, dataset, network, training, until)

        if engine.arithmetic is None:
            print(f"{name}: engine torch keeps nothing; where it is interrupted it starts again")
        replicates = range(train.replicates)
        if scheduler:
            trained = cluster.train_all(job, begin, store.keep, replicates, scheduler)
        else:
            trained = train_all(job, begin, advance, store.keep, replicates, threads)
        if store.ready:
            print(
                f"{name}: {len(store.ready)} of {train.replicates} replicates were trained before, and kept"
            )
    write_losses(
        name,
        Losses(
            np.stack([state.train_mse for state in trained]),
            np.stack([state.test_mse for state in trained]),
            training.measured(np.arange(train.epochs + 1)),
        ),
    )
    write_weights(
        name, {key: np.stack([state.weights[key] for state in trained]) for key in network.shapes()}
    )


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # what is on the way is kept, as after Ctrl-C
    main()
