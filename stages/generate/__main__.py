"""`python -m stages.generate`: draw the sequences and their targets."""

from stages.errors import run
from stages.files import write_dataset
from stages.generate.tasks import make_dataset
from stages.memory import check_memory
from stages.params import load_params
from stages.streams import stream


def main() -> None:
    """Write data/dataset.npz as `data:` in params.yaml says."""
    data = load_params().data
    # A number takes 4 bytes, and 8 more while the mean is taken.
    samples = data.num_samples + data.test_samples
    check_memory("data", 12 * samples * (data.seq_length + 1))
    write_dataset(
        make_dataset(
            data.task,
            data.num_samples,
            data.test_samples,
            data.seq_length,
            train_rng=stream(data.seed, "training data"),
            test_rng=stream(data.seed, "test data"),
        )
    )


if __name__ == "__main__":
    run(main)
