"""The data: its shapes, its targets, its bytes."""

import hashlib
from collections.abc import Callable
from contextlib import suppress
from fractions import Fraction
from itertools import pairwise, product
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from pydantic import ValidationError

from stages.data import Dataset
from stages.generate.tasks import draw, recall, task
from stages.params import TASKS, DataParams, Params
from stages.yaml12 import parse_yaml
from tests.conftest import PARAMS, TOP, Call


def mean_of(rows: list[list[float]]) -> Fraction:
    return sum((Fraction(number) for (number,) in rows), Fraction(0)) / len(rows)


def number_seven_before_the_last(rows: list[list[float]]) -> Fraction:
    backwards = [number for (number,) in rows][::-1]
    return Fraction(backwards[7])


def sum_of_marked(rows: list[list[float]]) -> Fraction:
    marked = [Fraction(number) for number, mark in rows if mark == 1]
    assert len(marked) == 2
    assert all(mark in (0, 1) for _, mark in rows)
    return sum(marked, Fraction(0))


class Known(NamedTuple):
    """What is known of a task that draws its sequences, with 20 steps and a delay of 7."""

    inputs: int
    lowest: float  # of the numbers, which go up to 1
    variance: float  # of the targets, the constant predictor's MSE
    target: Callable[[list[list[float]]], Fraction]
    digest: str  # of what is drawn, which never changes


KNOWN = {
    "adding": Known(
        inputs=2,
        lowest=0,
        variance=1 / 6,  # 2 Var(U)
        target=sum_of_marked,
        digest="50edebcbeaf8172d098c496463712e85795ca2c7caf139dd0d72c99c05ad345b",
    ),
    "mean": Known(
        inputs=1,
        lowest=0,
        variance=1 / 240,  # Var(U) / T
        target=mean_of,
        digest="0c9e2c05aac61bdb64de72aa8a003c969f66d4439846310b24b4641cc27db2ca",
    ),
    "recall": Known(
        inputs=1,
        lowest=-1,
        variance=1 / 3,  # Var(2U - 1)
        target=number_seven_before_the_last,
        digest="34fe57b94c6bfa835dfbadeb3bf36d8eef5165bd039b75fe25bb991aea675ad0",
    ),
}


def params(
    name: str, num_samples: int, test_samples: int, seq_length: int = 20, delay: int = 7
) -> DataParams:
    return DataParams(
        task=name,
        num_samples=num_samples,
        test_samples=test_samples,
        seq_length=seq_length,
        delay=delay,
        seed=0,
    )


def dataset(name: str, num_samples: int, test_samples: int, **more: int) -> Dataset:
    return draw(params(name, num_samples, test_samples, **more))


def test_of_each_task_that_draws_its_sequences_something_is_known() -> None:
    assert KNOWN.keys() == {*TASKS} - {"forecast"}


@pytest.mark.parametrize(("name", "known"), KNOWN.items())
def test_shapes_and_range(name: str, known: Known) -> None:
    data = dataset(name, 1000, 500)
    assert known.inputs == task(name).INPUT_SIZE
    assert [(a.shape, a.dtype) for a in data] == [
        ((1000, 20, known.inputs), np.float32),
        ((1000, 1), np.float32),
        ((500, 20, known.inputs), np.float32),
        ((500, 1), np.float32),
    ]
    numbers = data.x_train[:, :, 0]
    assert known.lowest <= numbers.min() < known.lowest + 0.001
    assert 0.999 < numbers.max() < 1
    np.testing.assert_allclose(data.y_train.var(), known.variance, rtol=0.1)


@pytest.mark.parametrize(("name", "known"), KNOWN.items())
def test_target_is_exact_and_rounded_once(name: str, known: Known) -> None:
    data = dataset(name, 50, 1)
    exact = [[np.float32(float(known.target(rows)))] for rows in data.x_train.tolist()]
    np.testing.assert_array_equal(data.y_train, exact)


@pytest.mark.parametrize("name", KNOWN)
def test_what_params_allow_can_be_drawn(name: str) -> None:
    """What a task rules out, `Params` refuses: no sequence is too short here."""
    document, allowed = parse_yaml(PARAMS.read_text()), 0
    for seq_length, delay in product((1, 2, 3), (None, 0, 1, 2)):
        document["data"] |= {"task": name, "num_samples": 9, "seq_length": seq_length, "delay": delay}
        document["train"]["batch_size"] = None
        with suppress(ValidationError):
            made = draw(Params.model_validate(document).data)
            assert made.x_train.shape == (9, seq_length, KNOWN[name].inputs)
            assert made.y_train.shape == (9, 1)
            allowed += 1
    assert allowed


def test_recalls_the_last_number_and_the_first() -> None:
    for delay in (0, 19):
        data = dataset("recall", 5, 1, delay=delay)
        np.testing.assert_array_equal(data.y_train, data.x_train[:, 19 - delay])


def test_every_pair_of_places_is_marked_as_often() -> None:
    marks = dataset("adding", 6000, 1, seq_length=4).x_train[:, :, 1]
    pairs, counts = np.unique(marks, axis=0, return_counts=True)
    assert len(pairs) == 6
    assert (abs(counts - 1000) < 4 * (6000 * 1 / 6 * 5 / 6) ** 0.5).all()
    np.testing.assert_array_equal(dataset("adding", 9, 1, seq_length=2).x_train[:, :, 1], 1)


@pytest.mark.parametrize("name", KNOWN)
def test_neither_sets_size_moves_the_other(name: str) -> None:
    small, large = dataset(name, 10, 10), dataset(name, 20, 10)
    np.testing.assert_array_equal(small.x_test, large.x_test)
    np.testing.assert_array_equal(small.x_train, large.x_train[:10])
    assert not np.array_equal(small.x_train, small.x_test)


@pytest.mark.parametrize(("name", "known"), KNOWN.items())
def test_bytes_never_change(name: str, known: Known) -> None:
    content = b"".join(array.tobytes() for array in dataset(name, 1000, 1000))
    assert hashlib.sha256(content).hexdigest() == known.digest


def test_a_task_has_words_of_its_own() -> None:
    words = {
        name: (task(name).TRUE_LABEL, task(name).PREDICTED_LABEL, task(name).note(params(name, 1, 1)))
        for name in KNOWN
    }
    assert len(set(words.values())) == len(KNOWN)
    assert [name for name, texts in words.items() if "mean of the sequence" in " ".join(texts)] == ["mean"]
    assert "7 + 1" in words["recall"][-1]
    assert "L (H - 1)" in words["recall"][-1]
    plots = (TOP / "stages/plot").glob("*.*")
    assert [path for path in plots if "of the sequence" in path.read_text()] == []


Matrix = list[list[int]]


def times(matrix: Matrix, vector: list[int]) -> list[int]:
    return [sum(w * v for w, v in zip(row, vector, strict=True)) for row in matrix]


def answers(layers: list[tuple[Matrix, Matrix]], readout: list[int], numbers: list[int]) -> list[int]:
    """What a stack of linear layers (W_hh, W_ih) says after each of `numbers`."""
    states = [[0] * len(recurrent) for recurrent, _ in layers]
    said = []
    for number in numbers:
        below = [number]
        for layer, (recurrent, inputs) in enumerate(layers):
            below = states[layer] = [
                a + b for a, b in zip(times(recurrent, states[layer]), times(inputs, below), strict=True)
            ]
        said.append(sum(w * v for w, v in zip(readout, below, strict=True)))
    return said


SIZES = [(1, 1), (1, 6), (2, 4), (3, 3), (4, 5)]


@pytest.mark.parametrize(("num_layers", "hidden_size"), SIZES)
def test_shift_registers_recall_exactly_up_to_the_line(num_layers: int, hidden_size: int) -> None:
    delay = recall.linear_reach(hidden_size, num_layers)
    if num_layers == 1:
        assert hidden_size == delay + 1
    shift = [[int(column == row - 1) for column in range(hidden_size)] for row in range(hidden_size)]
    layers = [
        (shift, [[int(unit == 0 and source == below - 1) for source in range(below)] for unit in range(hidden_size)])
        for below in [1] + [hidden_size] * (num_layers - 1)
    ]  # fmt: skip
    last = [0] * (hidden_size - 1) + [1]
    numbers = list(range(1, 41))
    sequence = np.array(numbers, np.float32).reshape(1, 40, 1)
    target = recall.targets(sequence, params("recall", 1, 1, seq_length=40, delay=delay))
    assert answers(layers, last, numbers)[-1] == target[0, 0] == 40 - delay


def denominator(matrix: Matrix) -> list[int]:
    """Coefficients of det(I - W q) in q, from 1 on (Faddeev and LeVerrier)."""
    size = len(matrix)
    coefficients, product = [1], [[0] * size for _ in range(size)]
    for k in range(1, size + 1):
        for i in range(size):
            product[i][i] += coefficients[-1]
        columns = [times(matrix, [row[j] for row in product]) for j in range(size)]
        product = [[columns[j][i] for j in range(size)] for i in range(size)]
        coefficients.append(-sum(product[i][i] for i in range(size)) // k)
    return coefficients


@pytest.mark.parametrize(("num_layers", "hidden_size"), SIZES)
def test_no_linear_network_recalls_beyond_the_line(num_layers: int, hidden_size: int) -> None:
    """By the degree of the transfer function's numerator, which is the denominator times the impulse response.

    The denominator starts with 1, and so a delay of d alone would give the numerator a term of degree d.
    """
    rng = np.random.default_rng(num_layers)
    sizes = [1] + [hidden_size] * num_layers
    layers = [
        (rng.integers(1, 5, (size, size)).tolist(), rng.integers(1, 5, (size, below)).tolist())
        for below, size in pairwise(sizes)
    ]
    impulse = [1] + [0] * 39
    response = answers(layers, rng.integers(1, 5, hidden_size).tolist(), impulse)
    below: np.ndarray = np.array([1], dtype=object)
    for recurrent, _ in layers:
        below = np.convolve(below, np.array(denominator(recurrent), dtype=object))
    assert below[0] == 1
    numerator = np.convolve(below, np.array(response, dtype=object))[:40]
    degree = max(power for power, coefficient in enumerate(numerator) if coefficient)
    assert degree == recall.linear_reach(hidden_size, num_layers)


def test_a_drawn_task_says_that_a_series_is_of_another(project: Path, call: Call) -> None:
    said = "data.task mean draws its sequences; data.series is of data.task forecast alone\n"
    assert call(project, "stages.generate")[:2] == (0, said)
