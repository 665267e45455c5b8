"""`savedmodel-release rollback` and `clean`: what no run does by itself any more."""

import json
from collections.abc import Callable
from typing import Any

import click

from pipeline.commands import HOME_OPTION, explained, log_to_stderr


def _on_a_platform(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options by which both say where the model is served."""
    options = (
        click.option("--model-name", required=True, help="Name of the live service."),
        click.option(
            "--platform",
            default="local",
            show_default=True,
            type=click.Choice(["local", "kubernetes"]),
            help="Where it is served: on this machine, or on a cluster (this pod's, or KUBECONFIG's).",
        ),
        HOME_OPTION,
        click.option("--json", "as_json", is_flag=True, help="Print one JSON object, last on standard output."),
    )
    for option in reversed(options):
        command = option(command)
    return command


@click.command(short_help="Serve the former release again.")
@_on_a_platform
@click.option("--version", default=0, help="The release to serve; by default the one before the last promotion.")
@click.option("--timeout-s", default=300.0, show_default=True, help="Seconds that it has to come to be served.")
@explained
def rollback(model_name: str, platform: str, home: str, as_json: bool, version: int, timeout_s: float) -> None:
    """Serve the former release again, or any other that was staged.

    Releases are never changed, so this points the live service at files that are still there. On a cluster the
    InferenceService gets back the very predictor that the promotion replaced. No request is lost meanwhile.

    \b
    Examples:
      savedmodel-release rollback --model-name rpm
      savedmodel-release rollback --platform kubernetes --model-name rpm --version 36
    """
    from components.platforms.local.home import Home
    from pipeline.rollback import roll_back

    log_to_stderr()
    done = roll_back(model_name, platform=platform, home=Home.at(home), version=version, timeout_s=timeout_s)
    now = done.now.version if done.now else None
    told = (
        f"release {now} is live again, instead of {done.before.version}"
        if done.now
        else "no release is live, as before"
    )
    click.echo(json.dumps({"before": done.before.version, "now": now}) if as_json else f"{model_name}: {told}")


@click.command(short_help="Take away what killed runs left.")
@_on_a_platform
@explained
def clean(model_name: str, platform: str, home: str, as_json: bool) -> None:
    """Take away what a run left that could not end: a candidate, Spark's work, an unfinished promotion.

    The next run of the model does this too. A run that is still at work is left alone, and named.

    \b
    Example:
      savedmodel-release clean --platform kubernetes --model-name rpm
    """
    from components.platforms.local.home import Home
    from pipeline.rollback import clean as clean_up

    log_to_stderr()
    live = clean_up(model_name, platform=platform, home=Home.at(home))
    told = f"release {live.version} is live" if live else "no release is live"
    click.echo(
        json.dumps({"live": live.version if live else None}) if as_json else f"{model_name}: nothing is left; {told}"
    )
