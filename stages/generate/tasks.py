"""The tasks: each is a module beside this one, by the name that `data.task` has in params.yaml.

It has `sequences(rng, num_samples, seq_length)`, `targets(x)`, and what the reports say of it.
"""

from importlib import import_module
from types import ModuleType

import numpy as np

from stages.data import Dataset


def task(name: str) -> ModuleType:
    """Return the module of a task."""
    return import_module(f"stages.generate.{name}")


def make_dataset(
    name: str,
    num_samples: int,
    test_samples: int,
    seq_length: int,
    train_rng: np.random.Generator,
    test_rng: np.random.Generator,
) -> Dataset:
    """Return a task's training and test data, each from its own generator, so that neither's size moves the other."""
    of_task = task(name)
    x_train = of_task.sequences(train_rng, num_samples, seq_length)
    x_test = of_task.sequences(test_rng, test_samples, seq_length)
    return Dataset(x_train, of_task.targets(x_train), x_test, of_task.targets(x_test))
