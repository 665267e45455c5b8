"""The engine of a run on this machine: what it leaves when it is interrupted."""

import os
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from kfp import dsl
from kfp.compiler import Compiler
from rich.console import Console

from components.platforms.local.environment import environment
from components.platforms.local.home import Home
from components.platforms.local.session import owner_of_steps
from pipeline.engine import RunRequest, execute
from pipeline.interruption import interruptible
from tests.pipeline.runs import processes_of


@dsl.component(base_image="python:3.11-slim")
def write_many_files() -> None:
    import itertools
    import tempfile
    from pathlib import Path

    directory = Path(tempfile.gettempdir()) / "many"
    for number in itertools.count():
        directory.mkdir(exist_ok=True)
        (directory / str(number)).touch()


@dsl.pipeline(name="busy")
def busy(model_name: str) -> None:
    write_many_files()


@pytest.fixture
def temporary_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    directory = tmp_path / "temporary"
    directory.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(directory))
    return directory


@pytest.fixture
def interrupt_when() -> Iterator[Callable[[Callable[[], bool]], None]]:
    threads = []

    def wait_and_interrupt(condition: Callable[[], bool]) -> None:
        give_up = time.monotonic() + 60
        while not condition() and time.monotonic() < give_up:
            time.sleep(0.05)
        os.kill(os.getpid(), signal.SIGTERM)

    def start(condition: Callable[[], bool]) -> None:
        threads.append(threading.Thread(target=wait_and_interrupt, args=(condition,)))
        threads[-1].start()

    yield start
    for thread in threads:
        thread.join()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # kfp does not wait for it: we do
def test_a_step_that_writes_while_the_run_is_interrupted_does_not_stand_in_the_way(
    tmp_path: Path, temporary_files: Path, interrupt_when: Callable[[Callable[[], bool]], None]
) -> None:
    Compiler().compile(busy, str(tmp_path / "busy.yaml"))
    home = Home.at(tmp_path / "home")
    request = RunRequest((tmp_path / "busy.yaml").read_text(), {"model_name": "rpm"}, home)
    directory = home.run("run-1")
    directory.mkdir(parents=True)
    interrupt_when(lambda: bool(list(temporary_files.glob("*/many/99"))))

    with pytest.raises(KeyboardInterrupt), interruptible(), environment(owner_of_steps(home, "run-1")):
        execute(request, directory, console=Console(stderr=True))

    assert list(temporary_files.iterdir()) == []
    assert processes_of(home.root) == []
