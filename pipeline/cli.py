"""The command line. Every command imports what it needs when it runs, so that `inspect` stays quick."""

import os

import click

from pipeline.check_command import check_cluster
from pipeline.commands import HOME_OPTION, explained, log_to_stderr
from pipeline.compile_commands import compile_command, sample
from pipeline.rollback_commands import clean, rollback
from pipeline.run_command import run
from pipeline.schedule_command import schedule
from pipeline.submit_command import submit


class _InOrder(click.Group):
    """Lists its commands in the order in which they were added."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)


@click.group(cls=_InOrder, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="savedmodel-release", message="%(version)s")
def main() -> None:
    """Release a TensorFlow SavedModel: inspect, stage, validate, deploy a candidate, score, smoke-test, promote.

    \b
    Example, on this machine:
      savedmodel-release run --model-name rpm --export-uri ./export --rows-uri ./visits.csv
    """


@click.command(short_help="Show what an export holds.")
@click.argument("export")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of a table.")
@explained
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


@click.command(short_help="Serve the live models of a home.")
@HOME_OPTION
@click.option(
    "--rest-port", default=8000, show_default=True, type=click.IntRange(1, 65535), help="Port of the REST API."
)
@click.option(
    "--grpc-port", default=8500, show_default=True, type=click.IntRange(1, 65535), help="Port of the gRPC API."
)
@explained
def serve(home: str, rest_port: int, grpc_port: int) -> None:
    """Serve the live models of a home until Ctrl-C; runs on that home promote into this server.

    \b
    Example:
      savedmodel-release serve --home .savedmodel-release
      curl http://127.0.0.1:8000/v1/models/rpm
    """
    from components.platforms.local.foreground import serve_here
    from components.platforms.local.home import Home

    log_to_stderr()
    serve_here(Home.at(home), rest_port=rest_port, grpc_port=grpc_port)


@click.command(short_help="Stop what serves in a home.")
@HOME_OPTION
@explained
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


# As one comes to need them.
for _command in (
    *(inspect, run, serve, stop, rollback, clean),
    *(check_cluster, sample, compile_command, submit, schedule),
):
    main.add_command(_command)


if __name__ == "__main__":
    main(prog_name=os.environ.get("PROG", "savedmodel-release"))
