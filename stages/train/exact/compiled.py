"""How the exact trainer is compiled, and where the result is kept.

Numba's own `cache=True` looks at one file and at its path: it misses a change in a module that the function
calls, and an experiment in a temporary folder compiles again. Here the key is the content of every source in
this folder, the versions that compile them and the CPU they are compiled for, and the place is the user's
cache directory: all clones and experiments share it, and a changed source cannot be served stale.
"""

import contextlib
import functools
import hashlib
import pickle
import platform
from collections.abc import Callable
from pathlib import Path
from typing import Any

import llvmlite
import numba
import numpy as np
from numba.core import config
from numba.core.caching import NullCache
from numba.core.compiler import CompileResult
from numba.core.registry import cpu_target
from numba.core.runtime import rtsys
from numba.core.serialize import dumps

from stages.files import replacing, user_cache

# NUMBA_CPU_NAME=native means this CPU, as with compilers. LLVM's library takes real names alone, and Numba reads
# the name when the first function is decorated.
if getattr(config, "CPU_NAME", None) == "native":
    config.CPU_NAME = llvmlite.binding.get_host_cpu_name()  # type: ignore[attr-defined]

# The third level takes LLVM a tenth longer in all, and the code is as fast.
config.OPT = type(config.OPT)(2)  # type: ignore[attr-defined]

OPTIONS: dict[str, Any] = {
    "nogil": True,  # replicates train in threads
    "error_model": "numpy",  # a division by zero gives inf or nan, as IEEE 754 says, not an exception
}
WITHIN: dict[str, Any] = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}  # less to compile


def target() -> tuple[str, str, str]:
    """The platform, the CPU and the CPU features (as in "+avx2,+fma") that Numba compiles for."""
    triple, cpu, features = cpu_target.target_context.codegen().magic_tuple()
    return triple, cpu, features


@functools.cache
def arithmetic() -> str:
    """A hash of what decides every bit that the trainer computes, whatever the CPU: these sources and versions.

    Read once, when trainer.py has imported them all, so that it is of what runs and not of what lies there later.
    """
    key = hashlib.sha256(repr((numba.__version__, llvmlite.__version__, np.__version__)).encode())
    for source in sorted(Path(__file__).parent.glob("*.py")):
        key.update(source.name.encode() + b"\0" + hashlib.sha256(source.read_bytes()).digest())
    return key.hexdigest()


@functools.cache
def cache_folder() -> Path:
    """Where the machine code of these sources, versions and this CPU is kept."""
    key = hashlib.sha256(repr((arithmetic(), platform.python_version(), target())).encode())
    return user_cache(key.hexdigest()[:32])


class ContentCache(NullCache):
    """A cache that can only save time: what cannot be read is compiled, what cannot be written is not kept."""

    def __init__(self, name: str) -> None:  # noqa: D107
        self.name = name

    def path(self, signature: Any) -> Path:
        """Where the code for arguments of these types is kept."""
        return cache_folder() / f"{self.name}-{hashlib.sha256(str(signature).encode()).hexdigest()[:16]}"

    def load_overload(self, signature: Any, target_context: Any) -> Any:  # noqa: D102
        rtsys.initialize(target_context)
        with contextlib.suppress(OSError):
            content = self.path(signature).read_bytes()
            digest, code = content[:32], content[32:]
            if hashlib.sha256(code).digest() == digest:
                return CompileResult._rebuild(target_context, *pickle.loads(code))
        return None

    def save_overload(self, signature: Any, result: Any) -> None:  # noqa: D102
        code = dumps(result._reduce())
        with contextlib.suppress(OSError), replacing(self.path(signature)) as partial:
            partial.write_bytes(hashlib.sha256(code).digest() + code)


def compiled(function: Callable) -> Callable:
    """Compile a function that only compiled functions call."""
    return numba.njit(_named(function), **OPTIONS, **WITHIN)


def inlined(function: Callable) -> Callable:
    """Compile a function that becomes part of those that call it, so that a tile stays in registers."""
    return numba.njit(_named(function), forceinline=True, **OPTIONS, **WITHIN)


def compiled_and_kept(function: Callable) -> Callable:
    """Compile a function that Python calls, and keep the machine code for the next process."""
    dispatcher: Any = numba.njit(_named(function), **OPTIONS)
    dispatcher._cache = ContentCache(f"{function.__name__}-{function.__qualname__[-8:]}")
    return dispatcher


def _named(function: Callable) -> Callable:
    """Return the function, with a name of its own among those of one source that close over other things.

    Symbols have that name, and of two files with the same symbol a process would load one and run it for both. What is
    closed over goes by its module too: the functions of all cells are called the same.
    """
    closed_over = [cell.cell_contents for cell in function.__closure__ or ()]
    if closed_over:
        names = [
            f"{value.__module__}.{value.__qualname__}" if callable(value) else repr(value)
            for value in closed_over
        ]
        function.__qualname__ += hashlib.sha256(repr(names).encode()).hexdigest()[:8]
    return function
