"""How far the exact trainer's losses are from PyTorch's, as training goes on: python -m tools.agreement.

Training amplifies rounding, so that two correct trainers part sooner or later. Beside the distance between the exact
trainer and PyTorch in float32 stands the one between PyTorch in float32 and PyTorch in float64.
"""

from argparse import ArgumentParser

import numpy as np

from stages.architecture import Architecture
from stages.generate.tasks import draw
from stages.params import DataParams
from stages.train import reference
from stages.train.exact import trainer
from stages.train.training import Training, start

EPOCHS = (20, 100, 300)
DATA = draw(DataParams(task="mean", num_samples=500, test_samples=10, seq_length=20, seed=0))


def losses(name: str, num_layers: int, lr: float) -> list[np.ndarray]:
    """Return the training losses (epochs + 1,) of the exact trainer, and of PyTorch in float32 and in float64."""
    architecture, last = Architecture("rnn_tanh", 1, 32, num_layers), max(EPOCHS)
    training = Training(last, lr, batch_size=None, clip_norm=None, eval_every=last)
    state = start(architecture, 0, name)
    runs = [trainer.advance(state, DATA, architecture, training, last)]
    for dtype in (np.float32, np.float64):
        first = reference.in_precision(state, dtype)
        runs.append(reference.advance(first, DATA, architecture, training, last))
    return [run.train_mse.astype(float) for run in runs]


def main() -> None:
    """Print a table: a row a model and step size, the largest relative difference up to each epoch."""
    ArgumentParser(prog="python -m tools.agreement", description=main.__doc__).parse_args()
    print(f"| model, step size | {' | '.join(f'{epochs} epochs' for epochs in EPOCHS)} |")
    print(f"| --- |{' ---: |' * len(EPOCHS)}")
    for name, num_layers in (("single", 1), ("stacked", 2)):
        for lr in (0.001, 0.003, 0.01):
            exact, single, double = losses(name, num_layers, lr)
            cells = []
            for epochs in EPOCHS:
                ours, theirs = (
                    np.abs(a / b - 1)[:epochs].max() for a, b in ((exact, single), (single, double))
                )
                cells.append(f"{ours:.0e}, {theirs:.0e}")
            print(f"| {name}, {lr} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
