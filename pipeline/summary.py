"""The last words of a run, for a person."""

import sys
from pathlib import Path

from rich.console import Console

from components.platforms import PROMOTED, LiveService
from components.platforms.local.environment import environment
from components.platforms.local.home import HOME_VARIABLE, Home
from components.platforms.opening import open_platform
from model.errors import ReleaseError
from pipeline.results import ALREADY_LIVE, RunResult


def show(result: RunResult, *, platform: str, home: Home, console: Console) -> None:
    """The verdict, and what failed, on standard error."""
    total, model_name = result.seconds.get("total", 0.0), result.model_name
    release = result.outputs.release
    if result.succeeded and release is not None:
        verb = "is already live" if result.state == ALREADY_LIVE else "is live"
        console.print(f"{model_name}: release {release.version} {verb} ({total:.1f} s)", style="bold green")
        return
    console.print(f"{model_name}: {result.failed_step or 'the run'} failed ({total:.1f} s)", style="bold red")
    if result.error is not None:
        console.print(f"{result.error['kind']}: {result.error['message']}", soft_wrap=True)
    live = live_now(model_name, platform=platform, home=home)
    console.print(f"{live} The whole log: {home.run(result.run_id) / 'log.txt'}", soft_wrap=True)


def addresses(result: RunResult, *, platform: str, home: Home) -> str:
    """Where the results are and what still answers, on standard output."""
    lines = [f"report        {result.report}"]
    if result.outputs.scores:
        lines.append(f"predictions   {result.outputs.scores.predictions_uri}")
        lines.append(f"failed rows   {result.outputs.scores.failed_rows_uri}")
    if result.rest_url and _live(result.model_name, platform=platform, home=home):
        lines.append(f"model (REST)  {result.rest_url}/v1/models/{result.model_name}")
        lines.append(f"model (gRPC)  {result.grpc_target}")
    if result.webapp_url and result.rest_url:
        predict_url = f"{result.rest_url}/v1/models/{result.model_name}:predict"
        lines.append(f"web page      {result.webapp_url}/ecommerce/mlinference?mlinference_host={predict_url}")
        lines.append(f"stop them     {_program()} stop --home {home.root}")
    if result.succeeded and not result.rest_url and platform == "local":
        lines.append(f"serve it      {_program()} serve --home {home.root}")
    return "\n".join(lines)


def _program() -> str:
    """This program as it was called, so that what is printed can be pasted."""
    return sys.argv[0] if Path(sys.argv[0]).name == "savedmodel-release" else "savedmodel-release"


def live_now(model_name: str, *, platform: str, home: Home) -> str:
    """What the live service is meant to serve, in one sentence; read from the platform, not remembered."""
    try:
        live = _live(model_name, platform=platform, home=home)
    except ReleaseError as error:
        return f"What is live of {model_name} could not be read: {error}"
    if live is None:
        return f"No release of {model_name} is live."
    unfinished = "" if live.phase == PROMOTED else " (its promotion is unfinished; the next run puts that right)"
    return f"Release {live.release.version} of {model_name} is live{unfinished}."


def _live(model_name: str, *, platform: str, home: Home) -> LiveService | None:
    with environment({HOME_VARIABLE: str(home.root)}):
        return open_platform(platform).live_service(model_name)
