"""Warm-up requests that stand beside a SavedModel: TensorFlow Serving's assets.extra/tf_serving_warmup_requests."""

from pathlib import Path
from typing import TYPE_CHECKING

from google.protobuf.message import DecodeError

from model.errors import ServingFailed
from model.protos import config_pb2
from model.tensors import from_message

if TYPE_CHECKING:
    from model.server.servable import Servable

WARMUP_FILE = "assets.extra/tf_serving_warmup_requests"
#: TensorFlow Serving refuses more (servables/tensorflow/saved_model_warmup_util.h).
MAX_RECORDS = 1000


def replay(servable: "Servable", directory: Path) -> int:
    """Sends the recorded predict requests to the model; returns how many.

    Raises:
        ServingFailed: the file is damaged or holds more than MAX_RECORDS.
        PredictionFailed: the model refuses a record, as it would in TensorFlow Serving.
    """
    path = directory / WARMUP_FILE
    if not path.exists():
        return 0
    records = _records(path)
    for record in records:
        request = record.predict_log.request
        inputs = {name: from_message(message) for name, message in request.inputs.items()}
        name = request.model_spec.signature_name or "serving_default"
        servable.predict(name, inputs, outputs=tuple(request.output_filter))
    return len(records)


def _records(path: Path) -> list[config_pb2.PredictionLog]:
    from model.server.servable import import_tensorflow

    tf = import_tensorflow()
    records = []
    try:
        for data in tf.compat.v1.io.tf_record_iterator(str(path)):
            records.append(config_pb2.PredictionLog.FromString(data))
            if len(records) > MAX_RECORDS:
                raise _damaged(path, f"more than {MAX_RECORDS}")
    except (tf.errors.DataLossError, DecodeError) as error:
        raise _damaged(path, f"{type(error).__name__} in record {len(records)}") from error
    return [record for record in records if record.HasField("predict_log")]


def _damaged(path: Path, found: str) -> ServingFailed:
    return ServingFailed(
        expected=f"a TFRecord file of at most {MAX_RECORDS} PredictionLogs", found=found, where=str(path)
    )
