"""The runner's own pieces; whole runs are in test_run.py and its neighbours."""

import io
import os
import signal
from typing import Any

import pytest
import yaml

from pipeline.engine import interruptible, without_pip
from pipeline.environments import COMPILED


class InterruptedWhileWriting(io.RawIOBase):
    """A terminal in the middle of whose first writing Ctrl-C is pressed."""

    pressed = False

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        if not self.pressed:
            self.pressed = True
            os.kill(os.getpid(), signal.SIGINT)
        return len(data)


def test_an_interrupt_in_the_middle_of_a_line_is_an_interrupt() -> None:
    terminal = io.BufferedWriter(InterruptedWhileWriting())

    def write_a_line() -> None:
        with interruptible():
            terminal.write(b"a line")
            terminal.flush()

    with pytest.raises(KeyboardInterrupt):
        write_a_line()
    terminal.detach()


def test_handlers_are_as_they_were_after_a_run() -> None:
    before = signal.getsignal(signal.SIGTERM)

    with interruptible():
        assert signal.getsignal(signal.SIGTERM) is not before

    assert signal.getsignal(signal.SIGTERM) is before


def test_a_local_run_installs_nothing_and_carries_the_same_code() -> None:
    compiled = COMPILED.read_text(encoding="utf-8")

    local = without_pip(compiled)

    assert "pip install" in compiled
    assert "pip install" not in local
    for name, executor in next(iter(yaml.safe_load_all(local)))["deploymentSpec"]["executors"].items():
        original = next(iter(yaml.safe_load_all(compiled)))["deploymentSpec"]["executors"][name]
        assert original["container"]["command"][-1] == executor["container"]["command"][-1]
