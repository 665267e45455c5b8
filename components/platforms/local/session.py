"""What surrounds a run on one machine: nobody else releases the model meanwhile, what a killed run left is put right
first, the servers start while the first steps work, and at the end nothing is left that should not be.
"""

import logging
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import psutil

from components.platforms.local import servers, webapp
from components.platforms.local.environment import environment
from components.platforms.local.home import HOME_VARIABLE, Home
from components.platforms.local.locks import FileLock
from components.platforms.local.platform import LocalPlatform
from components.platforms.local.processes import MODEL_SERVER, OWNER_VARIABLE, STEP, WEBAPP, Owner, owned, stop
from components.recovery import put_right
from model.errors import ReleaseInProgress

log = logging.getLogger(__name__)

SHARED_ROLES = (MODEL_SERVER, WEBAPP)


@contextmanager
def session(home: Home, *, model_name: str, run_id: str, keep: bool = False) -> Iterator[LocalPlatform]:
    """Holds the model for one run.

    On leaving, however that comes about, the run's own processes are stopped, an unfinished promotion is undone, the
    candidate is removed, and the model server and the web application stop unless they are kept or another run uses
    them. Signals wait meanwhile, and each of these is done even if another fails.

    Raises:
        ReleaseInProgress: another run holds the model.
    """
    platform = LocalPlatform(home, run_id=run_id)
    with ExitStack() as leaving:  # what is pushed last is done first
        _hold(home, model_name, run_id=run_id, leaving=leaving)
        stop_leftovers(home)
        leaving.callback(stop_unused, home)
        _announce(home, run_id, leaving=leaving)
        if keep:
            leaving.callback(keep_servers, home)
        leaving.enter_context(environment(owner_of_steps(home, run_id)))
        leaving.callback(put_right, model_name, platform="local", run_id=run_id)
        leaving.callback(stop_steps, home, run_id)
        leaving.enter_context(_shield_on_exit())
        yield platform


def _hold(home: Home, model_name: str, *, run_id: str, leaving: ExitStack) -> None:
    lock = FileLock(home.lock(f"model-{model_name}"))
    if not lock.try_acquire(note=f"run {run_id}, process {os.getpid()}, since {time.strftime('%H:%M:%S')}"):
        raise _in_progress(model_name, holder=lock.note())
    leaving.callback(lock.release)


def _announce(home: Home, run_id: str, *, leaving: ExitStack) -> None:
    """Takes the locks that say that this run lives, and that it uses the home's servers."""
    running, using = FileLock(home.lock(f"run-{run_id}")), FileLock(home.lock("users"))
    running.acquire()
    leaving.callback(running.path.unlink, missing_ok=True)
    leaving.callback(running.release)
    using.acquire(shared=True)
    leaving.callback(using.release)


@contextmanager
def _shield_on_exit() -> Iterator[None]:
    """Ignores signals from the block's end on: what puts things back is not interrupted. Whoever installed handlers
    before the session restores them after it."""
    try:
        yield
    finally:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                signal.signal(number, signal.SIG_IGN)


def _in_progress(model_name: str, *, holder: str) -> ReleaseInProgress:
    return ReleaseInProgress(
        expected="no other run of this model",
        found=holder or "another run",
        where=f"model {model_name}",
        do="Wait until it has ended, or stop it.",
    )


def owner_of_steps(home: Home, run_id: str) -> dict[str, str]:
    """What the steps, started by the pipeline engine, inherit: which home, and who started them."""
    return {HOME_VARIABLE: str(home.root), OWNER_VARIABLE: str(Owner(str(home.root), run_id, STEP))}


def stop_steps(home: Home, run_id: str) -> None:
    """Stops the run's own steps, with all that they have started."""
    own = Owner(str(home.root), run_id, STEP)
    stop([process for process, owner in owned(home.root) if owner == own], grace_s=1.0)


def stop_leftovers(home: Home) -> None:
    """Stops what runs that are no more left running: their steps and candidates, and servers that nobody uses."""
    processes = [
        process
        for process, owner in owned(home.root)
        if owner.role not in SHARED_ROLES and not is_running(home, owner.run_id)
    ]
    if processes:
        log.info("stopping %d processes that an earlier run left", len(processes))
        stop(processes, grace_s=1.0)
    for path in home.lock("x").parent.glob("run-*.lock"):
        if not is_running(home, path.stem.removeprefix("run-")):
            path.unlink(missing_ok=True)
    stop_unused(home)


def is_running(home: Home, run_id: str) -> bool:
    """Whether the run's own process still holds its lock."""
    path = home.lock(f"run-{run_id}")
    if not path.exists():
        return False
    lock = FileLock(path)
    free = lock.try_acquire(shared=True)
    lock.release()
    return not free


def stop_unused(home: Home) -> None:
    """Stops the model server and the web application, unless they are kept or a run uses them."""
    users = FileLock(home.lock("users"))
    if not users.try_acquire():
        return
    try:
        kept = {record.process.pid for record in shared_records(home) if record.kept}
        stop([process for process in shared_processes(home) if process.pid not in kept])
        forget_stopped(home)
    finally:
        users.release()


def keep_servers(home: Home) -> None:
    """Lets the model server and the web application outlive the runs that use them."""
    servers.mark_kept(home.serving / "server.json")
    webapp.mark_kept(home)


def stop_kept(home: Home) -> list[int]:
    """Stops the model server and the web application, kept or not.

    Returns:
        The numbers of the processes that were stopped.
    """
    processes = shared_processes(home)
    stop(processes)
    forget_stopped(home)
    return [process.pid for process in processes]


def shared_processes(home: Home) -> list[psutil.Process]:
    """The processes in the shared roles, whether recorded (such as a foreground `serve`) or only marked."""
    marked = [process for process, owner in owned(home.root) if owner.role in SHARED_ROLES]
    recorded = [record.process.process() for record in shared_records(home)]
    return [*marked, *(process for process in recorded if process is not None and process not in marked)]


def forget_stopped(home: Home) -> None:
    """Removes the records of servers that run no more."""
    if servers.read_record(home.serving / "server.json") is None:
        (home.serving / "server.json").unlink(missing_ok=True)
    if webapp.read_record(home) is None:
        (home.serving / "webapp.json").unlink(missing_ok=True)


def shared_records(home: Home) -> list[servers.ServerRecord | webapp.WebappRecord]:
    found = (servers.read_record(home.serving / "server.json"), webapp.read_record(home))
    return [record for record in found if record is not None]


def start_ahead(platform: LocalPlatform, *, model_name: str) -> None:
    """Starts the servers that later steps need, so that they import TensorFlow while the first steps work."""
    platform.write_models_config()
    servers.ensure_live_server(platform.home, run_id=platform.run_id)
    platform.ensure_webapp(model_name)
    if not servers.uses_tensorflow_serving():
        servers.ensure_candidate_server(platform.home, model_name, run_id=platform.run_id)
