"""The reference trainer against the original's loop, written out as it stands there."""

import numpy as np
import pytest
import torch
from torch import nn

from stages import models
from stages.data import Dataset
from stages.generate.tasks import make_dataset
from stages.streams import stream
from stages.train import reference
from stages.train.initial import initial_weights
from stages.train.replicate import TrainedReplicate

DATA = make_dataset("mean", 200, 50, 20, stream(1, "training data"), stream(1, "test data"))


def train(num_layers: int, data: Dataset = DATA, **changes: object) -> tuple[dict, TrainedReplicate]:
    rng = stream(1, "initial weights", "any")
    start = initial_weights(rng, input_size=1, hidden_size=32, num_layers=num_layers, nonlinearity="tanh")
    arguments: dict = {
        "nonlinearity": "tanh",
        "epochs": 30,
        "lr": 0.01,
        "batch_size": None,
        "clip_norm": None,
        "eval_every": 10,
        "rng": stream(1, "batches", "any"),
    }
    return start, reference.train_replicate(start, *data, **(arguments | changes))


@pytest.mark.parametrize("num_layers", [1, 2])
def test_losses_and_weights_are_those_of_the_original_loop(num_layers: int) -> None:
    start, trained = train(num_layers)

    model = models.SingleLayerRNN(1, 32, 1) if num_layers == 1 else models.StackedRNN(1, 32, 1, num_layers=2)
    model.load_state_dict({name: torch.tensor(array) for name, array in start.items()})
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


def test_the_last_row_belongs_to_the_saved_weights_and_test_mse_to_its_epoch() -> None:
    _, trained = train(1)
    for x, y, mse in (
        (DATA.x_train, DATA.y_train, trained.train_mse[-1]),
        (DATA.x_test, DATA.y_test, trained.test_mse[-1]),
    ):
        predicted = reference.predict(trained.weights, x, "tanh")
        assert ((predicted - y) ** 2).mean() == pytest.approx(mse, rel=1e-5)
    assert np.flatnonzero(~np.isnan(trained.test_mse)).tolist() == [0, 10, 20, 30]
    _, shorter = train(1, epochs=10)
    assert shorter.test_mse[-1] == trained.test_mse[10]


def test_mini_batches_follow_the_permutations_and_losses_are_of_the_whole_set() -> None:
    start, trained = train(1, epochs=2, batch_size=64, eval_every=1)
    model = models.load(start, "tanh")
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    X, y = torch.from_numpy(DATA.x_train), torch.from_numpy(DATA.y_train)
    rng = stream(1, "batches", "any")
    for epoch in range(2):
        assert trained.train_mse[epoch] == pytest.approx(nn.functional.mse_loss(model(X), y).item(), rel=1e-6)
        order = rng.permutation(200)
        for first in range(0, 200, 64):
            batch = order[first : first + 64]
            optimizer.zero_grad()
            nn.functional.mse_loss(model(X[batch]), y[batch]).backward()
            optimizer.step()
    np.testing.assert_allclose(trained.weights["linear.weight"], model.linear.weight.detach(), rtol=1e-5)


def test_clipping_bounds_the_first_steps_gradient() -> None:
    # Adam's first step is lr * sign(gradient) whatever its size, so that the second one shows the clipping.
    _, free = train(1, epochs=3)
    _, clipped = train(1, epochs=3, clip_norm=1e-3)
    assert free.train_mse[1] == pytest.approx(clipped.train_mse[1], rel=1e-2)
    assert free.train_mse[3] != pytest.approx(clipped.train_mse[3], rel=1e-2)
