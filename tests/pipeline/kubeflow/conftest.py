"""A stand-in for Kubeflow Pipelines, a machine without kfp's own settings, and a pipeline that is quick to read."""

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
    """The compiled pipeline without the code that its steps carry: a tenth of it."""
    documents = list(yaml.load_all(environments.COMPILED.read_bytes(), Loader=yaml.CSafeLoader))
    for executor in documents[0]["deploymentSpec"]["executors"].values():
        executor["container"]["command"] = ["python3"]
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
