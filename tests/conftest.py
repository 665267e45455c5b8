"""Fixtures for all tests: every export of tests/exports.py and tests/bad_exports.py, by its name."""

import gc
import inspect
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest
from filelock import FileLock

from model.sample.visits import write_visits
from tests import bad_exports, exports

Build = Callable[[Path], Path]
#: Fixtures `gcs_server` and `gcs_bucket`.
pytest_plugins = ["tests.gcs"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Each worker begins with its share of the slow tests, so that none idles while another one is at its last: xdist
    hands each an equal part of the list, and who has no more takes from the end of another's."""
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    runs = [item for item in items if item.get_closest_marker("cluster") is None]
    slow = [item for item in runs if item.get_closest_marker("slow")]
    others = set(items) - set(slow)
    fast = [item for item in items if item in others]
    ordered: list[pytest.Item] = []
    for worker in range(workers):
        share = slow[worker::workers]
        room = max(0, (worker + 1) * len(items) // workers - len(ordered) - len(share))
        ordered += [*share, *fast[:room]]
        fast = fast[room:]
    items[:] = [*ordered, *fast]


@pytest.fixture(scope="session")
def shared_directory(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """One directory for all workers of this session."""
    base = tmp_path_factory.getbasetemp()
    return base if worker_id == "master" else base.parent


@pytest.fixture(scope="session", autouse=True)
def thawed() -> Iterator[None]:
    """A test that loads a model freezes the heap; plugins that look objects up when the session ends must find them."""
    yield
    gc.unfreeze()


@pytest.fixture(scope="session")
def built(shared_directory: Path) -> Callable[[Build], Path]:
    """Builds an export once per session, whatever the number of workers. Copy it before you change it."""

    def build_once(build: Build) -> Path:
        directory = shared_directory / "exports" / build.__name__
        directory.parent.mkdir(exist_ok=True)
        with FileLock(directory.with_name(f"{directory.name}.lock")):
            if not (directory / "complete").exists():
                shutil.rmtree(directory, ignore_errors=True)
                build(directory / "export")
                (directory / "complete").touch()
        return directory / "export"

    return build_once


def _fixture(build: Build) -> object:
    def export(built: Callable[[Build], Path]) -> Path:
        return built(build)

    export.__doc__ = build.__doc__
    return pytest.fixture(scope="session", name=build.__name__)(export)


def _builders(module: ModuleType) -> dict[str, Build]:
    """The public functions defined in the module that take a directory only."""
    functions = inspect.getmembers(module, inspect.isfunction)
    own = {name: function for name, function in functions if function.__module__ == module.__name__}
    return {name: build for name, build in own.items() if list(inspect.signature(build).parameters) == ["directory"]}


BUILDERS = {
    name: build for module in (exports, bad_exports) for name, build in _builders(module).items() if name[0] != "_"
}
globals().update({name: _fixture(build) for name, build in BUILDERS.items()})


@pytest.fixture(scope="session")
def visits(shared_directory: Path) -> Path:
    """200 rows for the sample model."""
    path = shared_directory / "visits.csv"
    with FileLock(path.with_suffix(".lock")):
        write_visits(path, rows=200)
    return path
