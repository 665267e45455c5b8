"""Interrupting a command; a run that is killed or interrupted, at each of its steps."""

import io
import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from pipeline.interruption import interruptible
from tests.pipeline.runs import arguments, processes_of, release

STEPS = (
    "inspect_signature",
    "stage_release",
    "validate_release",
    "deploy_candidate",
    "score_batch",
    "smoke_test_webapp",
    "promote_release",
    "finish_release",
)


def start_and_signal(export: Path, rows: Path, *, home: Path, step: str, number: int) -> subprocess.Popen[str]:
    """Starts a run and signals it when `step` begins."""
    run = subprocess.Popen(
        arguments(export, rows, home=home), stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
    )
    assert run.stderr is not None
    for line in run.stderr:
        if f"… {step}" in line:
            time.sleep(0.1)
            run.send_signal(number)
            break
    return run


def end(run: subprocess.Popen[str]) -> tuple[int, str]:
    """Its exit status, and what it told after the signal."""
    told = run.communicate(timeout=60)[1]
    return run.returncode, told


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_run_killed_at_any_step_and_started_again_ends_as_if_nothing_had_been(
    retail_propensity: Path, visits: Path, tmp_path: Path
) -> None:
    digests = set()
    for step in STEPS:
        home = tmp_path / step

        killed, _ = end(start_and_signal(retail_propensity, visits, home=home, step=step, number=signal.SIGKILL))
        again = release(retail_propensity, visits, home=home)

        assert killed == -signal.SIGKILL
        assert again.status == 0, again.log
        assert again.result["release"]["version"] == 1
        assert again.result["state"] == ("already_live" if step == "finish_release" else "promoted"), step
        assert processes_of(home) == [], step
        assert not list((home / "serving" / "candidates").glob("*")), step
        assert json.loads((home / "serving" / "live" / "rpm.json").read_text())["phase"] == "promoted"
        digests.add(again.result["release"]["digest"])
    assert len(digests) == 1


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_puts_everything_back_at_once(
    retail_propensity: Path, retail_retrained: Path, visits: Path, tmp_path: Path, number: signal.Signals
) -> None:
    assert release(retail_propensity, visits, home=tmp_path).status == 0
    live = (tmp_path / "serving" / "live" / "rpm.json").read_text()

    for step in ("validate_release", "score_batch", "promote_release"):
        run = start_and_signal(retail_retrained, visits, home=tmp_path, step=step, number=number)
        began = time.monotonic()
        status, told = end(run)
        seconds = time.monotonic() - began

        assert status == 130, told
        assert seconds < 15.0, f"{step}: {seconds:.1f} s"  # about one on an idle machine; a promise of five
        assert processes_of(tmp_path) == []
        former = json.loads((tmp_path / "serving" / "live" / "rpm.json").read_text())
        assert (former["release"], former["phase"]) == (json.loads(live)["release"], "promoted")


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


def test_handlers_are_as_they_were_afterwards() -> None:
    before = signal.getsignal(signal.SIGTERM)

    with interruptible():
        assert signal.getsignal(signal.SIGTERM) is not before

    assert signal.getsignal(signal.SIGTERM) is before


class Stubborn:
    """Is interrupted while it is taken away, where Python drops what is raised."""

    def __del__(self) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(0.1)


def wait_after_it() -> None:
    Stubborn()  # gone at once, since nobody holds it
    time.sleep(20)


def test_an_interruption_that_python_drops_comes_through() -> None:
    began = time.monotonic()

    with pytest.raises(KeyboardInterrupt), interruptible():
        wait_after_it()

    assert time.monotonic() - began < 10


def test_a_second_interruption_does_not_disturb_the_putting_back() -> None:
    put_back = []

    def interrupted_twice() -> None:
        with interruptible():
            try:
                os.kill(os.getpid(), signal.SIGTERM)
                time.sleep(20)
            finally:
                os.kill(os.getpid(), signal.SIGINT)
                time.sleep(0.05)
                put_back.append("all")

    with pytest.raises(KeyboardInterrupt):
        interrupted_twice()
    assert put_back == ["all"]


@contextmanager
def started_with(number: signal.Signals, handler: signal.Handlers) -> Iterator[None]:
    """As a process finds it whose parent ignores that signal, or does not."""
    before = signal.signal(number, handler)
    try:
        yield
    finally:
        signal.signal(number, before)


def hang_up() -> None:
    with interruptible():
        os.kill(os.getpid(), signal.SIGHUP)
        time.sleep(0.05)


def test_under_nohup_a_closed_terminal_does_not_interrupt() -> None:
    with started_with(signal.SIGHUP, signal.SIG_IGN):
        hang_up()
    with started_with(signal.SIGHUP, signal.SIG_DFL), pytest.raises(KeyboardInterrupt):
        hang_up()


def test_sigterm_interrupts_even_where_the_parent_ignores_it() -> None:
    with started_with(signal.SIGTERM, signal.SIG_IGN), pytest.raises(KeyboardInterrupt), interruptible():
        wait_after_it()
