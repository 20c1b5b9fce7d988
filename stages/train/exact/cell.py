"""What a recurrent cell is to the exact trainer."""

from collections.abc import Callable
from typing import NamedTuple


class Cell(NamedTuple):
    """One unit's arithmetic on vectors of lanes, forward beside backward, both compiled.

    z is what the gates are taken of, W_ih x + b_ih + W_hh h + b_hh, one vector a gate; where the products are two,
    W_ih x + b_ih comes first and W_hh h + b_hh after it. A gate may scale what comes of a product, as in PyTorch's GRU,
    and not what goes into it, as in the first papers' GRU and MGU: all products are taken before any gate is known.
    """

    forward: (
        Callable  # (z, previous) -> kept, of which h is the first; previous is kept of the step before, or 0
    )
    backward: Callable  # (kept, previous, gradient by h, carried) -> gradients by z, carried
    products: int = 1  # 2 where W_ih x and W_hh h do not just add up
    kept: int = 1  # vectors that the way back and the next step read
    carried: int = 0  # vectors that go from a step to the one before, beside the gradient by h; 0 at the last
