"""What cluster/ gives: manifests that the API server takes, and rights that suffice and go no further."""

import pytest

from components.platforms.kubernetes.connection import INFERENCE_SERVICES, Connection
from model.errors import ServingFailed
from tests.cluster.conftest import BASE, kubectl, may

pytestmark = pytest.mark.cluster

SERVING, SPARK = "serving.kserve.io", "sparkoperator.k8s.io"


def test_every_manifest_passes_strict_validation(namespace: str) -> None:
    arguments = ("--dry-run=server", "--validate=strict", "--namespace", namespace)

    told = kubectl("apply", *arguments, "--kustomize", str(BASE))

    assert "rolebinding.rbac.authorization.k8s.io/savedmodel-release " in told


@pytest.mark.parametrize(
    ("verb", "group", "resource"),
    [
        *[(verb, SERVING, "inferenceservices") for verb in ("get", "create", "patch", "delete")],
        *[(verb, SPARK, "sparkapplications") for verb in ("get", "create", "delete")],
        *[(verb, "", "configmaps") for verb in ("get", "create", "patch")],
        *[("list", "", resource) for resource in ("pods", "events")],
        ("get", "apps", "deployments"),
        ("get", "", "services"),
        ("get", "", "pods/log"),
    ],
)
def test_the_pipelines_account_has_what_it_uses(connection: Connection, verb: str, group: str, resource: str) -> None:
    assert may(connection, verb, group=group, resource=resource)


@pytest.mark.parametrize(
    ("verb", "group", "resource"),
    [
        ("get", "", "secrets"),
        ("create", "", "pods"),
        ("create", "", "pods/exec"),
        ("delete", "", "pods"),
        ("patch", "apps", "deployments"),
        ("create", "rbac.authorization.k8s.io", "rolebindings"),
        ("create", SERVING, "servingruntimes"),
    ],
)
def test_and_nothing_more(connection: Connection, verb: str, group: str, resource: str) -> None:
    assert not may(connection, verb, group=group, resource=resource)


def test_a_missing_right_is_named_with_what_mends_it(connection: Connection) -> None:
    elsewhere = Connection(connection.api, "default")

    with pytest.raises(ServingFailed, match=r"403 Forbidden.*inferenceservices.*apply cluster/base"):
        elsewhere.get(INFERENCE_SERVICES, "rpm")
