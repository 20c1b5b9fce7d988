"""`python -m stages.generate`: draw the sequences and their targets."""

from stages.data import write_dataset
from stages.generate.tasks import make_dataset, task
from stages.memory import check_memory
from stages.params import load_params
from stages.streams import stream


def main() -> None:
    """Write data/dataset.safetensors as `data:` in params.yaml says."""
    data = load_params().data
    # A number takes 4 bytes, and 8 more while the targets are taken.
    numbers = (data.num_samples + data.test_samples) * (data.seq_length + 1) * task(data.task).INPUT_SIZE
    check_memory("data", 12 * numbers)
    rngs = (stream(data.seed, purpose) for purpose in ("training data", "test data"))
    write_dataset(make_dataset(data, *rngs))


if __name__ == "__main__":
    main()
