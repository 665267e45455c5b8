"""Reaching the API server, or saying why not."""

import traceback
from pathlib import Path

import pytest
import yaml

from components.platforms.kubernetes.connection import (
    INFERENCE_SERVICES,
    NAMESPACE_VARIABLE,
    ClusterUnavailable,
    Connection,
)
from model.errors import InvalidValue, ServingFailed


def kubeconfig(path: Path, *, server: str, token: str = "t") -> str:
    context = {"name": "c", "context": {"cluster": "c", "user": "u", "namespace": "mlops"}}
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "c",
        "contexts": [context],
        "clusters": [{"name": "c", "cluster": {"server": server}}],
        "users": [{"name": "u", "user": {"token": token}}],
    }
    path.write_text(yaml.safe_dump(document))
    return str(path)


@pytest.fixture(autouse=True)
def outside_a_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("KUBERNETES_SERVICE_HOST", NAMESPACE_VARIABLE):
        monkeypatch.delenv(name, raising=False)


def test_the_namespace_is_the_contexts_unless_it_is_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", kubeconfig(tmp_path / "config", server="http://127.0.0.1:1"))

    of_context = Connection.from_environment()
    monkeypatch.setenv(NAMESPACE_VARIABLE, "releases")
    given = Connection.from_environment()

    assert (of_context.namespace, given.namespace) == ("mlops", "releases")


def test_without_a_cluster_the_message_says_what_to_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))
    monkeypatch.setenv("HOME", str(tmp_path))

    with pytest.raises(InvalidValue, match="KUBECONFIG"):
        Connection.from_environment()


def test_an_api_server_that_does_not_answer_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", kubeconfig(tmp_path / "config", server="http://127.0.0.1:1"))

    with pytest.raises(ClusterUnavailable, match=r"127\.0\.0\.1:1.*expected to read inferenceservices rpm"):
        Connection.from_environment().get(INFERENCE_SERVICES, "rpm")


def test_a_token_that_no_header_can_carry_is_told_without_showing_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    named = kubeconfig(tmp_path / "config", server="http://127.0.0.1:1", token="s3cret\nof two lines")
    monkeypatch.setenv("KUBECONFIG", named)

    with pytest.raises(ServingFailed, match="a token that no header can carry") as caught:
        Connection.from_environment(patient=False).get(INFERENCE_SERVICES, "rpm")

    assert "s3cret" not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"a: 2001-99-99\n"])
def test_a_kubeconfig_that_is_none_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    (tmp_path / "config").write_bytes(content)
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "config"))

    with pytest.raises(InvalidValue, match="KUBECONFIG"):
        Connection.from_environment()
