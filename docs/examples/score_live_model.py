"""A pipeline of somebody else's that scores a batch with Spark through a model that is live already.

It recurs each night, releases nothing, and needs the account and the Role of cluster/. Compile it, and upload what that
gives:

    python docs/examples/score_live_model.py score_live_model.yaml
"""

import sys
from pathlib import Path

from kfp import compiler, components, dsl

COMPONENTS = Path(__file__).resolve().parents[2] / "compiled" / "components"

inspect_signature = components.load_component_from_file(str(COMPONENTS / "inspect_signature.yaml"))
score_batch = components.load_component_from_file(str(COMPONENTS / "score_batch.yaml"))


@dsl.pipeline(name="score-live-model")
def score_live_model(
    release_uri: str,
    endpoint: str,
    rows_uri: str,
    predictions_uri: str,
    label_column: str = "",
    platform: str = "kubernetes",
):
    """
    Args:
        release_uri: The SavedModel that is live, as models_root/MODEL/releases/VERSION/VERSION.
        endpoint: Where it answers, as JSON:
            {"rest_url": "http://rpm-predictor", "grpc_target": "rpm-predictor:9000", "model_name": "rpm", "version": 3}
        rows_uri: CSV with a header, or Parquet.
        predictions_uri: Where predictions and failed rows go, in a directory for each run.
        label_column: The rows' column with the true label.
        platform: kubernetes, or local for one machine.
    """
    inspected = inspect_signature(export_uri=release_uri).set_caching_options(False)
    score_batch(
        endpoint=endpoint,
        inspection=inspected.outputs["inspection"],
        rows_uri=rows_uri,
        predictions_uri=predictions_uri,
        label_column=label_column,
        run_id=dsl.PIPELINE_JOB_ID_PLACEHOLDER,
        platform=platform,
        max_failed_rows=0.01,
    ).set_caching_options(False)


if __name__ == "__main__":
    compiler.Compiler().compile(score_live_model, sys.argv[1])
