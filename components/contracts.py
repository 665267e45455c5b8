"""What the steps hand to each other, besides model.signature.Signature, model.release_layout.Release and
model.endpoint.Endpoint. All travel as JSON."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from model import json_codec
from model.signature import Signature


@dataclass(frozen=True)
class Inspection:
    """What inspect_signature found. `export_uri` is the resolved SavedModel directory; `digest` is over its files;
    `version_hint` is the number in the directory's name (`V_36`: 36), or 0."""

    export_uri: str
    digest: str
    version_hint: int
    signature: Signature

    def to_json(self) -> str:
        return json_codec.to_json(self)

    @classmethod
    def from_json(cls, text: str | bytes) -> "Inspection":
        return json_codec.from_json(cls, text)


@dataclass(frozen=True)
class Expectations:
    """Sample rows, and what the model itself answers to them in process.

    inputs, outputs: by tensor name, nested lists in TensorFlow Serving's column format, `rows` long. Strings are JSON
    strings, or {"b64": …} where they are not UTF-8.
    """

    signature: Signature
    rows: int
    inputs: Mapping[str, Any]
    outputs: Mapping[str, Any]

    def to_json(self) -> str:
        return json_codec.to_json(self)

    @classmethod
    def from_json(cls, text: str | bytes) -> "Expectations":
        return json_codec.from_json(cls, text)


@dataclass(frozen=True)
class RocCurve:
    """False and true positive rates at falling thresholds, all of the same length."""

    fpr: tuple[float, ...]
    tpr: tuple[float, ...]
    thresholds: tuple[float, ...]


@dataclass(frozen=True)
class ConfusionMatrix:
    """counts[actual][predicted], in the order of `labels`."""

    labels: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class ScoreReport:
    """The scored batch. Every row of `rows` is in exactly one of `predictions_uri` and `failed_rows_uri`.

    failure_reasons: reason -> number of rows, the most frequent first.
    auc, accuracy, roc, confusion: None where no labels were given (`labelled_rows` is then 0).
    called: False where `invoke_endpoint=no` left the model alone.
    """

    predictions_uri: str
    failed_rows_uri: str
    rows: int
    failed_rows: int
    seconds: float
    called: bool = True
    failure_reasons: Mapping[str, int] = field(default_factory=dict)
    labelled_rows: int = 0
    accuracy: float | None = None
    auc: float | None = None
    roc: RocCurve | None = None
    confusion: ConfusionMatrix | None = None

    def to_json(self) -> str:
        return json_codec.to_json(self)

    @classmethod
    def from_json(cls, text: str | bytes) -> "ScoreReport":
        return json_codec.from_json(cls, text)


@dataclass(frozen=True)
class Exchange:
    """One request to the web application and what came back. `body` is shortened to what a reader needs."""

    check: str
    request: str
    status: int
    body: str
    passed: bool


@dataclass(frozen=True)
class SmokeReport:
    """The transcript of the smoke test."""

    webapp_url: str
    exchanges: tuple[Exchange, ...]

    def to_json(self) -> str:
        return json_codec.to_json(self)

    @classmethod
    def from_json(cls, text: str | bytes) -> "SmokeReport":
        return json_codec.from_json(cls, text)


@dataclass(frozen=True)
class SparkSettings:
    """What a run asks of Spark on a cluster; empty and 0 leave what is set up there.

    memory: of the driver and of each executor, such as 2g. node_selector: `key=value`; tolerations:
    `key=value:Effect`; both comma-separated, for driver and executors. volume_claim: a PersistentVolumeClaim that both
    mount at `components.platforms.names.DATA`.
    """

    image: str = ""
    executors: int = 0
    executor_cores: int = 0
    memory: str = ""
    node_selector: str = ""
    tolerations: str = ""
    volume_claim: str = ""


@dataclass(frozen=True)
class ScoringJob:
    """A batch to score. Travels to Spark as JSON.

    rows_uri: CSV (with a header) or Parquet: a file, a directory, or a glob.
    predictions_uri: a directory; the job replaces its `predictions` and `failed_rows`.
    outputs: names of the outputs wanted; empty for all.
    label_column: empty where the rows carry no labels.
    prediction_output, score_output, score_index, positive_label: how outputs become a predicted label and a score;
    empty ones follow the naming of BigQuery ML exports (predicted_<label>, <label>_probs, <label>_values).
    """

    rows_uri: str
    predictions_uri: str
    signature: Signature
    endpoint_json: str
    invoke_endpoint: bool = True
    outputs: tuple[str, ...] = ()
    label_column: str = ""
    prediction_output: str = ""
    score_output: str = ""
    score_index: int = -1
    positive_label: str = "1"
    batch_rows: int = 8192
    timeout_s: float = 300.0
    spark: SparkSettings = SparkSettings()

    def to_json(self) -> str:
        return json_codec.to_json(self)

    @classmethod
    def from_json(cls, text: str | bytes) -> "ScoringJob":
        return json_codec.from_json(cls, text)
