"""The KFP shell of score_batch."""

from typing import NamedTuple

from kfp import dsl


def score_batch(
    endpoint: str,
    inspection: str,
    rows_uri: str,
    predictions_uri: str,
    run_id: str,
    report: dsl.Output[dsl.HTML],
    metrics: dsl.Output[dsl.Metrics],
    roc: dsl.Output[dsl.ClassificationMetrics],
    confusion: dsl.Output[dsl.ClassificationMetrics],
    platform: str = "kubernetes",
    label_column: str = "",
    prediction_output: str = "",
    score_output: str = "",
    score_index: int = -1,
    positive_label: str = "1",
    outputs: str = "",
    max_failed_rows: float = 0.0,
    min_auc: float = 0.0,
    min_accuracy: float = 0.0,
    invoke_endpoint: str = "yes",
    batch_rows: int = 8192,
    timeout_s: int = 3600,
    spark_image: str = "",
    spark_executors: int = 0,
    spark_executor_cores: int = 0,
    spark_memory: str = "",
    spark_node_selector: str = "",
    spark_tolerations: str = "",
    spark_volume_claim: str = "",
) -> NamedTuple("Outputs", [("score_report", str)]):  # type: ignore[valid-type]
    """Scores a batch with Spark through the candidate.

    Args:
        endpoint: Endpoint JSON from deploy_candidate.
        inspection: Inspection JSON from inspect_signature.
        rows_uri: CSV with a header, or Parquet: a file, a directory or a glob.
        predictions_uri: A directory; predictions and failed_rows go into one of the run's own in it.
        platform: kubernetes or local.
        run_id: The run that scores; its directory below predictions_uri is replaced.
        report: HTML report.
        metrics: Rows, failed rows, accuracy, AUC, rows a second.
        roc: ROC curve, where rows are labelled and the model has a score.
        confusion: Confusion matrix, where rows are labelled.
        label_column: The rows' column with the true label; empty if there is none.
        prediction_output: Output that holds the predicted label; empty to go by its name.
        score_output: Output that holds the positive label's probability; empty to go by its name.
        score_index: Position of that probability in the output; -1 to find it.
        positive_label: The label whose probability the score is.
        outputs: Comma-separated outputs to write; empty for all.
        max_failed_rows: Fraction of rows, 0 to 1, that may fail.
        min_auc: Least area under the ROC curve, 0 to 1.
        min_accuracy: Least accuracy, 0 to 1.
        invoke_endpoint: yes, or no to do everything but call the model.
        batch_rows: Rows in one request.
        timeout_s: Seconds that the batch may take.
        spark_image: Image of driver and executors on a cluster; empty for the one set up there.
        spark_executors: Executors on a cluster; 0 for as many as are set up there (2).
        spark_executor_cores: Cores of each executor; 0 for as set up there (1).
        spark_memory: Memory of the driver and of each executor, such as 2g; empty for as set up there (1g).
        spark_node_selector: Labels of the nodes for driver and executors, key=value, comma-separated.
        spark_tolerations: Taints that they tolerate, key=value:Effect, comma-separated.
        spark_volume_claim: PersistentVolumeClaim that they mount at /mnt/data, for rows and predictions there.
    """
    from functools import partial

    from components.platforms.scoring import open_scoring
    from components.reporting import reporting
    from components.score_batch.parameters import scoring_job
    from components.score_batch.publishing import publish
    from components.score_batch.scoring import score

    with reporting("score_batch"):
        job = scoring_job(locals())
        limits = {"max_failed_rows": max_failed_rows, "min_auc": min_auc, "min_accuracy": min_accuracy}
        told = partial(publish, html_file=report.path, metrics=metrics, roc=roc, confusion=confusion)
        scored = score(job, backend=open_scoring(platform), run_id=run_id, publish=told, **limits)
    return (scored.to_json(),)
