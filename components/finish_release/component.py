"""The KFP shell of finish_release, the pipeline's exit task."""

from kfp import dsl


def finish_release(
    model_name: str, run_id: str, status: dsl.PipelineTaskFinalStatus, platform: str = "kubernetes"
) -> str:
    """Removes the candidate, and restores the live release unless the promotion came to its end.

    Args:
        model_name: The model that the run released.
        platform: kubernetes or local.
        run_id: The run that ends.
        status: Filled in by the pipeline engine, so that this task is never cached.
    """
    from components.finish_release.finishing import finish
    from components.reporting import reporting

    with reporting("finish_release"):
        live = finish(model_name, platform=platform, run_id=run_id, reported_status=str(status.state))
    return live.to_json() if live else ""
