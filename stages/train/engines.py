"""The two ways to train and to predict: the exact trainer and PyTorch."""

import os
import subprocess
import sys
from collections.abc import Callable
from functools import cache, partial
from typing import NamedTuple

import numpy as np

from stages.architecture import Architecture
from stages.data import Dataset, Weights
from stages.errors import InputError, one_line
from stages.train.training import Training, TrainState


class Engine(NamedTuple):
    """What trains, and what predicts as it trains."""

    advance: Callable[[TrainState, Dataset, Architecture, Training, int], TrainState]  # to so many epochs
    predict: Callable[[Weights, np.ndarray, Architecture], np.ndarray]  # (N, T, input_size) -> (N, 1)
    memory_needed: Callable[[Architecture, Training, Dataset], int]  # bytes, for one replicate
    # A hash of what decides every bit, whatever the CPU, so that replicates may be kept and train side by side or
    # elsewhere; None where the CPU has a say, and threads of the engine's own.
    arithmetic: str | None


def load_engine(name: str, cell: str, device: str = "cpu") -> Engine:
    """Return the engine that `train.engine` names, ready to train networks of this cell.

    Raises:
        InputError: this machine cannot do what `train.engine` and `train.device` ask for.
    """
    # Each is imported here: torch takes 1.5 s, and works where Numba does not even import.
    if name == "exact":
        _check_platform(cell)
        from stages.train.exact import trainer
        from stages.train.exact.compiled import arithmetic

        return Engine(trainer.advance, trainer.predict, trainer.memory_needed, arithmetic())
    from stages.train import reference

    advance = partial(reference.advance, device=reference.find_device(device))
    return Engine(advance, reference.predict, reference.memory_needed, None)


def _check_platform(cell: str) -> None:
    """Raise InputError on a platform that Numba cannot serve; a fault of our own stays what it is."""
    try:
        import numba  # noqa: F401
    except (ImportError, OSError) as error:  # missing, or one of its libraries does not load
        raise _unsupported(one_line(error)) from error
    if "NUMBA_CPU_NAME" in os.environ and _ends_the_process(cell):
        raise _unsupported(f"Numba cannot compile for {os.environ['NUMBA_CPU_NAME']}")
    from stages.train.exact.trainer import check_platform

    try:
        check_platform(cell)
    except RuntimeError as error:  # what LLVM raises
        raise _unsupported(one_line(error)) from error


@cache
def _ends_the_process(cell: str) -> bool:
    """Whether LLVM does that, as for a CPU that it cannot serve, instead of raising anything."""
    check = f"from stages.train.exact.trainer import check_platform; check_platform({cell!r})"
    done = subprocess.run([sys.executable, "-c", check], check=False, capture_output=True, text=True)
    return done.returncode != 0 and "Traceback" not in done.stderr


def _unsupported(reason: str) -> InputError:
    return InputError(f"params.yaml: train.engine: found exact, but {reason[:200]}; allowed here: torch")
