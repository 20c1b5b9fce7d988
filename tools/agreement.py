"""How far the exact trainer's losses are from PyTorch's, as training goes on: python -m tools.agreement.

Training amplifies rounding, so that two correct trainers part sooner or later. Beside the distance between the exact
trainer and PyTorch in float32 stands the one between PyTorch in float32 and PyTorch in float64.
"""

import numpy as np
import torch
from torch import nn

from stages import models
from stages.data import Weights
from stages.generate.tasks import make_dataset
from stages.streams import stream
from stages.train import kernel
from stages.train.initial import initial_weights

EPOCHS = (20, 100, 300)
DATA = make_dataset("mean", 500, 10, 20, stream(0, "training data"), stream(0, "test data"))


def by_torch(weights: Weights, lr: float, dtype: torch.dtype) -> np.ndarray:
    """Return the training losses (epochs,) of the original's loop in another precision."""
    module = models.load(weights, "tanh").to(dtype)
    x, y = (torch.from_numpy(array).to(dtype) for array in DATA[:2])
    optimizer = torch.optim.Adam(module.parameters(), lr=lr)
    losses = []
    for _ in range(max(EPOCHS)):
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(module(x), y)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return np.array(losses)


def by_kernel(weights: Weights, lr: float) -> np.ndarray:
    """Return the training losses (epochs,) of the exact trainer."""
    return kernel.train_replicate(
        weights, *DATA, nonlinearity="tanh", epochs=max(EPOCHS), lr=lr, batch_size=None, clip_norm=None,
        eval_every=max(EPOCHS), rng=stream(0, "batches"),
    ).train_mse[:-1].astype(float)  # fmt: skip


def main() -> None:
    """Print a table: a row a model and step size, the largest relative difference up to each epoch."""
    print(f"| model, step size | {' | '.join(f'{epochs} epochs' for epochs in EPOCHS)} |")
    print(f"| --- |{' ---: |' * len(EPOCHS)}")
    for name, num_layers in (("single", 1), ("stacked", 2)):
        for lr in (0.001, 0.003, 0.01):
            weights = initial_weights(
                stream(0, "initial weights", name),
                input_size=1,
                hidden_size=32,
                num_layers=num_layers,
                nonlinearity="tanh",
            )
            exact, single = by_kernel(weights, lr), by_torch(weights, lr, torch.float32)
            double = by_torch(weights, lr, torch.float64)
            cells = []
            for epochs in EPOCHS:
                ours, theirs = (
                    np.abs(a / b - 1)[:epochs].max() for a, b in ((exact, single), (single, double))
                )
                cells.append(f"{ours:.0e}, {theirs:.0e}")
            print(f"| {name}, {lr} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
