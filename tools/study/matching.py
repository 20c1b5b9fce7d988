"""Networks of several depths with as many parameters each."""

from collections.abc import Iterable, Sequence
from itertools import product

from stages.architecture import Architecture
from stages.errors import InputError
from stages.words import percent

NEAR = 0.15  # of the parameters wished for, how far a network may be from them
SPREAD = 0.12  # how many more parameters than the smallest the largest may have


def spread(architectures: Iterable[Architecture]) -> float:
    """Return how many more parameters the largest network has than the smallest, as a share of the smallest's."""
    counts = [architecture.parameters() for architecture in architectures]
    return max(counts) / min(counts) - 1


def matched(cell: str, input_size: int, parameters: int, depths: Sequence[int]) -> tuple[Architecture, ...]:
    """Return a network of each depth, of all near the wish those with the smallest spread, the nearest of equals.

    Raises:
        InputError: there are none of every depth that are near `parameters` and each other.
    """

    def near(num_layers: int) -> list[Architecture]:
        sizes = (Architecture(cell, input_size, size, num_layers) for size in range(1, parameters))
        return [one for one in sizes if abs(one.parameters() - parameters) <= NEAR * parameters]

    def distance(ones: tuple[Architecture, ...]) -> tuple[float, int]:
        return spread(ones), sum(abs(one.parameters() - parameters) for one in ones)

    best = min(product(*map(near, depths)), key=distance, default=None)
    if best is None or spread(best) > SPREAD:
        raise InputError(
            f"tools/study/studies.py: parameters: found {parameters}; allowed: a number that {cell} networks of "
            f"{', '.join(map(str, depths))} layers come within {percent(NEAR)} of, and of each other {percent(SPREAD)}"
        )
    return best
