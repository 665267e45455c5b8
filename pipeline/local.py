"""A release on this machine alone."""

import time
from dataclasses import replace

from rich.console import Console

from components.parameters import check_model_name, check_parameters
from components.platforms.local import servers, webapp
from components.platforms.local.home import Home
from components.platforms.local.session import session, start_ahead
from pipeline.engine import RunRequest, execute, new_run_id, verdict
from pipeline.interruption import PUTTING_BACK, interruptible
from pipeline.progress import elapsed_s
from pipeline.report import write_report
from pipeline.results import RunResult


def run_here(request: RunRequest, *, console: Console, run_id: str = "") -> RunResult:
    """Runs the pipeline to its end on this machine. run_id: empty for a new one.

    Raises:
        InvalidValue: a parameter breaks a rule; nothing has been changed.
        ReleaseInProgress: another run holds the model.
        KeyboardInterrupt: interrupted, by Ctrl-C or SIGTERM; everything has been put back.
    """
    check_model_name(request.model_name)
    check_parameters({"label_column": "", **request.parameters})
    run_id = run_id or new_run_id()
    predictions = str(request.home.predictions(request.model_name))
    request = replace(request, parameters={"predictions_uri": predictions, **request.parameters})
    console.print(f"run {run_id}: {request.model_name} from {request.parameters['export_uri']}", soft_wrap=True)
    began = time.monotonic()
    directory = request.home.run(run_id)
    with interruptible(PUTTING_BACK):
        with session(request.home, model_name=request.model_name, run_id=run_id, keep=request.keep) as platform:
            directory.mkdir(parents=True)
            start_ahead(platform, model_name=request.model_name)
            steps, complaint = execute(request, directory, console=console)
            result = verdict(request, run_id, steps=steps, complaint=complaint)
        result = _with_addresses(result, request.home)
    result = replace(result, seconds={**result.seconds, "total": elapsed_s(began)})
    write_report(result, request)
    return result


def _with_addresses(result: RunResult, home: Home) -> RunResult:
    """Adds the addresses of what still answers after the run."""
    server = servers.read_record(home.serving / "server.json")
    page = webapp.read_record(home)
    endpoint = server.endpoint("", version=0) if server else None
    return replace(
        result,
        rest_url=endpoint.rest_url if endpoint else None,
        grpc_target=endpoint.grpc_target if endpoint else None,
        webapp_url=page.url if page else None,
    )
