"""What the prediction client does not send, or does not show, of TensorFlow Serving's gRPC."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from model.protos import serving_pb2, tensor_pb2
from model.server.config import ServedModel
from tests.servers import RunningServer, base_path, running_model_server

Call = Callable[..., Any]

RESPONSES = {
    "PredictionService/Predict": serving_pb2.PredictResponse,
    "PredictionService/GetModelMetadata": serving_pb2.GetModelMetadataResponse,
    "PredictionService/Classify": serving_pb2.PredictResponse,
    "ModelService/GetModelStatus": serving_pb2.GetModelStatusResponse,
}


@contextlib.contextmanager
def calls(server: RunningServer) -> Iterator[Call]:
    with grpc.insecure_channel(server.grpc_target) as channel:

        def call_one(method: str, request: Any) -> Any:
            stub = channel.unary_unary(
                f"/tensorflow.serving.{method}",
                request_serializer=lambda message: message.SerializeToString(),
                response_deserializer=RESPONSES[method].FromString,
            )
            return stub(request, timeout=30)

        yield call_one


@pytest.fixture
def call(many_models: RunningServer) -> Iterator[Call]:
    with calls(many_models) as call_one:
        yield call_one


def _request(model: str = "half_plus_two", **spec: Any) -> serving_pb2.PredictRequest:
    request = serving_pb2.PredictRequest(model_spec=serving_pb2.ModelSpec(name=model, **spec))
    tensor = tensor_pb2.Tensor(dtype=1, float_val=[1, 2, 5])
    tensor.tensor_shape.dim.add(size=3)
    request.inputs["x"].CopyFrom(tensor)
    return request


def test_lists_of_values_are_taken_and_raw_bytes_answered(call: Call) -> None:
    answer = call("PredictionService/Predict", _request())

    assert len(answer.outputs["y"].tensor_content) == 12
    assert not answer.outputs["y"].float_val
    assert [dim.size for dim in answer.outputs["y"].tensor_shape.dim] == [3]


def test_the_answer_names_model_version_and_signature(call: Call) -> None:
    answer = call("PredictionService/Predict", _request(version_label="stable"))

    assert answer.model_spec.name == "half_plus_two"
    assert answer.model_spec.version.value == 7
    assert answer.model_spec.signature_name == "serving_default"


def test_metadata_are_tensorflow_servings_own_message(call: Call) -> None:
    request = serving_pb2.GetModelMetadataRequest(metadata_field=["signature_def"])
    request.model_spec.name = "half_plus_two"

    answer = call("PredictionService/GetModelMetadata", request)

    packed = answer.metadata["signature_def"]
    assert packed.type_url == "type.googleapis.com/tensorflow.serving.SignatureDefMap"
    signature = serving_pb2.SignatureDefMap.FromString(packed.value).signature_def["serving_default"]
    assert signature.inputs["x"].name == "x:0"


def test_status_of_one_version(call: Call) -> None:
    request = serving_pb2.GetModelStatusRequest()
    request.model_spec.name = "half_plus_two"
    request.model_spec.version.value = 7

    (status,) = call("ModelService/GetModelStatus", request).model_version_status

    assert (status.version, status.state, status.status.error_code) == (7, 30, 0)


def _with(tensor: tensor_pb2.Tensor) -> serving_pb2.PredictRequest:
    request = _request()
    request.inputs["x"].CopyFrom(tensor)
    return request


@pytest.mark.parametrize(
    ("method", "request_message", "code", "details"),
    [
        ("PredictionService/Predict", serving_pb2.PredictRequest(), "INVALID_ARGUMENT", "Missing ModelSpec"),
        ("PredictionService/Predict", _request("none"), "NOT_FOUND", "Servable not found for request: Latest(none)"),
        ("PredictionService/Predict", _request(version_label="x"), "INVALID_ARGUMENT", "Unrecognized"),
        ("PredictionService/Predict", _with(tensor_pb2.Tensor(dtype=8)), "INVALID_ARGUMENT", "input x"),
        ("PredictionService/Predict", _with(tensor_pb2.Tensor(dtype=3, int_val=[1])), "INVALID_ARGUMENT", "int32"),
        (
            "PredictionService/GetModelMetadata",
            serving_pb2.GetModelMetadataRequest(
                model_spec=serving_pb2.ModelSpec(name="half_plus_two"), metadata_field=["x"]
            ),
            "INVALID_ARGUMENT",
            "Metadata field x is not supported",
        ),
        ("PredictionService/Classify", _request(), "UNIMPLEMENTED", ""),
    ],
)
def test_a_refused_call_has_its_code(call: Call, method: str, request_message: Any, code: str, details: str) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        call(method, request_message)

    assert caught.value.code().name == code
    assert details in caught.value.details()


def test_channel_arguments_of_the_command_line_go_before_the_servers_own(tmp_path: Path, half_plus_two: Path) -> None:
    request = serving_pb2.GetModelStatusRequest(model_spec=serving_pb2.ModelSpec(name="m" * 2000))
    flags = ["--grpc_channel_arguments=grpc.max_receive_message_length=1000"]
    model = ServedModel("half_plus_two", base_path(tmp_path / "half_plus_two", {1: half_plus_two}))
    with (
        running_model_server(tmp_path, [model], flags=flags) as server,
        calls(server) as call_one,
        pytest.raises(grpc.RpcError) as caught,
    ):
        call_one("ModelService/GetModelStatus", request)

    assert caught.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
