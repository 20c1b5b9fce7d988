"""Random number streams are fixed by their key alone."""

import numpy as np
import pytest

from stages.streams import stream


def test_first_numbers_never_change() -> None:
    # From the first version of this project: a change here changes every result that was ever published.
    numbers = stream(0, "initial weights", "stacked", 3).integers(2**32, size=3)
    assert numbers.tolist() == [2590289229, 1334069189, 3498035165]


def test_every_part_of_the_key_gives_another_stream() -> None:
    keys = [
        (0, "a", "m", 0),
        (1, "a", "m", 0),
        (0, "b", "m", 0),
        (0, "a", "n", 0),
        (0, "a", "m", 1),
        (0, "m", "a", 0),
    ]
    first = [stream(*key).random() for key in keys]
    assert len(set(first)) == len(keys)


def test_streams_are_uncorrelated_over_replicates() -> None:
    draws = np.array(
        [stream(0, "initial weights", "single", replicate).random(2000) for replicate in range(20)]
    )
    off_diagonal = np.corrcoef(draws)[~np.eye(20, dtype=bool)]
    assert np.abs(off_diagonal).max() == pytest.approx(0, abs=0.1)
