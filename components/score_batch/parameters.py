"""The component's parameters as one job."""

from collections.abc import Mapping
from typing import Any

from components.contracts import Inspection, ScoringJob, SparkSettings
from components.parameters import check_parameters

#: Parameters that a job holds as they are.
_SAME = (
    "rows_uri",
    "predictions_uri",
    "label_column",
    "prediction_output",
    "score_output",
    "score_index",
    "positive_label",
    "batch_rows",
    "timeout_s",
)
_SPARK = ("image", "executors", "executor_cores", "memory", "node_selector", "tolerations", "volume_claim")


def scoring_job(parameters: Mapping[str, Any]) -> ScoringJob:
    """parameters: those of the component, by name.

    Raises:
        InvalidValue: `invoke_endpoint` is neither yes nor no.
    """
    check_parameters({"invoke_endpoint": parameters["invoke_endpoint"]})
    return ScoringJob(
        signature=Inspection.from_json(parameters["inspection"]).signature,
        endpoint_json=parameters["endpoint"],
        invoke_endpoint=parameters["invoke_endpoint"] == "yes",
        outputs=tuple(name.strip() for name in parameters["outputs"].split(",") if name.strip()),
        spark=SparkSettings(**{name: parameters[f"spark_{name}"] for name in _SPARK}),
        **{name: parameters[name] for name in _SAME},
    )
