"""What a recurrent cell is to the exact trainer."""

from collections.abc import Callable
from typing import NamedTuple


class Cell(NamedTuple):
    """One unit's arithmetic on vectors of lanes, forward beside backward, both compiled.

    z is what the gates are taken of, W_ih x + b_ih + W_hh h + b_hh, one vector a gate; where the products are two,
    W_ih x + b_ih comes first and W_hh h + b_hh after it.
    """

    forward: Callable  # (z, previous) -> kept: h first, then what else the way back or the next step reads
    backward: Callable  # (kept, previous, gradient by h, carried) -> gradients by z, carried
    products: int = 1
    kept: int = (
        1  # how many vectors `forward` returns; `previous` is those of the step before, 0 before the first
    )
    carried: int = (
        0  # how many vectors `backward` hands on to the step before, 0 at the last; none for an RNN
    )
