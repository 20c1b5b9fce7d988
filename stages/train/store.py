"""The replicates of earlier runs: kept in the user's cache folder, finished or not, so that none is trained twice.

A replicate has a folder there, named by a hash of all that decides its bytes but for how long it is trained: the data
set, the network, the settings, its initial weights and random streams, and the trainer's sources and versions. Neither
the CPU nor Python's version is in it, since they decide nothing: so it is the exact engine's replicates alone that are
kept. In the folder lies a state for each number of epochs that was asked for, from which a longer training goes on, and
the last state of a training that was interrupted.

STACKED_RNN_STORE_GB bounds the whole: what was used longest ago goes first, but never what this run has used, or
another within the hour before it began. 0 goes past the store. `python -m stages.train.store` shows how large it is,
with --clear it removes it.
"""

import argparse
import hashlib
import json
import os
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Self

import numpy as np
from safetensors.numpy import load, save
from tqdm import tqdm

from stages.architecture import Architecture
from stages.data import Dataset
from stages.errors import InputError
from stages.files import replacing, user_cache
from stages.train.training import Training, TrainState

LIMIT = "STACKED_RNN_STORE_GB"
DEFAULT_LIMIT = 4
SPARED = 60 * 60  # seconds before a run begins
FINISHED, UNFINISHED = ".finished", ".unfinished"
GROUPS = ("weights", "mean", "square")  # of a state's arrays, by parameter
DIGEST = hashlib.sha256().digest_size


class Store:
    """What is kept of the replicates of one run; as a context, it removes in the end what is too much.

    It can only save time: what cannot be read is trained, and what cannot be written is not kept. It says so once, and
    goes on trying: a full disk may soon have room.
    """

    def __init__(
        self, dataset: Dataset, architecture: Architecture, training: Training, arithmetic: str | None
    ) -> None:
        """Begin a run; `arithmetic` is that of the engine, None for one whose replicates cannot be kept.

        Raises:
            InputError: STACKED_RNN_STORE_GB is no whole number.
        """
        self.bytes_allowed = bytes_allowed() if arithmetic else 0
        self.epochs, self.spared = training.epochs, time.time() - SPARED
        self.key = hashlib.sha256(repr((arithmetic, architecture, training._replace(epochs=0))).encode())
        self.key.update(Path(__file__).with_name("training.py").read_bytes())  # which epochs are measured
        for array in dataset:
            self.key.update(repr(array.shape).encode() + array.tobytes())
        self.folders: dict[int, Path] = {}
        self.last: dict[int, Path] = {}  # that this run has read or written, of each replicate
        self.ready: set[int] = set()  # replicates that had done all epochs before
        self.failed = False  # to keep a state

    def resume(self, replicate: int, first: TrainState) -> TrainState:
        """Return the state that is furthest on but not past the last epoch, else `first`, before the first epoch.

        A damaged one is removed, and said in a line.
        """
        if self.bytes_allowed == 0:
            return first
        key = self.key.copy()
        key.update(pack(first))
        self.folders[replicate] = store_folder() / key.hexdigest()
        for path in sorted(states(self.folders[replicate]), key=epoch_of, reverse=True):
            with suppress(OSError):  # another run has removed it, or it is another user's
                if epoch_of(path) <= self.epochs:
                    packed = path.read_bytes()
                    try:
                        state = unpack(packed)
                        if state.epoch != epoch_of(path):
                            raise ValueError("renamed")
                    except Exception:  # a bit, a name, or what another version has packed
                        tqdm.write(f"{path}: damaged; removed, to be trained again", file=sys.stderr)
                        path.unlink()
                    else:
                        self.last[replicate] = path
                        if state.epoch == self.epochs:
                            self.ready.add(replicate)
                        with suppress(OSError):  # where it may be read alone
                            os.utime(path)
                        return state
        return first

    def keep(self, replicate: int, state: TrainState) -> None:
        """Keep a state, and no longer the unfinished one that it comes from; those of other runs are left to them."""
        if self.bytes_allowed == 0:
            return
        folder = self.folders[replicate]
        suffix = FINISHED if state.epoch == self.epochs else UNFINISHED
        try:
            folder.parent.parent.mkdir(parents=True, exist_ok=True)
            folder.parent.mkdir(mode=0o700, exist_ok=True)
            path = folder / f"{state.epoch}{suffix}"
            with replacing(path) as partial:
                partial.write_bytes(pack(state))
            before, self.last[replicate] = self.last.get(replicate, path), path
            if before.suffix == UNFINISHED and before != path:
                before.unlink(missing_ok=True)
        except OSError as error:
            if not self.failed:
                self.failed = True
                tqdm.write(
                    f"{error.filename}: {error.strerror}; until that ends, replicates are not kept for later runs",
                    file=sys.stderr,
                )

    def __enter__(self) -> Self:
        """Return the store."""
        return self

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        """Remove the states used longest ago until no more is left than may be, but none used since the hour before."""
        if self.bytes_allowed == 0:
            return
        if kind is KeyboardInterrupt:
            tqdm.write("what is finished is kept, and the next run goes on", file=sys.stderr)
        with suppress(OSError):
            kept = sorted((status.st_mtime, status.st_size, path) for path, status in everything())
            total = sum(size for _, size, _ in kept)
            for used, size, path in kept:
                if total <= self.bytes_allowed or used > self.spared:
                    break
                path.unlink(missing_ok=True)
                total -= size
                with suppress(OSError):  # not the folder's last
                    path.parent.rmdir()


def bytes_allowed() -> int:
    """Return how large the store may be; 0 where this user can have none.

    Raises:
        InputError: STACKED_RNN_STORE_GB is no whole number.
    """
    wanted = os.environ.get(LIMIT) or str(DEFAULT_LIMIT)
    if not wanted.isdecimal():
        raise InputError(f"{LIMIT}: found {wanted!r}; allowed: a whole number, 0 for no store, or not set")
    with suppress(FileNotFoundError):
        store_folder()
        return int(wanted) * 10**9
    return 0


def store_folder() -> Path:
    """Return where the store is. Raises FileNotFoundError where the user has no home."""
    return user_cache("replicates")


def states(folder: Path) -> list[Path]:
    """Return the states of a replicate in no order, and nothing of what is being written."""
    return [
        path for path in folder.glob("*") if path.suffix in (FINISHED, UNFINISHED) and path.stem.isdecimal()
    ]


def epoch_of(path: Path) -> int:
    """Return how many epochs a state has done."""
    return int(path.stem)


def everything() -> Iterator[tuple[Path, os.stat_result]]:
    """Yield every file in the store with its status, those among them that a kill left half written."""
    for path in store_folder().glob("*/*"):
        with suppress(FileNotFoundError):  # another run has removed it
            yield path, path.stat()


def pack(state: TrainState) -> bytes:
    """Return a state as bytes: the SHA-256 of the rest, then safetensors, with what is no array as JSON in one."""
    arrays = {f"{group}.{name}": array for group in GROUPS for name, array in getattr(state, group).items()}
    rest = {"epoch": state.epoch, "steps": state.steps, "rng": state.rng.bit_generator.state}
    arrays["rest"] = np.frombuffer(json.dumps(rest | {"names": list(state.weights)}).encode(), np.uint8)
    content = save(arrays | {"train_mse": state.train_mse, "test_mse": state.test_mse})
    return hashlib.sha256(content).digest() + content


def unpack(packed: bytes) -> TrainState:
    """Return the state that `pack` has packed. Raises ValueError where a bit is not as it was."""
    digest, content = packed[:DIGEST], packed[DIGEST:]
    if hashlib.sha256(content).digest() != digest:
        raise ValueError("damaged")
    arrays = load(content)
    rest = json.loads(arrays["rest"].tobytes())
    rng = np.random.Generator(np.random.PCG64())
    rng.bit_generator.state = rest["rng"]
    weights, mean, square = ({name: arrays[f"{group}.{name}"] for name in rest["names"]} for group in GROUPS)
    losses = arrays["train_mse"], arrays["test_mse"]
    return TrainState(rest["epoch"], rest["steps"], weights, mean, square, rng, *losses)


def main() -> None:
    """Print how large the store is, or remove it."""
    parser = argparse.ArgumentParser(prog="python -m stages.train.store", description=main.__doc__)
    parser.add_argument("--clear", action="store_true", help="remove what is kept")
    clear = parser.parse_args().clear
    sizes = [status.st_size for _, status in everything()]
    if clear:
        with suppress(FileNotFoundError):  # there is none
            shutil.rmtree(store_folder())
    print(
        f"{store_folder()}: {len(sizes):,} files, {sum(sizes) / 1e6:,.1f} MB{', removed' if clear else ''}; "
        f"{LIMIT} allows {bytes_allowed() // 10**9} GB"
    )


if __name__ == "__main__":
    main()
