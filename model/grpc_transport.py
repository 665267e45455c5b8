"""TensorFlow Serving's gRPC services, called with this project's own messages."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from google.protobuf.message import DecodeError, Message

from model.arrays import Array
from model.call_errors import unreadable, unsendable
from model.endpoint import Endpoint
from model.endpoint_access import Access
from model.prediction_client import VersionStatus
from model.protocol import STATES, code_name
from model.protos import serving_pb2
from model.signature import Signature
from model.signature_messages import INTERNAL_PREFIX, signature_of
from model.tensors import from_message, to_message

M = TypeVar("M", bound=Message)

OPTIONS = [
    ("grpc.max_send_message_length", -1),
    ("grpc.max_receive_message_length", -1),
    # A server that was restarted is found again in a moment, not after the usual two minutes.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 2000),
    # Endpoints are named hosts of the cluster or this machine: a proxy for the outer world does not know them.
    ("grpc.enable_http_proxy", 0),
]


class GrpcTransport:
    """One channel; numeric tensors travel as raw bytes."""

    def __init__(self, endpoint: Endpoint) -> None:
        import grpc

        self._endpoint, self._access = endpoint, Access.of_environment()
        self._where = f"model {endpoint.model_name} at {endpoint.grpc_target}"
        options = [*OPTIONS, ("grpc.default_authority", endpoint.host)] if endpoint.host else OPTIONS
        if endpoint.rest_url.startswith("https:"):
            authority = self._access.authority()
            credentials = grpc.ssl_channel_credentials(authority.read_bytes() if authority else None)
            self._channel = grpc.secure_channel(endpoint.grpc_target, credentials, options)
        else:
            self._channel = grpc.insecure_channel(endpoint.grpc_target, options)
        self._predict = self._method("PredictionService/Predict", serving_pb2.PredictResponse)
        self._metadata = self._method("PredictionService/GetModelMetadata", serving_pb2.GetModelMetadataResponse)
        self._status = self._method("ModelService/GetModelStatus", serving_pb2.GetModelStatusResponse)

    def _method(self, name: str, response: type[M]) -> Callable[..., M]:
        import grpc

        stub = self._channel.unary_unary(
            f"/tensorflow.serving.{name}",
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=response.FromString,
        )

        def call(request: Message, *, timeout_s: float) -> M:
            token = self._access.token()
            metadata = [("authorization", f"Bearer {token}")] if token else []
            try:
                answer: M = stub(request, timeout=timeout_s, metadata=metadata)
            except grpc.RpcError as error:
                code, details = error.code().name, error.details() or ""
                quoted = token and token in details  # then a traceback must not show the error itself
                failure = self._access.failed(code, details, where=self._where, token=token)
                raise failure from (None if quoted else error)
            return answer

        return call

    def predict(
        self, inputs: Mapping[str, Array], *, signature_name: str, outputs: Sequence[str], timeout_s: float
    ) -> dict[str, Array]:
        request = serving_pb2.PredictRequest(model_spec=self._spec(signature_name), output_filter=outputs)
        for name, array in inputs.items():
            request.inputs[name].CopyFrom(self._message(name, array))
        answer = self._predict(request, timeout_s=timeout_s)
        try:
            return {name: from_message(message) for name, message in answer.outputs.items()}
        except ValueError as error:
            raise unreadable(error, where=self._where) from error

    def _message(self, name: str, array: Array) -> Any:
        try:
            return to_message(array)
        except ValueError as error:
            raise unsendable(error, where=f"{self._where}, input {name}") from error

    def _spec(self, signature_name: str = "") -> serving_pb2.ModelSpec:
        spec = serving_pb2.ModelSpec(name=self._endpoint.model_name, signature_name=signature_name)
        if self._endpoint.version:
            spec.version.value = self._endpoint.version
        return spec

    def status(self, *, timeout_s: float) -> tuple[VersionStatus, ...]:
        spec = serving_pb2.ModelSpec(name=self._endpoint.model_name)
        answer = self._status(serving_pb2.GetModelStatusRequest(model_spec=spec), timeout_s=timeout_s)
        return tuple(
            VersionStatus(
                version=each.version,
                state=STATES.get(each.state, "UNKNOWN"),
                error_code=code_name(each.status.error_code),
                error_message=each.status.error_message,
            )
            for each in answer.model_version_status
        )

    def metadata(self, *, timeout_s: float) -> dict[str, Signature]:
        request = serving_pb2.GetModelMetadataRequest(model_spec=self._spec(), metadata_field=["signature_def"])
        answer = self._metadata(request, timeout_s=timeout_s)
        try:
            # The type's full name in the Any is TensorFlow Serving's, not that of the message here.
            found = serving_pb2.SignatureDefMap.FromString(answer.metadata["signature_def"].value).signature_def
        except DecodeError as error:
            raise unreadable(error, where=self._where) from error
        return {name: signature_of(name, found[name]) for name in found if not name.startswith(INTERNAL_PREFIX)}

    def close(self) -> None:
        self._channel.close()
