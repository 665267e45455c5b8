"""TensorFlow Serving's gRPC: PredictionService (Predict, GetModelMetadata), ModelService (GetModelStatus)."""

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NoReturn

import grpc
from google.protobuf.message import Message

from model.errors import PredictionFailed
from model.protocol import CODES, STATE_NUMBERS
from model.protos import serving_pb2
from model.server.flags import ServerSettings
from model.server.listening import listen
from model.server.loading import refused, wire_message
from model.server.served_models import ModelRequest, ServedModels
from model.server.signature_answers import message_of
from model.server.ssl_config import read_credentials
from model.tensors import from_message, to_message

log = logging.getLogger(__name__)

SIGNATURE_DEF = "signature_def"
SIGNATURE_DEF_TYPE = "type.googleapis.com/tensorflow.serving.SignatureDefMap"
OPTIONS: dict[str, int | str] = {
    "grpc.max_send_message_length": -1,
    "grpc.max_receive_message_length": -1,
    # Otherwise a second server shares the port in silence, and requests go to either.
    "grpc.so_reuseport": 0,
}


def start_grpc(models: ServedModels, settings: ServerSettings) -> grpc.Server:
    """A server that listens there.

    Raises:
        ServingFailed: the address cannot be listened on.
        InvalidValue: the file of keys and certificates is none.
    """
    credentials = read_credentials(settings.ssl_config_file) if settings.ssl_config_file else None
    host, port = settings.host, settings.grpc_port
    # gRPC itself would fail with a line of its own in C++ and no reason in the exception.
    listen(host, port, what="gRPC").close()
    threads = ThreadPoolExecutor(settings.grpc_threads, thread_name_prefix="grpc")
    server = grpc.server(threads, options=list(_options(settings).items()))
    service = GrpcApi(models)
    server.add_generic_rpc_handlers((_prediction_service(service), _model_service(service)))
    address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    server.add_secure_port(address, credentials) if credentials else server.add_insecure_port(address)
    server.start()
    return server


def _options(settings: ServerSettings) -> dict[str, int | str]:
    """A server that stops cancels calls that come in that moment (CANCELLED, measured). One that asks its clients to
    connect anew, which gRPC does without losing a call, and does so twice in a drain, has no clients left then."""
    renewal = {"grpc.max_connection_age_ms": int(settings.drain_s * 500)} if settings.drain_s else {}
    return {**OPTIONS, **renewal, **settings.grpc_arguments}


def _prediction_service(service: "GrpcApi") -> grpc.GenericRpcHandler:
    methods = {
        "Predict": _method(service.predict, serving_pb2.PredictRequest),
        "GetModelMetadata": _method(service.metadata, serving_pb2.GetModelMetadataRequest),
    }
    return grpc.method_handlers_generic_handler("tensorflow.serving.PredictionService", methods)


def _model_service(service: "GrpcApi") -> grpc.GenericRpcHandler:
    methods = {"GetModelStatus": _method(service.status, serving_pb2.GetModelStatusRequest)}
    return grpc.method_handlers_generic_handler("tensorflow.serving.ModelService", methods)


def _method(call: Callable[[Any], Message], request: type[Message]) -> grpc.RpcMethodHandler:
    def answer(message: Any, context: grpc.ServicerContext) -> Message:
        try:
            return call(message)
        except PredictionFailed as error:
            _abort(context, error.code, wire_message(error))
        except ValueError as error:
            _abort(context, "INVALID_ARGUMENT", str(error))

    return grpc.unary_unary_rpc_method_handler(
        answer, request_deserializer=request.FromString, response_serializer=lambda reply: reply.SerializeToString()
    )


def _abort(context: grpc.ServicerContext, code: str, message: str) -> NoReturn:
    context.abort(grpc.StatusCode[code], message)
    raise AssertionError("abort raises")


class GrpcApi:
    """What the methods do. They raise PredictionFailed, and ValueError for a tensor that cannot be read."""

    def __init__(self, models: ServedModels) -> None:
        self._models = models

    def predict(self, request: serving_pb2.PredictRequest) -> serving_pb2.PredictResponse:
        name = request.model_spec.signature_name or "serving_default"
        inputs = {key: _array(key, message) for key, message in request.inputs.items()}
        with self._models.lease(_asked(request.model_spec)) as (key, servable):
            outputs = servable.predict(name, inputs, outputs=tuple(request.output_filter))
        reply = serving_pb2.PredictResponse(
            outputs={output: to_message(array) for output, array in outputs.items()},
        )
        reply.model_spec.name, reply.model_spec.signature_name = key.model, name
        reply.model_spec.version.value = key.number
        return reply

    def metadata(self, request: serving_pb2.GetModelMetadataRequest) -> serving_pb2.GetModelMetadataResponse:
        unknown = [field for field in request.metadata_field if field != SIGNATURE_DEF]
        if unknown or not request.metadata_field:
            raise refused(f"Metadata field {unknown[0]} is not supported" if unknown else "no metadata_field")
        with self._models.lease(_asked(request.model_spec)) as (key, servable):
            signatures = {name: message_of(signature) for name, signature in servable.signatures.items()}
        reply = serving_pb2.GetModelMetadataResponse()
        reply.model_spec.name = key.model
        reply.model_spec.version.value = key.number
        found = serving_pb2.SignatureDefMap(signature_def=signatures)
        reply.metadata[SIGNATURE_DEF].type_url = SIGNATURE_DEF_TYPE
        reply.metadata[SIGNATURE_DEF].value = found.SerializeToString()
        return reply

    def status(self, request: serving_pb2.GetModelStatusRequest) -> serving_pb2.GetModelStatusResponse:
        reply = serving_pb2.GetModelStatusResponse()
        for version in self._models.statuses(_asked(request.model_spec)):
            status = reply.model_version_status.add(version=version.key.number, state=STATE_NUMBERS[version.state])
            status.status.error_code = CODES.index(version.error_code)
            status.status.error_message = version.error_message
        return reply


def _asked(spec: serving_pb2.ModelSpec) -> ModelRequest:
    if not spec.name:
        raise refused("Missing ModelSpec")
    return ModelRequest(
        spec.name, version=spec.version.value if spec.HasField("version") else None, label=spec.version_label
    )


def _array(name: str, message: Any) -> Any:
    try:
        return from_message(message)
    except ValueError as error:
        raise refused(f"input {name}: {error}") from error
