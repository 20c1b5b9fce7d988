"""The two ways to train and to predict: the exact trainer and PyTorch."""

import os
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from types import ModuleType

import numpy as np

from stages.data import Weights
from stages.errors import InputError
from stages.memory import check_memory
from stages.params import ModelParams, TrainParams
from stages.train.replicate import TrainedReplicate
from stages.train.workers import available_threads


def trainer(train: TrainParams) -> tuple[Callable[..., TrainedReplicate], int]:
    """Return the function that trains one replicate, and how many of them run at once.

    Raises:
        InputError: this machine cannot do what `train.engine` and `train.device` ask for.

    """
    if train.engine == "exact":
        return _exact().train_replicate, available_threads()
    from stages.train import reference

    return partial(reference.train_replicate, device=reference.find_device(train.device)), 1


def predictor(engine: str) -> Callable[[Weights, np.ndarray, str], np.ndarray]:
    """Return the function that predicts as `engine` trains: (weights, x, nonlinearity) -> (N, 1).

    Raises:
        InputError: this machine cannot run that engine.

    """
    if engine == "exact":
        return _exact().predict
    from stages.train import reference

    return reference.predict


def check_training_fits(
    name: str, model: ModelParams, train: TrainParams, samples: int, steps: int, inputs: int
) -> None:
    """Raise InputError where training this model would need more memory than the machine has.

    Args:
        name: the model's.
        model: its sizes.
        train: how it is trained.
        samples: in the training and the test set together.
        steps: numbers in a sequence.
        inputs: features of each.

    """
    units = model.num_layers * model.hidden_size
    weights = 4 * units * (2 * model.hidden_size + 2)
    # What autograd keeps: each unit before and after the nonlinearity, of every sample and step, and its gradient.
    one_replicate = 16 * samples * steps * units + 4 * weights
    at_once = 1
    if train.engine == "exact":
        at_once = min(available_threads(), train.replicates)
        one_replicate = _exact().memory_needed(
            hidden_size=model.hidden_size,
            num_layers=model.num_layers,
            samples=samples,
            steps=steps,
            inputs=inputs,
            batch_size=train.batch_size,
        )
    check_memory(
        f"models.{name}, data and train",
        at_once * one_replicate + train.replicates * (weights + 16 * train.epochs),
    )


def _exact() -> ModuleType:
    # Imported here, so that the torch engine works where Numba does not even import.
    try:
        from stages.train import kernel

        if "NUMBA_CPU_NAME" in os.environ:
            # For a CPU that it cannot serve, LLVM ends the process instead of raising anything.
            check = [sys.executable, "-c", "from stages.train.kernel import check_platform; check_platform()"]
            if subprocess.run(check, check=False, capture_output=True).returncode != 0:
                raise kernel.UnsupportedPlatformError(
                    f"Numba cannot compile for {os.environ['NUMBA_CPU_NAME']}"
                )
        kernel.check_platform()
    except Exception as error:
        raise InputError(
            f"params.yaml: train.engine: found exact, but {' '.join(str(error).split())}; allowed here: torch"
        ) from None
    return kernel
