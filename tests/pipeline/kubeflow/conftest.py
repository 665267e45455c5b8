"""A stand-in for Kubeflow Pipelines, a machine without kfp's own settings, and a pipeline that is quick to read."""

import signal
from collections.abc import Iterator
from pathlib import Path

import kfp.client
import pytest
import yaml

from pipeline import environments
from tests.kfp_standin.script import Clock, Script
from tests.kfp_standin.server import Standin
from tests.kfp_standin.store import Store

#: Runs of three minutes take a third of a second.
SPEED = 500.0


@pytest.fixture(autouse=True)
def no_settings_of_kfp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kfp.client.Client, "_LOCAL_KFP_CONTEXT", str(tmp_path / "context.json"))


@pytest.fixture(scope="session")
def without_code(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The compiled pipeline without what its steps do and take: parameters and order are the same."""
    documents = list(yaml.load_all(environments.COMPILED.read_bytes(), Loader=yaml.CSafeLoader))
    executors, components = documents[0]["deploymentSpec"]["executors"], documents[0]["components"]
    documents[0]["deploymentSpec"]["executors"] = {name: {"container": {"image": "python"}} for name in executors}
    for name, component in components.items():
        components[name] = {key: component[key] for key in component.keys() & {"dag", "executorLabel"}}
    for group in (documents[0]["root"], *components.values()):
        for task in group.get("dag", {}).get("tasks", {}).values():
            del task["inputs"]
    path = tmp_path_factory.mktemp("pipeline") / "release_pipeline.yaml"
    path.write_text(yaml.dump_all(documents, Dumper=yaml.CSafeDumper, sort_keys=False), encoding="utf-8")
    return path


@pytest.fixture(autouse=True)
def small_pipeline(without_code: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is submitted where a test does not say otherwise."""
    monkeypatch.setattr(environments, "COMPILED", without_code)


@pytest.fixture
def standin() -> Iterator[Standin]:
    with Standin(Store(Clock(SPEED), Script())).running() as running:
        yield running


@pytest.fixture(autouse=True)
def terminal() -> Iterator[None]:
    """As started from a terminal: under nohup a command would mind that a closed one is to be ignored."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)
