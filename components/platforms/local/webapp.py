"""The web application's process on one machine."""

import logging
import sys
import time
from dataclasses import dataclass, replace

from components.platforms.local import loopback, ports
from components.platforms.local.home import Home, write_whole
from components.platforms.local.locks import FileLock
from components.platforms.local.processes import WEBAPP, Owner, ProcessRecord, start, tail
from model import json_codec
from model.errors import ServingFailed

log = logging.getLogger(__name__)

WEBAPP_PORT = 8080
POLL_S = 0.05


@dataclass(frozen=True)
class WebappRecord:
    """The running web application. `kept`: it outlives the runs that use it."""

    process: ProcessRecord
    port: int
    kept: bool = False

    @property
    def url(self) -> str:
        return f"http://{ports.LOOPBACK}:{self.port}"


def read_record(home: Home) -> WebappRecord | None:
    """The web application of the home, if it runs."""
    path = home.serving / "webapp.json"
    if not path.exists():
        return None
    try:
        record = json_codec.from_json(WebappRecord, path.read_text(encoding="utf-8"))
    except ValueError:
        log.warning("%s is damaged, as by a full disk: taken for none", path)
        return None
    return record if record.process.alive else None


def ensure_webapp(home: Home, *, run_id: str, default_model_url: str) -> WebappRecord:
    """The web application, started if none runs; does not wait until it answers.

    `default_model_url` is the predict URL that the form starts with.
    """
    with FileLock(home.lock("webapp-start")):
        running = read_record(home)
        if running is not None:
            return running
        port = ports.preferred_or_free(WEBAPP_PORT)
        if port != WEBAPP_PORT:
            log.info("port %d is in use: the web application listens on %d", WEBAPP_PORT, port)
        command = [
            *(sys.executable, "-P", "-m", "webapp", "--host", ports.LOOPBACK, "--port", str(port)),
            *("--model-url", default_model_url, "--allow-host", ports.LOOPBACK, "--allow-host", "localhost"),
        ]
        owner = Owner(str(home.root), run_id, WEBAPP)
        record = WebappRecord(start(command, owner=owner, log_file=home.logs / "webapp.log"), port)
        write_whole(home.serving / "webapp.json", json_codec.to_json(record))
        return record


def mark_kept(home: Home) -> None:
    record = read_record(home)
    if record is not None:
        write_whole(home.serving / "webapp.json", json_codec.to_json(replace(record, kept=True)))


def wait_until_serving(home: Home, record: WebappRecord, *, timeout_s: float = 30.0) -> str:
    """Waits until the web application answers.

    Returns:
        Its URL.

    Raises:
        ServingFailed: it ended, or does not answer in time; with its last log lines.
    """
    deadline = time.monotonic() + timeout_s
    while not _answers(record.url):
        if not record.process.alive or time.monotonic() > deadline:
            log_file = home.logs / "webapp.log"
            raise ServingFailed(
                expected="the web application to answer",
                found=f"nothing. Its last log lines:\n{tail(log_file)}",
                where=record.url,
                do=f"The whole log is in {log_file}.",
            )
        time.sleep(POLL_S)
    return record.url


def _answers(url: str) -> bool:
    answer = loopback.get(f"{url}/healthz", timeout_s=2)
    return answer is not None and answer.status_code == 200
