"""Servers for the tests of the web application."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.webapp.servers import FakeModelServer, running_model_server, running_webapp, settings


@pytest.fixture
def fake_model() -> Iterator[FakeModelServer]:
    with FakeModelServer().running() as server:
        yield server


@pytest.fixture
def webapp_url(fake_model: FakeModelServer) -> Iterator[str]:
    """The web application over `fake_model`, with a short timeout."""
    with running_webapp(settings(fake_model.url, "--timeout-s", "0.5")) as url:
        yield url


@pytest.fixture(scope="package")
def served_models(tmp_path_factory: pytest.TempPathFactory, built: Callable[..., Path]) -> Iterator[str]:
    """The real model server over real exports."""
    from tests import bad_exports, exports

    builders = (exports.every_dtype, exports.vectors, exports.several_signatures, exports.keras_model)
    served = {build.__name__: built(build) for build in (*builders, exports.vocabulary, bad_exports.nan_for_negative)}
    served["rpm"] = built(exports.retail_propensity)
    with running_model_server(tmp_path_factory.mktemp("served"), served) as url:
        yield url


@pytest.fixture(scope="package")
def real_webapp(served_models: str) -> Iterator[str]:
    """The web application over the real model server."""
    with running_webapp(settings(f"{served_models}/v1/models/rpm:predict")) as url:
        yield url
