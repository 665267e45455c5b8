"""A stand-in for Kubeflow Pipelines, and a machine without kfp's own settings."""

from collections.abc import Iterator
from pathlib import Path

import kfp.client
import pytest

from tests.kfp_standin.script import Clock, Script
from tests.kfp_standin.server import Standin
from tests.kfp_standin.store import Store

#: Runs of three minutes take a third of a second.
SPEED = 500.0


@pytest.fixture(autouse=True)
def no_settings_of_kfp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kfp.client.Client, "_LOCAL_KFP_CONTEXT", str(tmp_path / "context.json"))


@pytest.fixture
def standin() -> Iterator[Standin]:
    with Standin(Store(Clock(SPEED), Script())).running() as running:
        yield running
