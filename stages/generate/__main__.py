"""`python -m stages.generate`: draw the sequences and their targets, or cut them from the reader's own series."""

from stages.data import write_dataset
from stages.generate.tasks import make
from stages.params import load_params


def main() -> None:
    """Write data/dataset.safetensors as `data:` in params.yaml says."""
    write_dataset(*make(load_params().data))


if __name__ == "__main__":
    main()
