"""Options that the commands for Kubeflow Pipelines share; named, as far as kfp has them, as kfp's own."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from functools import wraps
from pathlib import Path
from typing import Any

import click

from pipeline.kubeflow.address import Address

Command = Callable[..., Any]
_FILE = click.Path(exists=True, dir_okay=False)


@dataclass(frozen=True)
class Asked:
    """What is to be released, and as what on the backend. Empty: not given."""

    model_name: str = ""
    export_uri: str = ""
    rows_uri: str = ""
    settings: tuple[str, ...] = ()
    pipeline_file: str = ""
    pipeline_name: str = ""
    experiment: str = ""
    service_account: str = ""

    def checked(self) -> "Asked":
        """
        Raises:
            click.UsageError: nothing says what to release.
        """
        for name in ("model_name", "export_uri", "rows_uri"):
            if not getattr(self, name):
                raise click.UsageError(f"Missing option '--{name.replace('_', '-')}'.")
        return self

    @property
    def given(self) -> dict[str, str]:
        return {"model_name": self.model_name, "export_uri": self.export_uri, "rows_uri": self.rows_uri}

    def pipeline_yaml(self) -> str:
        """The YAML asked for, else the compiled one, else it is compiled now."""
        from pipeline.environments import COMPILED

        path = Path(self.pipeline_file or COMPILED)
        if self.pipeline_file or path.is_file():
            return path.read_text(encoding="utf-8", errors="replace")
        from pipeline.compile import compile_pipeline

        return compile_pipeline()


def _packed(name: str, kind: Any, options: Sequence[Command]) -> Callable[[Command], Command]:
    """Hands the command one value of `kind` as `name`, instead of an argument for each of its fields."""

    def decorate(command: Command) -> Command:
        @wraps(command)
        def run(**arguments: Any) -> Any:
            packed = {each.name: arguments.pop(each.name) or each.default for each in fields(kind)}
            return command(**{name: kind(**packed)}, **arguments)

        for option in reversed(options):
            run = option(run)
        return run

    return decorate


def _text(*names: str, envvar: str | Sequence[str] | None = None, metavar: str = "TEXT", help: str) -> Command:
    return click.option(*names, envvar=envvar, show_envvar=bool(envvar), metavar=metavar, help=help)


address_options = _packed(
    "address",
    Address,
    (
        _text(
            "--endpoint",
            envvar=("KF_PIPELINES_ENDPOINT", "KFP_ENDPOINT"),
            metavar="URL",
            help="Where Kubeflow Pipelines is.",
        ),
        _text(
            "--namespace",
            "-n",
            metavar="NAME",
            help="Your namespace, where there are several users; without --endpoint also the one that it runs in.",
        ),
        _text(
            "--existing-token",
            envvar=("SAVEDMODEL_RELEASE_KFP_TOKEN", "KFP_EXISTING_TOKEN"),
            metavar="TOKEN",
            help="A bearer token.",
        ),
        _text(
            "--cookies",
            envvar="SAVEDMODEL_RELEASE_KFP_COOKIES",
            metavar="NAME=VALUE",
            help="The session cookie behind Dex, such as authservice_session=… or oauth2_proxy_kubeflow=….",
        ),
        _text(
            "--iap-client-id",
            envvar=("KF_PIPELINES_IAP_OAUTH2_CLIENT_ID", "KFP_IAP_CLIENT_ID"),
            metavar="ID",
            help="Client id of Google's Identity-Aware Proxy.",
        ),
        _text(
            "--other-client-id",
            envvar=("KF_PIPELINES_APP_OAUTH2_CLIENT_ID", "KFP_OTHER_CLIENT_ID"),
            metavar="ID",
            help="Client id to log in with, where no service account does.",
        ),
        _text(
            "--other-client-secret",
            envvar=("KF_PIPELINES_APP_OAUTH2_CLIENT_SECRET", "KFP_OTHER_CLIENT_SECRET"),
            metavar="SECRET",
            help="Its secret.",
        ),
        click.option(
            "--ssl-ca-cert",
            envvar="SSL_CERT_FILE",
            show_envvar=True,
            type=_FILE,
            help="Certificate of the authority that signed the server's, in PEM.",
        ),
    ),
)

asked_options = _packed(
    "asked",
    Asked,
    (
        _text("--model-name", metavar="NAME", help="Name of the live service, and of the model in its URL."),
        _text("--export-uri", metavar="URI", help="A SavedModel directory, or a parent of several exports."),
        _text("--rows-uri", metavar="URI", help="CSV with a header, or Parquet, with a column for each input."),
        click.option(
            "--set",
            "settings",
            multiple=True,
            metavar="PARAMETER=VALUE",
            help="Any parameter of the pipeline; repeatable. `savedmodel-release run --parameters` lists them.",
        ),
        click.option("--pipeline", "pipeline_file", type=_FILE, help="The compiled YAML to upload."),
        _text("--pipeline-name", metavar="NAME", help="Its name on the backend. Default: the one in the YAML."),
        _text(
            "--experiment",
            "--experiment-name",
            "experiment",
            envvar="KF_PIPELINES_DEFAULT_EXPERIMENT_NAME",
            metavar="NAME",
            help="The experiment that runs are listed under; made if there is none. Default: Default.",
        ),
        _text("--service-account", metavar="NAME", help="What the steps run as. Default: the backend's."),
    ),
)
