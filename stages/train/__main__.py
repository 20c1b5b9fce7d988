"""`python -m stages.train MODEL`: train every replicate of one entry under `models:`."""

import sys

import numpy as np

from stages.data import Losses, read_dataset, write_losses, write_weights
from stages.errors import InputError, run
from stages.params import Params, load_params
from stages.streams import stream
from stages.train.engines import check_training_fits, trainer
from stages.train.initial import initial_weights
from stages.train.replicate import OnProgress, TrainedReplicate, measured_epochs
from stages.train.workers import train_all


def main() -> None:
    """Write data/losses/<model>.csv and data/models/<model>.safetensors."""
    params = load_params()
    name = model_name(sys.argv[1:], params)
    model, train = params.models[name], params.train
    dataset = read_dataset()
    train_replicate, threads = trainer(train)
    samples = len(dataset.x_train) + len(dataset.x_test)
    check_training_fits(name, model, train, samples, *dataset.x_train.shape[1:])

    def train_one(replicate: int, on_progress: OnProgress) -> TrainedReplicate:
        weights = initial_weights(
            stream(train.seed, "initial weights", name, replicate),
            input_size=dataset.x_train.shape[2],
            hidden_size=model.hidden_size,
            num_layers=model.num_layers,
            nonlinearity=model.nonlinearity,
        )
        return train_replicate(
            weights,
            *dataset,
            nonlinearity=model.nonlinearity,
            epochs=train.epochs,
            lr=model.lr or train.lr,
            batch_size=train.batch_size,
            clip_norm=train.clip_norm,
            eval_every=train.eval_every,
            rng=stream(train.seed, "batches", name, replicate),
            on_progress=on_progress,
        )

    trained = train_all(train_one, range(train.replicates), threads=threads, epochs=train.epochs, name=name)
    write_losses(
        name,
        Losses(
            np.stack([replicate.train_mse for replicate in trained]),
            np.stack([replicate.test_mse for replicate in trained]),
            measured_epochs(train.epochs, train.eval_every),
        ),
    )
    parameters = trained[0].weights
    write_weights(
        name, {key: np.stack([replicate.weights[key] for replicate in trained]) for key in parameters}
    )


def model_name(arguments: list[str], params: Params) -> str:
    """Return the one model that the command line names.

    Raises:
        InputError: it names none, several, or one that is not in params.yaml.

    """
    if len(arguments) != 1 or arguments[0] not in params.models:
        found = " ".join(arguments) or "none"
        raise InputError(
            f"python -m stages.train MODEL: found {found}; allowed: one of {', '.join(params.models)}"
        )
    return arguments[0]


if __name__ == "__main__":
    run(main)
