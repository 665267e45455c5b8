"""The model servers of a home: one for all live models, and one apart for each candidate, so that a candidate that
kills its server takes nothing else with it.

Both are `tensorflow_model_server` if it is on PATH, else this project's own; both read a models.config file.
"""

import logging
import shutil
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from components.platforms.local import loopback, ports
from components.platforms.local.home import Home, write_whole
from components.platforms.local.locks import FileLock
from components.platforms.local.processes import CANDIDATE, MODEL_SERVER, Owner, ProcessRecord, start, tail
from model import json_codec
from model.endpoint import Endpoint
from model.errors import ServingFailed
from model.release_layout import Release
from model.server.config import ServedModel, format_config

log = logging.getLogger(__name__)

REST_PORT, GRPC_PORT = 8000, 8500
TENSORFLOW_SERVING = "tensorflow_model_server"
POLL_S = 0.05


@dataclass(frozen=True)
class ServerRecord:
    """A running model server. `kept`: it outlives the runs that use it."""

    process: ProcessRecord
    rest_port: int
    grpc_port: int
    log_file: str
    kept: bool = False

    def endpoint(self, served_name: str, *, version: int) -> Endpoint:
        rest_url = f"http://{ports.LOOPBACK}:{self.rest_port}"
        return Endpoint(rest_url, f"{ports.LOOPBACK}:{self.grpc_port}", served_name, version)


def command(config: Path, *, rest_port: int, grpc_port: int) -> list[str]:
    """The command line of the server, in TensorFlow Serving's own flags."""
    flags = [
        f"--port={grpc_port}",
        f"--rest_api_port={rest_port}",
        f"--model_config_file={config}",
        "--model_config_file_poll_wait_seconds=1",
        "--max_num_load_retries=0",
    ]
    if found := shutil.which(TENSORFLOW_SERVING):
        return [found, *flags]
    # -P: a folder called `model` in the working directory must not be taken for ours.
    return [sys.executable, "-P", "-m", "model.server", f"--host={ports.LOOPBACK}", *flags]


def uses_tensorflow_serving() -> bool:
    """Whether the servers are TensorFlow Serving's own."""
    return shutil.which(TENSORFLOW_SERVING) is not None


def base_path(release: Release) -> str:
    return release.uri.removeprefix("file://")


def write_config(config: Path, releases: Sequence[tuple[str, Release]]) -> None:
    models = [ServedModel(name, base_path(release), (release.version,)) for name, release in releases]
    write_whole(config, format_config(models))


def read_record(path: Path) -> ServerRecord | None:
    """The server that the record names, if it still runs."""
    if not path.exists():
        return None
    try:
        record = json_codec.from_json(ServerRecord, path.read_text(encoding="utf-8"))
    except ValueError:
        log.warning("%s is damaged, as by a full disk: taken for none", path)
        return None
    return record if record.process.alive else None


def ensure_live_server(home: Home, *, run_id: str) -> ServerRecord:
    """The server of all live models, started if none runs; does not wait until it answers."""
    with FileLock(home.lock("server-start")):
        running = read_record(home.serving / "server.json")
        if running is not None:
            return running
        home.models_config.parent.mkdir(parents=True, exist_ok=True)
        home.models_config.touch()
        return start_server(
            home.serving / "server.json",
            config=home.models_config,
            owner=Owner(str(home.root), run_id, MODEL_SERVER),
            log_file=home.logs / "model-server.log",
        )


def ensure_candidate_server(home: Home, model_name: str, *, run_id: str) -> ServerRecord:
    """The candidate's own server, started with nothing to serve if none runs."""
    running = read_record(home.candidate(model_name))
    if running is not None:
        return running
    write_whole(home.candidate_config(model_name), "")
    return start_server(
        home.candidate(model_name),
        config=home.candidate_config(model_name),
        owner=Owner(str(home.root), run_id, CANDIDATE),
        log_file=home.logs / f"{model_name}-candidate.log",
    )


def start_server(record_file: Path, *, config: Path, owner: Owner, log_file: Path) -> ServerRecord:
    """Starts a server on the usual ports, or on free ones where others listen there, and records it."""
    usual = owner.role == MODEL_SERVER
    rest_port = ports.preferred_or_free(REST_PORT) if usual else ports.any_free()
    grpc_port = ports.preferred_or_free(GRPC_PORT) if usual else ports.any_free()
    if usual and rest_port != REST_PORT:
        log.info("port %d is in use: the model server listens on %d", REST_PORT, rest_port)
    process = start(command(config, rest_port=rest_port, grpc_port=grpc_port), owner=owner, log_file=log_file)
    record = ServerRecord(process, rest_port, grpc_port, str(log_file))
    write_whole(record_file, json_codec.to_json(record))
    return record


def mark_kept(record_file: Path) -> None:
    """Lets the server outlive the runs that use it."""
    record = read_record(record_file)
    if record is not None:
        write_whole(record_file, json_codec.to_json(replace(record, kept=True)))


def wait_until_served(record: ServerRecord, served_name: str, *, version: int, timeout_s: float) -> Endpoint:
    """Waits until the server itself names the version as AVAILABLE.

    Raises:
        ServingFailed: the server ended, cannot load the model, or is not ready in time; with its last log lines.
    """
    endpoint = record.endpoint(served_name, version=version)
    deadline = time.monotonic() + timeout_s
    while True:
        state, message = version_state(endpoint)
        if state == "AVAILABLE":
            return endpoint
        if state == "END" and message:
            raise serving_failed(record, endpoint, found=f"the server cannot load it: {message}")
        if not record.process.alive:
            raise serving_failed(record, endpoint, found="the server ended while loading it")
        if time.monotonic() > deadline:
            raise serving_failed(record, endpoint, found=f"state {state or 'unknown'} after {timeout_s:.0f} s")
        time.sleep(POLL_S)


def version_state(endpoint: Endpoint) -> tuple[str, str]:
    """State and error message of the endpoint's version; empty where the server does not answer or know it yet."""
    answer = loopback.get(f"{endpoint.rest_url}/v1/models/{endpoint.model_name}", timeout_s=5)
    if answer is None or answer.status_code != 200:
        return "", ""
    for status in answer.json().get("model_version_status", []):
        if int(status["version"]) == endpoint.version:
            return str(status["state"]), str(status.get("status", {}).get("error_message", ""))
    return "", ""


def serving_failed(record: ServerRecord, endpoint: Endpoint, *, found: str) -> ServingFailed:
    lines = tail(Path(record.log_file))
    return ServingFailed(
        expected=f"version {endpoint.version} AVAILABLE",
        found=f"{found}. Its last log lines:\n{lines}" if lines else found,
        where=f"model server of {endpoint.model_name} at {endpoint.rest_url}",
        do=f"The whole log is in {record.log_file}.",
    )
