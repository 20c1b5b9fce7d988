"""`python -m tools.faults [TIMES]`: what is lost where training is killed, starved, raced or its store damaged.

A model is trained once undisturbed, then TIMES times (20) with each fault, after which the same command is given again.
Lost means that this second run fails, trains what was finished before, or leaves another byte, or a file too many.
"""

import argparse
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from stages.train.exact.compiled import cache_folder
from stages.train.store import LIMIT
from tools.git import git

COMMAND = [sys.executable, "-m", "stages.train", "single"]
SIZES = {"num_samples": 200, "test_samples": 50, "hidden_size": 8, "epochs": 500, "replicates": 6}


class Project:
    """A clone of HEAD with small sizes, in a folder of its own with a store of its own."""

    def __init__(self, folder: Path) -> None:
        """Clone, and make the data set."""
        self.clone, self.store = folder / "clone", folder / "stacked-rnn/replicates"
        git("clone", "--quiet", str(Path.cwd()), str(self.clone))
        params = self.clone / "params.yaml"
        text = params.read_text()
        for key, value in SIZES.items():
            text = "\n".join(
                f"{line.split(':')[0]}: {value}" if line.strip().startswith(f"{key}:") else line
                for line in text.split("\n")
            )
        params.write_text(text)
        self.store.parent.mkdir()
        (self.store.parent / cache_folder().name).symlink_to(cache_folder())
        self.environment = os.environ | {"XDG_CACHE_HOME": str(folder), LIMIT: "1"}
        subprocess.run([sys.executable, "-m", "stages.generate"], cwd=self.clone, check=True)

    def start(self, limit: int | None = None) -> subprocess.Popen[bytes]:
        """Start training; no file may grow beyond `limit` bytes."""

        def starve() -> None:
            if limit is not None:
                resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

        return subprocess.Popen(
            COMMAND, cwd=self.clone, env=self.environment, stderr=subprocess.PIPE, preexec_fn=starve
        )

    def finish(self) -> dict[str, bytes]:
        """Train to the end, and return every file that the stage wrote."""
        done = self.start()
        _, said = done.communicate()
        if done.returncode:
            return {"said": said}
        folders = self.clone / "data/losses", self.clone / "data/models"
        return {path.name: path.read_bytes() for folder in folders for path in folder.iterdir()}

    def kept(self) -> dict[Path, int]:
        """Return the finished replicates in the store, and which file each is: one that is trained again is another."""
        return {path: path.stat().st_ino for path in self.store.glob("*/*.finished")}

    def forget(self) -> None:
        """Remove the store and what was written."""
        for folder in (self.store, self.clone / "data/losses", self.clone / "data/models"):
            shutil.rmtree(folder, ignore_errors=True)


def ended(
    project: Project, chance: random.Random, seconds: float, *, signals: Sequence[signal.Signals]
) -> None:
    """End the run with one of the signals at a random moment."""
    process = project.start()
    time.sleep(chance.uniform(0, seconds))
    process.send_signal(chance.choice(signals))
    process.communicate()


def starved(project: Project, chance: random.Random, seconds: float) -> None:
    """Let no file grow beyond a random size, as on a full disk."""
    project.start(limit=chance.randrange(20_000)).communicate()


def raced(project: Project, chance: random.Random, seconds: float) -> None:
    """Run it three times at once."""
    for process in [project.start() for _ in range(3)]:
        process.communicate()


def damaged(project: Project, chance: random.Random, seconds: float) -> None:
    """Flip a random bit of each finished replicate, or cut it."""
    project.finish()
    for path in project.store.glob("*/*"):
        content = bytearray(path.read_bytes())
        content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
        path.write_bytes(content[: chance.choice([len(content), chance.randrange(len(content))])])


FAULTS: dict[str, Callable[[Project, random.Random, float], None]] = {
    "SIGKILL at a random moment": partial(ended, signals=[signal.SIGKILL]),
    "SIGTERM or Ctrl-C at a random moment": partial(ended, signals=[signal.SIGTERM, signal.SIGINT]),
    "no file beyond a random size": starved,
    "three runs at once": raced,
    "a bit flipped in, or the end cut off, each kept replicate": damaged,
}


def main() -> None:
    """Print a row a fault: how often it was tried, and how often something was lost."""
    parser = argparse.ArgumentParser(prog="python -m tools.faults", description=main.__doc__)
    parser.add_argument("times", type=int, nargs="?", default=20, help="of each fault")
    times, chance = parser.parse_args().times, random.Random(0)
    with TemporaryDirectory(prefix="faults-") as folder:
        project = Project(Path(folder))
        project.finish()  # compiles, where it must
        project.forget()
        begun = time.monotonic()
        expected = project.finish()
        seconds = time.monotonic() - begun
        print("| fault | tried | lost |\n| --- | ---: | ---: |")
        for name, fault in FAULTS.items():
            lost = 0
            for _ in range(times):
                project.forget()
                fault(project, chance, 1.2 * seconds)
                kept = {} if fault is damaged else project.kept()
                lost += project.finish() != expected or not kept.items() <= project.kept().items()
            print(f"| {name} | {times} | {lost} |", flush=True)


if __name__ == "__main__":
    main()
