"""`python -m stages.generate`: draw the sequences and their targets, or cut them from the reader's own series."""

import sys

from stages.data import Dataset, Forecast, write_dataset
from stages.generate import forecast
from stages.generate.series import read_series
from stages.generate.tasks import make_dataset, task
from stages.memory import check_memory
from stages.params import DataParams, load_params
from stages.streams import stream


def main() -> None:
    """Write data/dataset.safetensors as `data:` in params.yaml says."""
    data = load_params().data
    if data.task == "forecast":
        write_dataset(*cut(data))
    else:
        write_dataset(draw(data))


def draw(data: DataParams) -> Dataset:
    """Return sequences that are drawn."""
    # A number takes 4 bytes, and 8 more while the targets are taken.
    numbers = (data.num_samples + data.test_samples) * (data.seq_length + 1) * task(data.task).INPUT_SIZE
    check_memory("data", 12 * numbers)
    rngs = (stream(data.seed, purpose) for purpose in ("training data", "test data"))
    return make_dataset(data, *rngs)


def cut(data: DataParams) -> tuple[Dataset, Forecast]:
    """Return windows that are cut from a series; say how many, and what they take, before."""
    params = forecast.of(data)
    series = read_series(params)
    rows, columns = series.values.shape
    # A number takes 4 bytes, and 16 more while least squares is fitted.
    needed = 20 * rows * (data.seq_length * columns + 1)
    print(f"{params.path}: {rows:,} rows; their windows take {max(needed / 1e6, 1):,.0f} MB", file=sys.stderr)
    check_memory("data.seq_length and data.series", needed)
    if series.steps and series.steps[0] < series.steps[1] * (1 - 1e-9):
        shortest, longest, unit = series.steps
        steps = f"steps from {shortest:g} to {longest:g} {unit}".rstrip()
        print(
            f"{params.path}: column {params.time}: {steps}; each row is taken for one step", file=sys.stderr
        )
    return forecast.make(series, data)


if __name__ == "__main__":
    main()
