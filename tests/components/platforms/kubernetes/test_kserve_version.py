"""A KServe on which what is deployed could not be deleted again is refused before anything is."""

import json
from typing import Any

import pytest

from components.platforms.kubernetes.kserve_version import SCHEMA_PATH, is_too_old
from components.platforms.kubernetes.platform import KubernetesPlatform
from model.errors import ServingFailed
from model.release_layout import Release
from tests.components.platforms.kubernetes.api_server import ApiServer

RELEASE = Release("rpm", 1, "sha256:1", "gs://models/rpm/releases/1")


def test_an_old_kserve_is_refused_before_anything_is_deployed(server: ApiServer) -> None:
    server.schemas[SCHEMA_PATH] = {"properties": {"storageUri": {}}}

    with pytest.raises(ServingFailed, match=r"KServe 0\.16 or later.*Upgrade KServe"):
        KubernetesPlatform(server.connection()).deploy_candidate(RELEASE, run_id="run-1", timeout_s=1)

    assert server.objects == {}


@pytest.mark.parametrize(
    "schema", [{"storageUri": {}, "storageUris": {}}, {"x-kubernetes-preserve-unknown-fields": True}, {}]
)
def test_a_schema_that_names_the_new_field_or_none_is_not(schema: dict[str, Any]) -> None:
    assert not is_too_old(json.dumps(schema))


def test_where_the_schema_cannot_be_read_it_is_deployed(server: ApiServer) -> None:
    with pytest.raises(ServingFailed):  # nothing makes a Deployment of it
        KubernetesPlatform(server.connection()).deploy_candidate(RELEASE, run_id="run-1", timeout_s=0)

    assert "inferenceservices/rpm-candidate" in server.objects
