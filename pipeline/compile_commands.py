"""`savedmodel-release compile` and `sample`: what is uploaded to Kubeflow Pipelines, and what its defaults release."""

from pathlib import Path
from typing import Any

import click

from model.errors import InvalidValue
from pipeline.commands import explained


def _bucket(_: click.Context, __: click.Parameter, value: str | None) -> str | None:
    from model.storage import gcs_location

    if value is None:
        return None
    try:
        if not value.startswith("gs://"):
            raise click.BadParameter(f"{value!r} is no gs://BUCKET, nor a path below one.")
        gcs_location(value)
    except InvalidValue as error:
        raise click.BadParameter(f"{value!r} is no gs://BUCKET, nor a path below one. {error}") from error
    return value.rstrip("/")


@click.command("compile")
@click.option(
    "--output", type=click.Path(dir_okay=False), help="The file to write. Default: compiled/ of this project."
)
@click.option(
    "--image",
    default="",
    help="A prebuilt image with all packages, so that no step installs any. With --output.",
)
@click.option(
    "--bucket",
    metavar="gs://BUCKET",
    callback=_bucket,
    help="Let the defaults name this bucket, so that a run with nothing filled in releases the sample that "
    "`savedmodel-release sample` has put there. With --output.",
)
@click.option(
    "--volume-claim",
    metavar="CLAIM",
    default="",
    help="Mount this PersistentVolumeClaim at /mnt/data where rows are read and predictions written, so that rows_uri "
    "and predictions_uri may be file:///mnt/data/PATH. With --output.",
)
@explained
def compile_command(output: str | None, image: str, bucket: str | None, volume_claim: str) -> None:
    """Compile the pipeline to YAML for Kubeflow Pipelines; the same source gives the same bytes.

    Without --output, compiled/release_pipeline.yaml and one YAML per component are written.

    \b
    Examples:
      savedmodel-release compile --output release_pipeline.yaml --image registry.example/savedmodel-release:1.0
      savedmodel-release compile --output release_pipeline.yaml --bucket gs://my-bucket
    """
    from pipeline.compile import compile_pipeline, compiled_files

    asked = {"bucket": bucket, "image": image, "volume_claim": volume_claim}
    own: dict[str, Any] = {name: value for name, value in asked.items() if value}
    if own and not output:
        option = f"--{min(own).replace('_', '-')}"
        do = "Add --output FILE: compiled/ holds what everybody gets."
        raise InvalidValue(expected=f"{option} with --output", found=f"{option} alone", where="compile", do=do)
    files = {Path(output): compile_pipeline(**own)} if output else compiled_files()
    for path, text in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        click.echo(f"{path} ({len(text) / 1024:.0f} KiB)")


@click.command()
@click.argument("root")
@click.option("--rows", default=1000, show_default=True, type=click.IntRange(1), help="Number of visits.")
@explained
def sample(root: str, rows: int) -> None:
    """Write the sample below ROOT, a gs:// URI or a directory: a SavedModel, and labelled visits to score with it.

    They are written to ROOT/sample/exports/1646034756 and ROOT/sample/visits.csv, where the defaults of a pipeline look
    that was compiled with --bucket ROOT. What is there already stays.

    \b
    Example:
      savedmodel-release sample gs://my-bucket
    """
    from model.sample.publishing import publish

    publish(root, rows=rows, told=click.echo)
