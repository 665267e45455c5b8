"""`savedmodel-release check-cluster`: what an installation lacks, before anybody releases on it."""

import logging
import sys
from typing import TYPE_CHECKING

import click

from pipeline.commands import explained
from pipeline.numbers import Seconds

if TYPE_CHECKING:
    from pipeline.cluster_check.checks import Request
    from pipeline.cluster_check.findings import Report


@click.command("check-cluster", short_help="Say what a cluster lacks for releases.")
@click.option(
    "--namespace",
    metavar="NAME",
    help="Where releases shall be made. Default: SAVEDMODEL_RELEASE_NAMESPACE, else the pod's own or the kubeconfig's.",
)
@click.option(
    "--models-root",
    default="",
    metavar="gs://BUCKET/PATH",
    help="Also write, read back and remove a small object there; with --sample KServe reads there, too.",
)
@click.option(
    "--service-account",
    metavar="[NAMESPACE:]NAME",
    help="Whose rights to check: the account that the pipeline runs as. Default: whoever asks.",
)
@click.option("--no-probe", is_flag=True, help="Create nothing; whether the controllers work is then not seen.")
@click.option("--sample", is_flag=True, help="Deploy KServe's flowers model for a moment, and ask it.")
@click.option(
    "--sample-uri",
    metavar="URI",
    help="Where the flowers model stands, if not where KServe keeps it; implies --sample.",
)
@click.option(
    "--serving-service-account",
    default="",
    metavar="NAME",
    help="What the sample's pods run as (the pipeline's parameter serving_service_account). Default: the namespace's.",
)
@click.option(
    "--timeout-s",
    default=30.0,
    show_default=True,
    type=Seconds(1, 3600),
    metavar="SECONDS",
    help="For each controller to look at a trial object, and for the bucket to answer; tenfold for the sample.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of a table.")
@explained
def check_cluster(
    namespace: str | None,
    models_root: str,
    service_account: str | None,
    no_probe: bool,
    sample: bool,
    sample_uri: str | None,
    serving_service_account: str,
    timeout_s: float,
    as_json: bool,
) -> None:
    """Say what a cluster lacks for releases, and how to mend each thing.

    Asked are: the API server; KServe (its kinds, whether its controller looks at the namespace, its mode, its runtime
    for TensorFlow); the Spark operator (does it look at the namespace?); service accounts and their rights; the web
    application; with --models-root, the bucket. A controller is seen to work by what it does with a trial
    InferenceService or SparkApplication: these run nothing, and are deleted at once, also when this is interrupted.

    Each check ends in one of: ok, warning, missing, unknown (it could not be asked), skipped.

    Exit status: 0 all that is needed is there, 1 something is missing or unknown, 2 wrong usage,
    130 interrupted.

    \b
    Examples:
      savedmodel-release check-cluster --namespace mlops --models-root gs://BUCKET/models
      savedmodel-release check-cluster --namespace mlops --service-account savedmodel-release
      savedmodel-release check-cluster --namespace mlops --sample
      savedmodel-release check-cluster --no-probe --json
    """
    from rich.console import Console

    from pipeline.cluster_check import flowers, report
    from pipeline.cluster_check.checks import Request

    if no_probe and (sample or sample_uri):
        raise click.UsageError("--no-probe and --sample exclude each other: the sample is created on the cluster.")
    request = Request(
        namespace=namespace or "",
        models_root=models_root,
        service_account=service_account or "",
        probe=not no_probe,
        sample_uri=(sample_uri or flowers.URI) if sample or sample_uri else "",
        serving_account=serving_service_account,
        timeout_s=timeout_s,
    ).checked()
    found = _find(request)
    if as_json:
        click.echo(found.to_json())
    else:
        report.show(found, console=Console(markup=False, highlight=False, emoji=False))
    sys.exit(0 if found.is_ready else 1)


def _find(request: "Request") -> "Report":
    """Says on standard error what is asked, where that is a terminal."""
    from rich.console import Console

    from pipeline.cluster_check.checks import run_checks
    from pipeline.interruption import PUTTING_BACK, interruptible

    # That libraries try again is nobody's business. The Kubernetes client sets levels itself, but no handler's.
    handler = logging.StreamHandler()
    handler.setLevel(logging.ERROR)
    logging.basicConfig(handlers=[handler], format="%(message)s")
    console = Console(stderr=True, markup=False, highlight=False)
    try:
        with interruptible(PUTTING_BACK), console.status("asking the API server") as status:
            return run_checks(request, say=lambda what: status.update(f"asking about {what}"))
    except KeyboardInterrupt:
        click.echo("Interrupted; trial objects have been deleted, but for those that are named above.", err=True)
        sys.exit(130)
