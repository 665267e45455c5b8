"""`savedmodel-release compile` and `sample`: what is uploaded to Kubeflow Pipelines, and what its defaults release."""

import re
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import click

from model.errors import InvalidValue, StorageError
from pipeline.commands import explained

Command = Callable[..., Any]


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


def _checked(name: str, *, metavar: str, pattern: str, what: str, help: str) -> Callable[[Command], Command]:
    """An option of what is compiled for somebody: a value that a cluster would refuse is said here, not by a pod."""

    def check(_: click.Context, __: click.Parameter, value: str) -> str:
        if value and not re.fullmatch(pattern, value):
            raise click.BadParameter(f"{value!r} is no {what}.")
        return value

    return click.option(name, metavar=metavar, default="", callback=check, help=f"{help} With --output.")


_IMAGE = r"[A-Za-z0-9.-]+(:\d+)?(/[a-z0-9._-]+)*(:[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?(@sha256:[0-9a-f]{64})?"
_NAME = r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?"


def _file(_: click.Context, __: click.Parameter, value: str | None) -> str | None:
    if value is not None and (not value or (Path(value).exists() and not Path(value).is_file())):
        raise click.BadParameter(f"{value!r} is no file.")
    return value


@click.command("compile", short_help="Write the YAML for Kubeflow Pipelines.")
@click.option(
    "--output",
    type=click.Path(dir_okay=False),
    callback=_file,
    help="The file to write. Default: compiled/ of this project.",
)
@_checked(
    "--image",
    metavar="IMAGE",
    pattern=_IMAGE,
    what="name of an image",
    help="A prebuilt image with all packages, so that no step installs any.",
)
@click.option(
    "--bucket",
    metavar="gs://BUCKET",
    callback=_bucket,
    help="Let the defaults name this bucket, so that a run with nothing filled in releases the sample that "
    "`savedmodel-release sample` has put there. With --output.",
)
@_checked(
    "--volume-claim",
    metavar="CLAIM",
    pattern=_NAME,
    what="name of a PersistentVolumeClaim",
    help="Mount this PersistentVolumeClaim at /mnt/data where rows are read and predictions written, so that rows_uri "
    "and predictions_uri may be file:///mnt/data/PATH.",
)
@_checked(
    "--storage-secret",
    metavar="SECRET",
    pattern=_NAME,
    what="name of a Secret",
    help="Let the steps read the bucket as the Google service account whose key is this Secret's key.json: for a "
    "cluster that gives pods no identity there.",
)
@_checked(
    "--storage-emulator",
    metavar="URL",
    pattern=r"https?://[^\s/@]+",
    what="URL such as http://gcs.mlops.svc:4443",
    help="Let the steps ask this server instead of Cloud Storage.",
)
@click.option(
    "--without-deadline",
    is_flag=True,
    help="For a backend older than Kubeflow Pipelines 2.17, which may not know the deadline of a run and would then "
    "skip the steps' timeouts, the endpoint's Secret and the volume, too. With --output.",
)
@explained
def compile_command(output: str | None, **options: Any) -> None:
    """Compile the pipeline to YAML for Kubeflow Pipelines; the same source gives the same bytes.

    Without --output, compiled/release_pipeline.yaml and one YAML per component are written.

    \b
    Examples:
      savedmodel-release compile --output release_pipeline.yaml --image registry.example/savedmodel-release:1.0
      savedmodel-release compile --output release_pipeline.yaml --bucket gs://my-bucket
    """
    from pipeline.compile import compile_pipeline, compiled_files
    from pipeline.release_pipeline import Options

    own = {name: value for name, value in options.items() if value}
    if own and output is None:
        option = f"--{min(own).replace('_', '-')}"
        do = "Add --output FILE: compiled/ holds what everybody gets."
        raise InvalidValue(expected=f"{option} with --output", found=f"{option} alone", where="compile", do=do)
    files = compiled_files() if output is None else {Path(output): compile_pipeline(**cast(Options, own))}
    for path, text in files.items():
        _write(path, text)
        click.echo(f"{path} ({len(text) / 1024:.0f} KiB)")


def _write(path: Path, text: str) -> None:
    """Whole or not at all: what stands there may be somebody's only copy.

    Raises:
        StorageError: it cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}-") as beside:
            written = Path(beside, path.name)
            written.write_text(text, encoding="utf-8")
            written.replace(path)
    except OSError as error:
        do = "Make room, or name another file with --output."
        raise StorageError(
            expected="a file to write", found=error.strerror or str(error), where=str(path), do=do
        ) from error


@click.command(short_help="Write the sample to a bucket or directory.")
@click.argument("root")
@click.option("--rows", default=1000, show_default=True, type=click.IntRange(1, 10**9), help="Number of visits.")
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
