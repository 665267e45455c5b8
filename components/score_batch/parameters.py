"""The component's parameters as one job."""

from collections.abc import Mapping
from typing import Any

from components.contracts import Inspection, ScoringJob, SparkSettings
from components.parameters import check_parameters

#: Parameters that a job holds as they are.
_SAME = (
    "rows_uri",
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
    root, run_id = parameters["predictions_uri"].rstrip("/"), parameters["run_id"]
    return ScoringJob(
        # Each run's own: those of a refused candidate must not replace the ones that somebody uses. Joined here, since
        # Kubeflow Pipelines fills in a run's id only where it is the whole of a parameter.
        predictions_uri=f"{root}/{run_id}",
        signature=Inspection.from_json(parameters["inspection"]).signature,
        endpoint_json=parameters["endpoint"],
        invoke_endpoint=parameters["invoke_endpoint"] == "yes",
        outputs=tuple(name.strip() for name in parameters["outputs"].split(",") if name.strip()),
        spark=SparkSettings(**{name: parameters[f"spark_{name}"] for name in _SPARK}),
        **{name: parameters[name] for name in _SAME},
    )
