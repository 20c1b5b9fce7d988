"""The tasks: each is a module beside this one, by the name that `data.task` has in params.yaml.

It has `INPUT_SIZE`, `sequences(rng, num_samples, data)`, `targets(x, data)`, and what the reports say of it:
TRUE_LABEL, PREDICTED_LABEL, and `note(data)`. `data` is that section of params.yaml. No other module knows what is
predicted. The task `forecast` draws nothing: forecast.py cuts its sequences from a file.
"""

from importlib import import_module
from types import ModuleType

import numpy as np

from stages.data import Dataset
from stages.params import DataParams


def task(name: str) -> ModuleType:
    """Return the module of a task."""
    return import_module(f"stages.generate.{name}")


def input_size(data: DataParams) -> int:
    """Return how many numbers a step of a task's sequences has."""
    return (
        1 + len(data.series.inputs) if data.series and data.task == "forecast" else task(data.task).INPUT_SIZE
    )


def make_dataset(data: DataParams, train_rng: np.random.Generator, test_rng: np.random.Generator) -> Dataset:
    """Return a task's training and test data, each from its own generator, so that neither's size moves the other."""
    of_task = task(data.task)
    x_train = of_task.sequences(train_rng, data.num_samples, data)
    x_test = of_task.sequences(test_rng, data.test_samples, data)
    return Dataset(x_train, of_task.targets(x_train, data), x_test, of_task.targets(x_test, data))
