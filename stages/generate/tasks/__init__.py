"""The tasks: each is a file in this folder, by the name that `data.task` has in params.yaml.

One that draws its sequences has `INPUT_SIZE`, `sequences(rng, num_samples, data)` and `targets(x, data)`, and the words
for its figure, TRUE_LABEL and PREDICTED_LABEL; forecast.py has `cut(data)`, which cuts them from a file. Each has
`note(data)`, what the report says of it. `data` is that section of params.yaml.
"""

from importlib import import_module
from types import ModuleType

from stages.data import Dataset, Forecast
from stages.memory import check_memory
from stages.params import DataParams
from stages.streams import stream


def task(name: str) -> ModuleType:
    """Return the module of a task."""
    return import_module(f"{__name__}.{name}")


def make(data: DataParams) -> tuple[Dataset, Forecast | None]:
    """Return the data set that `data:` describes, and what one that is cut from a series has besides."""
    return task(data.task).cut(data) if data.forecast else (draw(data), None)


def draw(data: DataParams) -> Dataset:
    """Return a task's training and test data, each from a stream of its own, so that neither's size moves the other."""
    of_task = task(data.task)
    # A number takes 4 bytes, and 8 more while the targets are taken.
    numbers = (data.num_samples + data.test_samples) * (data.seq_length + 1) * of_task.INPUT_SIZE
    check_memory("data", 12 * numbers)
    x_train = of_task.sequences(stream(data.seed, "training data"), data.num_samples, data)
    x_test = of_task.sequences(stream(data.seed, "test data"), data.test_samples, data)
    return Dataset(x_train, of_task.targets(x_train, data), x_test, of_task.targets(x_test, data))
