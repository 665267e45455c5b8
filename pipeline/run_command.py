"""`savedmodel-release run`: a release, on this machine or, from inside a cluster, on that."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from model.errors import InvalidValue, ReleaseError, StorageError
from pipeline.commands import HOME_OPTION, explained, log_to_stderr

if TYPE_CHECKING:
    from pipeline.engine import RunRequest
    from pipeline.results import RunResult


def _list_parameters(context: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted and not context.resilient_parsing:
        from rich.console import Console

        from pipeline.environments import described_parameters

        click.echo(described_parameters(_pipeline_yaml(None, Console(stderr=True))))
        context.exit()


@click.command(short_help="Release a model, here or on a cluster.")
@click.option("--model-name", required=True, help="Name of the live service, and of the model in its URL.")
@click.option("--export-uri", required=True, help="A SavedModel directory, or a parent of several exports.")
@click.option("--rows-uri", required=True, help="CSV with a header, or Parquet, with a column for each input.")
@click.option(
    "--platform",
    default="local",
    show_default=True,
    type=click.Choice(["local", "kubernetes"]),
    help="Where the release is served and scored: on this machine, or on the cluster that this runs in.",
)
@HOME_OPTION
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="PARAMETER=VALUE",
    help="Any parameter of the pipeline; repeatable. --parameters lists them.",
)
@click.option(
    "--pipeline", "pipeline_file", type=click.Path(exists=True, dir_okay=False), help="The compiled YAML to run."
)
@click.option(
    "--parameters",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_list_parameters,
    help="List all parameters, and exit.",
)
@click.option("--keep", is_flag=True, help="Leave the model server and the web application running (local).")
@click.option("--json", "as_json", is_flag=True, help="Print the result as one JSON object, last on standard output.")
@explained
def run(
    model_name: str,
    export_uri: str,
    rows_uri: str,
    platform: str,
    home: str,
    settings: tuple[str, ...],
    pipeline_file: str | None,
    keep: bool,
    as_json: bool,
) -> None:
    """Release a model by the same YAML that Kubeflow Pipelines runs, with this process as its engine.

    --platform local needs nothing but this machine. --platform kubernetes works from inside a cluster, in a pod or a
    notebook, with what `savedmodel-release check-cluster` asks for; everything then stands in buckets, and --home holds
    the run's log and report alone.

    Exit status: 0 promoted or already live, 1 refused or failed (everything is put back), 2 wrong usage,
    130 interrupted (everything is put back).

    \b
    Examples:
      savedmodel-release run --model-name rpm --export-uri ./export --rows-uri ./visits.csv \\
          --set label_column=will_buy_on_return_visit --set min_auc=0.6
      savedmodel-release run --platform kubernetes --model-name rpm --export-uri gs://BUCKET/sample/exports \\
          --rows-uri gs://BUCKET/sample/visits.csv --set models_root=gs://BUCKET/models
    """
    from rich.console import Console

    from components.platforms.local.home import Home
    from pipeline import environments, results, summary
    from pipeline.engine import RunRequest

    place = Home.at(home)
    console = Console(stderr=True, markup=False, highlight=False)
    log_to_stderr()
    try:
        pipeline_yaml = _pipeline_yaml(pipeline_file, console)
        given = {"model_name": model_name, "export_uri": export_uri, "rows_uri": rows_uri}
        parameters = environments.run_parameters(
            pipeline_yaml, given=given, platform=platform, home=place, settings=settings
        )
        result = _run(RunRequest(pipeline_yaml, parameters, place, keep=keep), platform=platform, console=console)
    except ReleaseError as error:
        if as_json:
            click.echo(results.failed_json(error))
        raise
    except OSError as error:
        found = f"{error.strerror or error} ({error.filename or 'unknown file'})"
        refused = StorageError(expected="a directory to work in", found=found, where=str(place.root), do="Set --home.")
        if as_json:
            click.echo(results.failed_json(refused))
        raise refused from error
    except KeyboardInterrupt:
        live = summary.live_now(model_name, platform=platform, home=place)
        message = f"Interrupted; what was unfinished has been put back. {live}"
        click.echo(message, err=True)
        if as_json:
            click.echo(results.failed_json(None, message=message))
        sys.exit(130)
    summary.show(result, platform=platform, home=place, console=console)
    click.echo(result.to_json() if as_json else summary.addresses(result, platform=platform, home=place))
    sys.exit(0 if result.succeeded else 1)


def _run(request: "RunRequest", *, platform: str, console: Any) -> "RunResult":
    if platform == "local":
        from pipeline.local import run_here

        return run_here(request, console=console)
    if request.keep:
        do = "Leave it out: what is live on a cluster goes on running."
        raise InvalidValue(expected="--keep with --platform local only", found="--keep", where="run", do=do)
    from pipeline.on_cluster import run_on_cluster

    return run_on_cluster(request, console=console)


def _pipeline_yaml(pipeline_file: str | None, console: Any) -> str:
    from pipeline.environments import COMPILED

    path = Path(pipeline_file) if pipeline_file else COMPILED
    if pipeline_file or path.is_file():
        return path.read_text(encoding="utf-8", errors="replace")
    from pipeline.compile import compile_pipeline

    console.print(f"no {path}: compiling the pipeline", style="dim")
    return compile_pipeline()
