"""How the kernel is compiled, and where the result is kept.

Numba's own `cache=True` looks at one file and at its path: it misses a change in a module that the function
calls, and an experiment in a temporary folder compiles again. Here the key is the content of every source in
this folder, the versions that compile them and the CPU they are compiled for, and the place is the user's
cache directory: all clones and experiments share it, and a changed source cannot be served stale. Each key
has a folder of its own, so that processes that start together write equal files, and Numba renames them into
place.
"""

import contextlib
import hashlib
import platform
from collections.abc import Callable
from pathlib import Path
from typing import Any

import llvmlite
import numba
import numpy as np
from numba.core import config
from numba.core.caching import CompileResultCacheImpl, FunctionCache, _CacheLocator
from numba.core.registry import cpu_target
from numba.misc.appdirs import AppDirs

# NUMBA_CPU_NAME=native means this CPU, as with compilers. LLVM's library takes real names alone, and Numba reads
# the name when the first function is decorated.
if getattr(config, "CPU_NAME", None) == "native":
    config.CPU_NAME = llvmlite.binding.get_host_cpu_name()  # type: ignore[attr-defined]

OPTIONS: dict[str, Any] = {
    "nogil": True,  # replicates train in threads
    "error_model": "numpy",  # a division by zero gives inf or nan, as IEEE 754 says, not an exception
}
WITHIN: dict[str, Any] = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}  # less to compile


def target() -> tuple[str, str, str]:
    """The platform, the CPU and the CPU features (as in "+avx2,+fma") that Numba compiles for."""
    triple, cpu, features = cpu_target.target_context.codegen().magic_tuple()
    return triple, cpu, features


def cache_key() -> str:
    """A hash of all that decides the machine code."""
    key = hashlib.sha256()
    for source in sorted(Path(__file__).parent.glob("*.py")):
        key.update(source.name.encode() + b"\0" + hashlib.sha256(source.read_bytes()).digest())
    versions = (platform.python_version(), numba.__version__, llvmlite.__version__, np.__version__)
    key.update(repr((versions, target())).encode())
    return key.hexdigest()[:32]


class ContentLocator(_CacheLocator):
    """Tells Numba to keep compiled code in the user's cache directory, under the hash of its sources."""

    def __init__(self) -> None:  # noqa: D107
        self.key = cache_key()

    @classmethod
    def from_function(cls, py_func: Callable, py_file: str) -> "ContentLocator":  # noqa: D102
        return cls()

    def get_cache_path(self) -> str:  # noqa: D102
        return str(Path(AppDirs("stacked-rnn", appauthor=False).user_cache_dir) / self.key)

    def get_source_stamp(self) -> str:  # noqa: D102
        return self.key

    def get_disambiguator(self) -> str:  # noqa: D102
        return self.key[:8]


class ContentCacheImpl(CompileResultCacheImpl):
    """Numba's way of storing a function, in our place."""

    _locator_classes = [ContentLocator]  # type: ignore[list-item]  # noqa: RUF012


class ContentCache(FunctionCache):
    """A cache that can only save time: what cannot be read is compiled, what cannot be written is not
    kept."""

    _impl_class = ContentCacheImpl

    def load_overload(self, sig: Any, target_context: Any) -> Any:  # noqa: D102
        with contextlib.suppress(Exception):  # a damaged file can fail in as many ways as pickle has
            return super().load_overload(sig, target_context)
        return None

    def save_overload(self, sig: Any, data: Any) -> None:  # noqa: D102
        with contextlib.suppress(OSError):
            super().save_overload(sig, data)


def compiled(function: Callable) -> Callable:
    """Compile a function that only compiled functions call."""
    return numba.njit(function, **OPTIONS, **WITHIN)


def compiled_and_kept(function: Callable) -> Callable:
    """Compile a function that Python calls, and keep the machine code for the next process."""
    dispatcher: Any = numba.njit(function, **OPTIONS)
    dispatcher._cache = ContentCache(function)
    return dispatcher
