"""The task `recall`: say the number that stood `data.delay` steps before the last one."""

import numpy as np

from stages.params import DataParams

INPUT_SIZE = 1  # numbers a step

# What the reports say of it.
TRUE_LABEL, PREDICTED_LABEL = "true number at the delay", "recalled number"


def sequences(rng: np.random.Generator, num_samples: int, data: DataParams) -> np.ndarray:
    """Return uniform numbers in [-1, 1): (num_samples, seq_length, 1), float32."""
    # Multiples of 2**-24, so that neither operation rounds.
    return 2 * rng.random((num_samples, data.seq_length, 1), dtype=np.float32) - 1


def targets(x: np.ndarray, data: DataParams) -> np.ndarray:
    """Return the number `data.delay` steps before each sequence's last: (N, T, 1) -> (N, 1), float32."""
    assert data.delay is not None, "params.yaml was checked"
    return x[:, -1 - data.delay].copy()


def linear_reach(hidden_size: int, num_layers: int) -> int:
    """Return the longest delay at which a stack of linear layers, one of which may be all, answers exactly.

    With q for a delay by one step, a layer's transfer functions are adj(I - W q) U / det(I - W q): in q, numerators of
    degree H - 1 at most over a denominator that starts with 1. Along a stack they multiply, to a numerator of degree
    L (H - 1) at most; a delay of d steps alone needs one of degree d, q**d times the denominator, up to terms that
    a sequence is too short for. Shift registers, each fed by the last unit of the one below, reach it.
    """
    return num_layers * (hidden_size - 1)


def note(data: DataParams) -> str:
    """Return what the report says of how hard the task is."""
    return (
        f"A linear layer of n units can say the number {data.delay} steps back exactly if and only if n is at least "
        f"{data.delay} + 1; a stack of L linear layers of H units, if and only if L (H - 1) is at least {data.delay}. "
        "A nonlinear network may pack more into a unit, and training may find less. Least squares, where there are "
        "sequences enough, solves the task up to rounding: it sees all numbers at once, and needs no memory."
    )
