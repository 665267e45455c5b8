"""Fixtures for tests of what speaks to an API server."""

from collections.abc import Iterator

import pytest

from tests.components.platforms.kubernetes.api_server import ApiServer, api_server


@pytest.fixture
def server() -> Iterator[ApiServer]:
    with api_server() as started:
        yield started
