"""The reference trainer against the original's loop, written out as it stands there."""

import numpy as np
import pytest
import torch
from torch import nn

from stages import models
from stages.architecture import Architecture
from stages.generate.tasks import draw
from stages.params import DataParams
from stages.streams import stream
from stages.train import reference
from stages.train.training import Training, TrainState, start

DATA = draw(DataParams(task="mean", num_samples=200, test_samples=50, seq_length=20, seed=1))
TRAINING = Training(epochs=30, lr=0.01, batch_size=None, clip_norm=None, eval_every=10)


def train(num_layers: int, training: Training = TRAINING) -> tuple[TrainState, TrainState]:
    architecture = Architecture("rnn_tanh", 1, 32, num_layers)
    first = start(architecture, 1, "any")
    return first, reference.advance(first, DATA, architecture, training, training.epochs)


@pytest.mark.parametrize("num_layers", [1, 2])
def test_losses_and_weights_are_those_of_the_original_loop(num_layers: int) -> None:
    first, trained = train(num_layers)

    model = models.SingleLayerRNN(1, 32, 1) if num_layers == 1 else models.StackedRNN(1, 32, 1, num_layers=2)
    model.load_state_dict({name: torch.tensor(array) for name, array in first.weights.items()})
    X, y = torch.from_numpy(DATA.x_train), torch.from_numpy(DATA.y_train)
    criterion = nn.MSELoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    losses = []
    for _epoch in range(30):
        outputs = model(X)
        loss = criterion(outputs, y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())

    assert trained.train_mse[:-1].tolist() == losses
    for name, parameter in model.named_parameters():
        np.testing.assert_array_equal(trained.weights[name], parameter.detach().numpy())


def test_mini_batches_follow_the_permutations() -> None:
    first, trained = train(1, TRAINING._replace(epochs=2, batch_size=64))
    model = models.load(first.weights, Architecture("rnn_tanh", 1, 32, 1))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    X, y = torch.from_numpy(DATA.x_train), torch.from_numpy(DATA.y_train)
    rng = stream(1, "batches", "any")
    for _epoch in range(2):
        order = rng.permutation(200)
        for start_of_batch in range(0, 200, 64):
            batch = order[start_of_batch : start_of_batch + 64]
            optimizer.zero_grad()
            nn.functional.mse_loss(model(X[batch]), y[batch]).backward()
            optimizer.step()
    for name, parameter in model.named_parameters():
        np.testing.assert_array_equal(trained.weights[name], parameter.detach().numpy())


def test_clipping_bounds_the_gradient() -> None:
    _, free = train(1, TRAINING._replace(epochs=1))
    _, clipped = train(1, TRAINING._replace(epochs=1, clip_norm=1e-3))

    def norm(state: TrainState) -> float:
        """Of the first gradient, of which Adam's mean then is a tenth."""
        return float(np.linalg.norm(np.concatenate([10 * array.ravel() for array in state.mean.values()])))

    assert norm(free) > 1e-2
    assert norm(clipped) == pytest.approx(1e-3, rel=0.01)
