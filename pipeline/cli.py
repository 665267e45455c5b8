"""The command line. Every command imports what it needs when it runs, so that `inspect` stays quick."""

import logging
import os
import sys
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import click

from model.errors import InvalidValue, ReleaseError, StorageError

P = ParamSpec("P")
R = TypeVar("R")

HOME_OPTION = click.option(
    "--home",
    default=".savedmodel-release",
    show_default=True,
    envvar="SAVEDMODEL_RELEASE_HOME",
    type=click.Path(file_okay=False),
    help="Directory for releases, live models, predictions and reports.",
)


def _explained(command: Callable[P, R]) -> Callable[P, R]:
    """Turns what is wrong into one paragraph and an exit status: 2 for a wrong value, 1 for a refused release."""

    @wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return command(*args, **kwargs)
        except ReleaseError as error:
            click.echo(f"{type(error).__name__}: {error}", err=True)
            sys.exit(2 if isinstance(error, InvalidValue) else 1)
        except KeyboardInterrupt:
            click.echo("Interrupted before anything was begun.", err=True)
            sys.exit(130)
        except BrokenPipeError:
            # Whoever read the output has enough of it; the interpreter must not complain of that when it ends.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(0)
        except OSError as error:
            click.echo(f"{error.strerror or error}: {error.filename or 'unknown file'}", err=True)
            sys.exit(1)

    return run


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="savedmodel-release", message="%(version)s")
def main() -> None:
    """Release a TensorFlow SavedModel: inspect, stage, validate, deploy a candidate, score, smoke-test, promote.

    \b
    Example, on this machine:
      savedmodel-release run --model-name rpm --export-uri ./export --rows-uri ./visits.csv
    """


@main.command()
@click.argument("export")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of a table.")
@_explained
def inspect(export: str, as_json: bool) -> None:
    """Show the signatures, operations and variables of EXPORT, without importing TensorFlow.

    EXPORT is a SavedModel directory, or a parent of several exports, of which the newest counts; a path or gs://.

    \b
    Example:
      savedmodel-release inspect ./exports/1646034756
    """
    from components.inspect_signature import text
    from components.inspect_signature.inspection import describe

    description = describe(export)
    click.echo(text.format_json(description) if as_json else text.format_table(description))


@main.command("compile")
@click.option(
    "--output", type=click.Path(dir_okay=False), help="The file to write. Default: compiled/ of this project."
)
@click.option(
    "--image", default="", help="A prebuilt image with all packages, instead of installing them in each step."
)
@_explained
def compile_command(output: str | None, image: str) -> None:
    """Compile the pipeline to YAML for Kubeflow Pipelines; the same source gives the same bytes.

    Without --output, compiled/release_pipeline.yaml and one YAML per component are written.

    \b
    Example:
      savedmodel-release compile --output release_pipeline.yaml --image registry.example/savedmodel-release:1.0
    """
    from pipeline.compile import compile_pipeline, compiled_files

    files = {Path(output): compile_pipeline(image=image)} if output else compiled_files(image=image)
    for path, text in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        click.echo(f"{path} ({len(text) / 1024:.0f} KiB)")


def _list_parameters(context: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted and not context.resilient_parsing:
        from rich.console import Console

        from pipeline.environments import described_parameters

        click.echo(described_parameters(_pipeline_yaml(None, Console(stderr=True))))
        context.exit()


@main.command()
@click.option("--model-name", required=True, help="Name of the live service, and of the model in its URL.")
@click.option("--export-uri", required=True, help="A SavedModel directory, or a parent of several exports.")
@click.option("--rows-uri", required=True, help="CSV with a header, or Parquet, with a column for each input.")
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
@click.option("--keep", is_flag=True, help="Leave the model server and the web application running.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as one JSON object, last on standard output.")
@_explained
def run(
    model_name: str,
    export_uri: str,
    rows_uri: str,
    home: str,
    settings: tuple[str, ...],
    pipeline_file: str | None,
    keep: bool,
    as_json: bool,
) -> None:
    """Release a model on this machine, by the same YAML that a cluster runs.

    Exit status: 0 promoted or already live, 1 refused or failed (everything is put back), 2 wrong usage,
    130 interrupted (everything is put back).

    \b
    Example:
      savedmodel-release run --model-name rpm --export-uri ./export --rows-uri ./visits.csv \\
          --set label_column=will_buy_on_return_visit --set min_auc=0.6
    """
    from rich.console import Console

    from components.platforms.local.home import Home
    from pipeline import environments, local, results, summary

    place = Home.at(home)
    console = Console(stderr=True, markup=False, highlight=False)
    _log_to_stderr()
    try:
        pipeline_yaml = _pipeline_yaml(pipeline_file, console)
        parameters = environments.local_parameters(
            pipeline_yaml,
            model_name=model_name,
            export_uri=export_uri,
            rows_uri=rows_uri,
            home=place,
            settings=settings,
        )
        result = local.run_here(local.RunRequest(pipeline_yaml, parameters, place, keep=keep), console=console)
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
        message = f"Interrupted; what was unfinished has been put back. {summary.live_now(place, model_name)}"
        click.echo(message, err=True)
        if as_json:
            click.echo(results.failed_json(None, message=message))
        sys.exit(130)
    summary.show(result, model_name=model_name, home=place, console=console)
    text = result.to_json() if as_json else summary.addresses(result, model_name=model_name, home=place)
    click.echo(text)
    sys.exit(0 if result.succeeded else 1)


def _pipeline_yaml(pipeline_file: str | None, console: Any) -> str:
    from pipeline.environments import COMPILED

    path = Path(pipeline_file) if pipeline_file else COMPILED
    if pipeline_file or path.is_file():
        return path.read_text(encoding="utf-8", errors="replace")
    from pipeline.compile import compile_pipeline

    console.print(f"no {path}: compiling the pipeline", style="dim")
    return compile_pipeline()


def _log_to_stderr() -> None:
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(message)s")
    for name in ("components", "pipeline", "model"):
        logging.getLogger(name).setLevel(logging.INFO)


@main.command()
@HOME_OPTION
@click.option(
    "--rest-port", default=8000, show_default=True, type=click.IntRange(1, 65535), help="Port of the REST API."
)
@click.option(
    "--grpc-port", default=8500, show_default=True, type=click.IntRange(1, 65535), help="Port of the gRPC API."
)
@_explained
def serve(home: str, rest_port: int, grpc_port: int) -> None:
    """Serve the live models of a home until Ctrl-C; runs on that home promote into this server.

    \b
    Example:
      savedmodel-release serve --home .savedmodel-release
      curl http://127.0.0.1:8000/v1/models/rpm
    """
    from components.platforms.local.foreground import serve_here
    from components.platforms.local.home import Home

    _log_to_stderr()
    serve_here(Home.at(home), rest_port=rest_port, grpc_port=grpc_port)


@main.command()
@HOME_OPTION
@_explained
def stop(home: str) -> None:
    """Stop the model server and the web application of a home: what `run --keep` left, and a `serve` elsewhere.

    \b
    Example:
      savedmodel-release stop --home .savedmodel-release
    """
    from components.platforms.local.home import Home
    from components.platforms.local.session import stop_kept

    place = Home.at(home)
    stopped = stop_kept(place) if place.root.exists() else []
    click.echo(
        f"stopped {len(stopped)} process{'es' * (len(stopped) > 1)}" if stopped else f"nothing runs on {place.root}"
    )


if __name__ == "__main__":
    main(prog_name=os.environ.get("PROG", "savedmodel-release"))
