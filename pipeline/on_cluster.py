"""A release on a cluster, run from inside it: the pipeline's engine is this process, all else is the cluster's."""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from rich.console import Console

from components.parameters import check_model_name, check_parameters
from components.platforms.kubernetes.connection import Connection
from components.platforms.kubernetes.lease import RENEWED_VARIABLE, RunLease
from components.platforms.local.environment import environment
from components.platforms.local.session import owner_of_steps
from components.platforms.names import DATA
from components.platforms.serving import ServingSettings
from components.recovery import put_right
from model.endpoint import Endpoint
from model.errors import InvalidValue, ReleaseError
from model.storage import open_storage
from pipeline.engine import RunRequest, execute, new_run_id, verdict
from pipeline.interruption import PUTTING_BACK, interruptible
from pipeline.outside import check_inside
from pipeline.progress import elapsed_s
from pipeline.report import write_report
from pipeline.results import RunResult

log = logging.getLogger(__name__)

#: Beside buckets, rows and predictions may stand on a volume; models are fetched by KServe.
_ON_A_VOLUME = ("rows_uri", "predictions_uri")
_SERVING = {
    "deployment_mode": "deployment_mode",
    "serving_replicas": "replicas",
    "serving_cpu": "cpu",
    "serving_memory": "memory",
    "serving_node_selector": "node_selector",
    "serving_tolerations": "tolerations",
}


def run_on_cluster(request: RunRequest, *, console: Console) -> RunResult:
    """Runs the pipeline to its end, its steps here, what they act on in the cluster.

    Raises:
        InvalidValue: a parameter breaks a rule, or stands for something on this machine; nothing has been changed.
        ServingFailed: the cluster, or its network, cannot be reached from here; nothing has been changed.
        StorageError: a bucket cannot be reached.
        KeyboardInterrupt: interrupted, by Ctrl-C or SIGTERM; everything has been put back.
    """
    check_for_cluster(request)
    run_id = new_run_id()
    root = str(request.parameters["models_root"]).rstrip("/")
    predictions = f"{root}/{request.model_name}/predictions"
    request = replace(request, parameters={"predictions_uri": predictions, **request.parameters})
    connection = Connection.from_environment(patient=False)
    check_model_name(request.model_name, platform="kubernetes", namespace=connection.namespace)
    check_reach(request, connection)
    where = f"namespace {connection.namespace} of {connection.api.configuration.host}"
    told = f"run {run_id}: {request.model_name} from {request.parameters['export_uri']} to {where}"
    console.print(told, soft_wrap=True)
    began = time.monotonic()
    directory = request.home.run(run_id)
    directory.mkdir(parents=True)
    with (
        interruptible(PUTTING_BACK),
        _putting_right(request, run_id),
        _renewing(RunLease(connection, request.model_name, run_id)),
    ):
        steps, complaint = execute(request, directory, console=console)
        result = verdict(request, run_id, steps=steps, complaint=complaint)
    result = replace(_with_addresses(result), seconds={**result.seconds, "total": elapsed_s(began)})
    write_report(result, request)
    return result


def check_for_cluster(request: RunRequest) -> None:
    """
    Raises:
        InvalidValue: a parameter breaks a rule that holds on a cluster.
    """
    given = request.parameters
    check_model_name(request.model_name, platform="kubernetes")
    check_parameters({"label_column": "", **given})
    for name in ("export_uri", "rows_uri", "models_root", "predictions_uri"):
        on_volume = name in _ON_A_VOLUME and bool(given.get("spark_volume_claim"))
        if name in given and not _is_in_reach(str(given[name]), on_volume=on_volume):
            raise InvalidValue(
                expected="a URI that the cluster's pods can read, such as gs://bucket/path"
                + f" or (with spark_volume_claim) file://{DATA}/PATH" * (name in _ON_A_VOLUME),
                found=repr(given[name]),
                where=f"parameter {name}",
                do="Copy it to a bucket, or release on this machine with --platform local.",
            )
    ServingSettings(**{field: given[name] for name, field in _SERVING.items() if name in given}).check()


def _is_in_reach(uri: str, *, on_volume: bool) -> bool:
    """Of the pods."""
    path = uri.removeprefix("file://")
    if path == uri:
        return "://" in uri
    return on_volume and path.startswith(f"{DATA}/") and ".." not in path.split("/")


def check_reach(request: RunRequest, connection: Connection) -> None:
    """Asks the API server, the cluster's DNS and the bucket, before anything is begun.

    Raises:
        ServingFailed, StorageError: naming what cannot be reached from here, and from where it can.
    """
    connection.events("none")  # a small answer that the pipeline's account has a right to
    check_inside(
        connection,
        do="Run this in a pod: as the Job of cluster/job, or from a notebook on the cluster. From outside, upload the "
        "compiled pipeline to Kubeflow Pipelines.",
    )
    root = str(request.parameters["models_root"])
    open_storage(root).subdirectories(f"{root.rstrip('/')}/{request.model_name}")


@contextmanager
def _renewing(lease: RunLease) -> Iterator[None]:
    """Between its steps the run shows that it lives, so that the next one need not wait for long if it is killed."""
    with lease.renewed(), environment({RENEWED_VARIABLE: "yes"}):
        yield


@contextmanager
def _putting_right(request: RunRequest, run_id: str) -> Iterator[None]:
    """The exit task does this too, but an interrupted run may not have come to it."""
    with environment(owner_of_steps(request.home, run_id)):
        try:
            yield
        finally:
            try:
                put_right(request.model_name, platform="kubernetes", run_id=run_id)
            except ReleaseError as error:
                log.error("could not be put right, the next run will do it: %s", error)


def _with_addresses(result: RunResult) -> RunResult:
    """Adds where the live service answers."""
    endpoint = Endpoint.from_json(result.outputs.endpoint) if result.outputs.endpoint else None
    return replace(
        result,
        rest_url=endpoint.rest_url if endpoint else None,
        grpc_target=endpoint.grpc_target if endpoint else None,
    )
