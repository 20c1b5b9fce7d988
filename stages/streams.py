"""Random number streams, keyed by what they are for."""

import hashlib

import numpy as np


def stream(seed: int, purpose: str, model: str = "", replicate: int = 0) -> np.random.Generator:
    """Return the generator for one purpose, independent of every other key's.

    The key is hashed, not counted, so that another model or replicate changes no numbers but its own
    (`SeedSequence.spawn` would count). The bit generator is named, since NumPy's default may change.

    Args:
        seed: from params.yaml, 0 or more.
        purpose: what the numbers are for, such as "initial weights".
        model: the model's name, where the numbers are a model's.
        replicate: which replicate of it, from 0.
    """
    key = (_stable_hash(purpose), _stable_hash(model), replicate)
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=key)))


def _stable_hash(text: str) -> int:
    # Python's own hash() of a string differs from process to process.
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:16], "big")
