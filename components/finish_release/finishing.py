"""The exit task: whatever happened, the candidate goes and the live service is as it should be."""

import logging

from components.recovery import put_right
from model.release_layout import Release

log = logging.getLogger(__name__)


def finish(model_name: str, *, platform: str, run_id: str, reported_status: str) -> Release | None:
    """Removes the candidate and undoes a promotion that did not come to its end.

    `reported_status` is what the pipeline engine says of the run. It is logged and never trusted: Kubeflow Pipelines
    reports RUNNING after a timeout, a terminated run, and even after some successes.

    Returns:
        What is live now; None if nothing is.
    """
    live = put_right(model_name, platform=platform, run_id=run_id)
    served = f"release {live.version}" if live else "nothing"
    log.info("%s serves %s", model_name, served)
    log.debug("run %s ended; the engine calls it %s", run_id, reported_status)
    return live
