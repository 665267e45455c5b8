"""The web application over the real model server."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests import exports
from tests.webapp.servers import running_model_server, running_webapp, settings


@pytest.fixture(scope="package")
def served_models(tmp_path_factory: pytest.TempPathFactory, built: Callable[..., Path]) -> Iterator[str]:
    builders = (exports.every_dtype, exports.vectors, exports.keras_model, exports.half_plus_two)
    served = {build.__name__: built(build) for build in builders}
    served["rpm"] = built(exports.retail_propensity)
    with running_model_server(tmp_path_factory.mktemp("served"), served) as url:
        yield url


@pytest.fixture(scope="package")
def webapp_url(served_models: str) -> Iterator[str]:
    with running_webapp(settings(f"{served_models}/v1/models/rpm:predict")) as url:
        yield url
