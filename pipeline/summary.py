"""The last words of a run, for a person."""

import sys
from pathlib import Path

from rich.console import Console

from components.platforms import PROMOTED
from components.platforms.local.home import Home
from components.platforms.local.platform import LocalPlatform
from pipeline.results import ALREADY_LIVE, RunResult


def show(result: RunResult, *, model_name: str, home: Home, console: Console) -> None:
    """The verdict, and what failed, on standard error."""
    total = result.seconds.get("total", 0.0)
    release = result.outputs.release
    if result.succeeded and release is not None:
        verb = "is already live" if result.state == ALREADY_LIVE else "is live"
        console.print(f"{model_name}: release {release.version} {verb} ({total:.1f} s)", style="bold green")
        return
    console.print(f"{model_name}: {result.failed_step or 'the run'} failed ({total:.1f} s)", style="bold red")
    if result.error is not None:
        console.print(str(result.error["message"]), soft_wrap=True)
    log_path = home.run(result.run_id) / "log.txt"
    console.print(f"{live_now(home, model_name)} The whole log: {log_path}", soft_wrap=True)


def addresses(result: RunResult, *, model_name: str, home: Home) -> str:
    """Where the results are and what still answers, on standard output."""
    lines = [f"report        {result.report}"]
    if result.outputs.scores:
        lines.append(f"predictions   {result.outputs.scores.predictions_uri}")
        lines.append(f"failed rows   {result.outputs.scores.failed_rows_uri}")
    if result.rest_url and LocalPlatform(home).live_service(model_name):
        lines.append(f"model (REST)  {result.rest_url}/v1/models/{model_name}")
        lines.append(f"model (gRPC)  {result.grpc_target}")
    if result.webapp_url and result.rest_url:
        predict_url = f"{result.rest_url}/v1/models/{model_name}:predict"
        lines.append(f"web page      {result.webapp_url}/ecommerce/mlinference?mlinference_host={predict_url}")
        lines.append(f"stop them     {_program()} stop --home {home.root}")
    if result.succeeded and not result.rest_url:
        lines.append(f"serve it      {_program()} serve --home {home.root}")
    return "\n".join(lines)


def _program() -> str:
    """This program as it was called, so that what is printed can be pasted."""
    return sys.argv[0] if Path(sys.argv[0]).name == "savedmodel-release" else "savedmodel-release"


def live_now(home: Home, model_name: str) -> str:
    """What the live service is meant to serve, in one sentence; read from the home, not remembered."""
    live = LocalPlatform(home).live_service(model_name)
    if live is None:
        return f"No release of {model_name} is live."
    unfinished = "" if live.phase == PROMOTED else " (its promotion is unfinished; the next run puts that right)"
    return f"Release {live.release.version} of {model_name} is live{unfinished}."
