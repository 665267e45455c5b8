"""gRPC behind TensorFlow Serving's --ssl_config_file."""

from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from google.protobuf import text_format

from model.errors import InvalidValue
from model.protos import config_pb2, serving_pb2
from model.server.config import ServedModel
from model.server.ssl_config import read_credentials
from tests.model.certificates import Authority
from tests.servers import RunningServer, base_path, running_model_server

AUTHORITY = Authority()


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory, half_plus_two: Path) -> Iterator[RunningServer]:
    """Answers gRPC over TLS, to clients that the same authority has certified."""
    directory = tmp_path_factory.mktemp("guarded")
    server = AUTHORITY.certify("127.0.0.1")
    config = config_pb2.SSLConfig(
        server_key=server.key, server_cert=server.certificate, custom_ca=AUTHORITY.pem, client_verify=True
    )
    (directory / "ssl.config").write_text(text_format.MessageToString(config))
    model = ServedModel("half_plus_two", base_path(directory / "half_plus_two", {1: half_plus_two}))
    with running_model_server(directory, [model], flags=[f"--ssl_config_file={directory}/ssl.config"]) as running:
        yield running


def _status(channel: grpc.Channel) -> serving_pb2.GetModelStatusResponse:
    stub = channel.unary_unary(
        "/tensorflow.serving.ModelService/GetModelStatus",
        request_serializer=lambda message: message.SerializeToString(),
        response_deserializer=serving_pb2.GetModelStatusResponse.FromString,
    )
    spec = serving_pb2.ModelSpec(name="half_plus_two")
    return stub(serving_pb2.GetModelStatusRequest(model_spec=spec), timeout=20)


def test_a_certified_client_is_answered(guarded: RunningServer) -> None:
    client = AUTHORITY.certify("client")
    credentials = grpc.ssl_channel_credentials(AUTHORITY.pem, client.key, client.certificate)

    with grpc.secure_channel(guarded.grpc_target, credentials) as channel:
        assert _status(channel).model_version_status[0].version == 1


@pytest.mark.parametrize("client", ["without a certificate", "in the clear"])
def test_others_are_not(guarded: RunningServer, client: str) -> None:
    secure = grpc.secure_channel(guarded.grpc_target, grpc.ssl_channel_credentials(AUTHORITY.pem))
    channel = secure if client == "without a certificate" else grpc.insecure_channel(guarded.grpc_target)

    with secure, channel, pytest.raises(grpc.RpcError) as caught:
        _status(channel)

    assert caught.value.code() == grpc.StatusCode.UNAVAILABLE


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (None, "No such file"),
        (b"\xff\xfe", "utf-8"),
        (b"server_key: secret", "another text"),
        (b'server_key: "secret"', "without key, certificate"),
        (b'server_key: "secret" server_cert: "c" client_verify: true', "the authority of clients"),
    ],
)
def test_a_file_that_is_none_is_refused_without_showing_what_is_in_it(
    text: bytes | None, found: str, tmp_path: Path
) -> None:
    path = tmp_path / "ssl.config"
    if text is not None:
        path.write_bytes(text)

    with pytest.raises(InvalidValue, match="--ssl_config_file") as caught:
        read_credentials(str(path))

    assert found in caught.value.found
    assert "secret" not in str(caught.value)
