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
_CHECKED = ("invoke_endpoint", "score_index", "spark_executors", "spark_executor_cores")
_SPARK = ("image", "executors", "executor_cores", "memory", "node_selector", "tolerations", "volume_claim")


def scoring_job(parameters: Mapping[str, Any]) -> ScoringJob:
    """parameters: those of the component, by name.

    Raises:
        InvalidValue: one of them breaks its rule.
    """
    check_parameters({name: parameters[name] for name in _CHECKED})
    return ScoringJob(
        signature=Inspection.from_json(parameters["inspection"]).signature,
        endpoint_json=parameters["endpoint"],
        invoke_endpoint=parameters["invoke_endpoint"] == "yes",
        outputs=tuple(name.strip() for name in parameters["outputs"].split(",") if name.strip()),
        spark=SparkSettings(**{name: parameters[f"spark_{name}"] for name in _SPARK}),
        **{name: parameters[name] for name in _SAME},
    )
