import subprocess

import pytest

from tools.dvc import dvc


def test_after_an_interrupt_dvc_is_left_to_end_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    interrupts = [KeyboardInterrupt(), KeyboardInterrupt()]

    class Process:  # without a method to kill it
        returncode: int | None = None

        def __init__(self, *_: object, **__: object) -> None:
            pass

        def wait(self) -> int:
            if interrupts:
                raise interrupts.pop()
            self.returncode = 255
            return self.returncode

        def poll(self) -> int | None:
            return self.returncode

    monkeypatch.setattr(subprocess, "Popen", Process)
    with pytest.raises(KeyboardInterrupt):
        dvc("repro")
    assert not interrupts
