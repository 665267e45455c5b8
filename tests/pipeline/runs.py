"""Running the command line as a user does: in a process of its own, with a home of its own."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import requests

from components.platforms.local.home import Home
from components.platforms.local.ports import any_free
from components.platforms.local.processes import owned

CLI = str(Path(sys.executable).parent / "savedmodel-release")
LABELS = ("--set", "label_column=will_buy_on_return_visit")


@dataclass(frozen=True)
class Outcome:
    """How a run of the command line ended; `result` is its JSON, None where it printed none."""

    status: int
    result: dict[str, Any]
    log: str


def arguments(
    export: Path, rows: Path, *, home: Path, model_name: str = "rpm", more: tuple[str, ...] = ()
) -> list[str]:
    given = ("--model-name", model_name, "--export-uri", str(export), "--rows-uri", str(rows), "--home", str(home))
    return [CLI, "run", *given, "--json", *more]


def release(
    export: Path,
    rows: Path,
    *,
    home: Path,
    model_name: str = "rpm",
    more: tuple[str, ...] = (),
    environment: Mapping[str, str] | None = None,
) -> Outcome:
    """Runs `savedmodel-release run` to its end."""
    done = subprocess.run(
        arguments(export, rows, home=home, model_name=model_name, more=more),
        capture_output=True,
        text=True,
        env={**os.environ, **(environment or {})},
        timeout=480,
        check=False,
    )
    lines = done.stdout.strip().splitlines()
    return Outcome(done.returncode, json.loads(lines[-1]) if lines else {}, done.stderr)


def processes_of(home: Path) -> list[str]:
    """What runs of the home are still running, as command lines; a foreground `serve` is not among them."""
    return [" ".join(_command_line(process)) for process, _ in owned(Home.at(home).root)]


def _command_line(process: psutil.Process) -> list[str]:
    try:
        return list(process.cmdline())
    except psutil.NoSuchProcess:
        return []


@contextmanager
def serving(home: Path) -> Iterator[str]:
    """`savedmodel-release serve` on free ports.

    Yields:
        The REST API's URL.
    """
    port = any_free()
    command = [CLI, "serve", "--home", str(home), "--rest-port", str(port), "--grpc-port", str(any_free())]
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL) as server:
        url = f"http://127.0.0.1:{port}"
        try:
            wait_for(lambda: _answers(url), why=f"{url} to answer")
            yield url
        finally:
            server.terminate()
            server.communicate(timeout=20)


def _answers(url: str) -> bool:
    try:
        return requests.get(f"{url}/v1/models/none", timeout=2).status_code == 404
    except requests.RequestException:
        return False


def wait_for(condition: Any, *, why: str, timeout_s: float = 60.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {timeout_s:.0f} s for {why}")
        time.sleep(0.05)


def answers(url: str, *, model_name: str = "rpm") -> bool:
    """Whether the live model can be called yet."""
    status = requests.get(f"{url}/v1/models/{model_name}", timeout=20)
    return status.status_code == 200 and status.json()["model_version_status"][0]["state"] == "AVAILABLE"


def probability(url: str, *, model_name: str = "rpm") -> float:
    """What the live model says of the article's visitor."""
    instances = [{"bounces": [0], "time_on_site": [7363]}]
    body = {"signature_name": "serving_default", "instances": instances}
    answer = requests.post(f"{url}/v1/models/{model_name}:predict", json=body, timeout=20)
    answer.raise_for_status()
    return round(float(answer.json()["predictions"][0]["will_buy_on_return_visit_probs"][0]), 3)
