"""A replicate's start, and how it goes on: the same for both engines."""

import copy
import hashlib
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from scipy import stats

from stages import models
from stages.architecture import GATES, Architecture
from stages.train import reference
from stages.train.exact import trainer
from stages.train.training import TrainState, start
from tests.train.cases import TRAINING, begin, content, mean_task

ARCHITECTURE = Architecture("rnn_tanh", 1, 7, 2)
DATA = mean_task(samples=140, steps=5)
WAYS: dict[str, dict[str, Any]] = {
    "all at once": {},
    "mini-batches": {"batch_size": 50},
    "mini-batches, clipped": {"batch_size": 50, "clip_norm": 0.01},
}

Advance = Callable[..., TrainState]
both_engines = pytest.mark.parametrize(
    "advance", [trainer.advance, reference.advance], ids=["exact", "torch"]
)
every_way = pytest.mark.parametrize("changes", WAYS.values(), ids=WAYS)


def started(hidden_size: int, num_layers: int, replicate: int = 0, cell: str = "rnn_tanh") -> TrainState:
    return start(Architecture(cell, 1, hidden_size, num_layers), 0, "any", replicate)


@pytest.mark.parametrize("cell", GATES)
def test_initial_weights_are_drawn_from_pytorchs_distribution(cell: str) -> None:
    torch.manual_seed(0)
    ours = np.concatenate([array.ravel() for array in started(64, 2, cell=cell).weights.values()])
    module = models.build(Architecture(cell, 1, 64, 2))
    theirs = np.concatenate([parameter.detach().numpy().ravel() for parameter in module.parameters()])
    assert stats.ks_2samp(ours, theirs).pvalue > 0.01
    assert np.abs(ours).max() < 1 / 8


def test_initial_weights_never_change() -> None:
    weights = started(32, 2, replicate=7).weights
    assert list(weights) == list(models.StackedRNN(1, 32, 1).state_dict())
    digest = hashlib.sha256(b"".join(array.tobytes() for array in weights.values())).hexdigest()
    assert digest == "efa9d01a57dde8d6f16b5fab752b51eca468565f7e4f1b9ebbcbb1037c863168"


def test_the_test_mse_is_measured_at_multiples_and_at_the_end() -> None:
    for epochs, eval_every, measured in ((7, 3, [0, 3, 6, 7]), (6, 3, [0, 3, 6]), (2, 9, [0, 2])):
        training = TRAINING._replace(epochs=epochs, eval_every=eval_every)
        assert np.flatnonzero(training.measured(np.arange(epochs + 1))).tolist() == measured


@both_engines
@every_way
def test_a_run_in_parts_is_the_run_to_the_byte(advance: Advance, changes: dict[str, Any]) -> None:
    training = TRAINING._replace(epochs=11, eval_every=4, **changes)

    def run(*parts: int) -> TrainState:
        state = begin(ARCHITECTURE)
        for until in parts:
            state = advance(state, DATA, ARCHITECTURE, training, until)
        return state

    assert content(run(5, 5, 8, 11)) == content(run(11)) == content(run(11, 11))
    assert content(run(5)) == content(run(2, 5))


@both_engines
@every_way
def test_a_finished_run_goes_on_as_if_it_had_been_longer(advance: Advance, changes: dict[str, Any]) -> None:
    longer = TRAINING._replace(epochs=9, eval_every=4, **changes)
    finished = advance(begin(ARCHITECTURE), DATA, ARCHITECTURE, longer._replace(epochs=6), 6)
    assert not np.isnan(
        finished.test_mse[6]
    )  # the end of the one, and no multiple of eval_every in the other
    gone_on = advance(finished, DATA, ARCHITECTURE, longer, 9)
    assert content(gone_on) == content(advance(begin(ARCHITECTURE), DATA, ARCHITECTURE, longer, 9))


@both_engines
@every_way
def test_losses_belong_to_the_weights_of_their_epoch(advance: Advance, changes: dict[str, Any]) -> None:
    training = TRAINING._replace(epochs=4, eval_every=3, **changes)
    states = [begin(ARCHITECTURE)]
    for epoch in range(1, 5):
        states.append(advance(states[-1], DATA, ARCHITECTURE, training, epoch))
        for losses in (states[-1].train_mse, states[-1].test_mse):
            assert (losses.dtype, losses.shape) == (np.float32, (epoch + 1,))
            assert np.isnan(losses[epoch]) == (epoch < 4)
    for epoch, state in enumerate(states):
        for losses, x, y in ((states[-1].train_mse, *DATA[:2]), (states[-1].test_mse, *DATA[2:])):
            if losses is states[-1].test_mse and epoch not in (0, 3, 4):
                assert np.isnan(losses[epoch])
            else:
                errors = reference.predict(state.weights, x, ARCHITECTURE).astype(np.float64) - y
                assert math.isclose(losses[epoch], np.mean(errors**2), rel_tol=1e-4)


@both_engines
@every_way
def test_the_state_passed_in_is_not_changed(advance: Advance, changes: dict[str, Any]) -> None:
    state = advance(begin(ARCHITECTURE), DATA, ARCHITECTURE, TRAINING._replace(**changes), 1)
    before = copy.deepcopy(state)
    after = advance(state, DATA, ARCHITECTURE, TRAINING._replace(**changes), 3)
    assert content(state) == content(before) != content(after)
    assert list(after.weights) == list(after.mean) == list(after.square) == list(state.weights)


@both_engines
def test_mini_batches_draw_one_permutation_an_epoch(advance: Advance) -> None:
    for batch_size, draws, steps in ((None, 0, 3), (50, 3, 9), (140, 3, 3), (1000, 3, 3)):
        training, state = TRAINING._replace(batch_size=batch_size), begin(ARCHITECTURE)
        expected = copy.deepcopy(state.rng)
        for _ in range(draws):
            expected.permutation(140)
        after = advance(state, DATA, ARCHITECTURE, training, 3)
        assert after.rng.bit_generator.state == expected.bit_generator.state
        assert after.steps == steps
