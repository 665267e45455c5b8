"""A model server that the tests of server and client share."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from model.server.config import ServedModel
from tests import exports
from tests.servers import RunningServer, base_path, running_model_server

SERVED = (
    exports.half_plus_two,
    exports.retail_propensity,
    exports.several_signatures,
    exports.every_dtype,
    exports.vectors,
    exports.vocabulary,
    exports.scalar_output,
    exports.no_variables,
)


@pytest.fixture(scope="session")
def many_models(
    built: Callable[[Callable[[Path], Path]], Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningServer]:
    """Serves the exports of SERVED under their names as version 7. Its configuration must not be changed."""
    directory = tmp_path_factory.mktemp("many-models")
    bases = {build.__name__: base_path(directory / build.__name__, {7: built(build)}) for build in SERVED}
    models = [ServedModel(name, base, labels={"stable": 7}) for name, base in bases.items()]
    with running_model_server(directory, models) as server:
        yield server
