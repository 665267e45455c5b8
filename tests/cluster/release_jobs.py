"""The Job of cluster/job, made to release something in a test: its pod, its log as it is written, its end."""

import json
import shutil
import tempfile
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import urllib3
from kubernetes import client
from kubernetes.client.exceptions import ApiException

from tests.cluster.conftest import kubectl

CLUSTER = Path(__file__).resolve().parents[2] / "cluster"
#: The ConfigMap of cluster/job.
VALUES = "savedmodel-release-job"
#: Longer than any run takes here.
RUN_S = 300.0
#: In place of an exit status: the pod went before it could be read.
DELETED = -1


@dataclass(frozen=True)
class Outcome:
    """How a run ended. `result`: its JSON, empty where it printed none."""

    status: int
    result: dict[str, Any]
    log: str


class Run:
    """One release on its way: a Job, its pod, and the pod's log as it is written. came: when each line did (epoch)."""

    def __init__(self, admin: Any, namespace: str, suffix: str) -> None:
        self.namespace, self.job, self._values = namespace, f"savedmodel-release{suffix}", f"{VALUES}{suffix}"
        self._core = client.CoreV1Api(admin)
        self._lines: list[str] = []
        self.came: list[float] = []
        self._written = threading.Condition()
        self.over = False
        self.pod = self._first_pod()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def log(self) -> str:
        return "\n".join(self._lines)

    def time_of(self, text: str) -> float:
        """When the first line came that holds the text (epoch)."""
        return next(came for line, came in zip(self._lines, self.came, strict=True) if text in line)

    def wait_for(self, text: str, *, timeout_s: float = RUN_S) -> None:
        """Until a line of the log holds the text."""
        with self._written:
            self._written.wait_for(lambda: self.over or self._shows(text), timeout=timeout_s)
        assert self._shows(text), f"{self.job} did not come to {text!r}:\n{self.log}"

    def kill(self) -> None:
        """SIGKILL to every process of the pod at once, and the pod is gone: as when a node is lost."""
        kubectl("exec", self.pod, "--namespace", self.namespace, "--", "sh", "-c", "kill -9 -1")
        assert self.outcome().status == 137

    def outcome(self, *, timeout_s: float = RUN_S) -> Outcome:
        """Waits for the end, and removes the Job with its pod."""
        self._reader.join(timeout_s)
        status = self._status()
        assert status is not None, f"{self.job} did not come to its end in {timeout_s:.0f} s:\n{self.log}"
        printed = next((line for line in reversed(self._lines) if line.startswith("{")), "{}")
        of_it = (f"job/{self.job}", f"configmap/{self._values}")
        kubectl("delete", *of_it, "--namespace", self.namespace, "--cascade=foreground", "--grace-period=1")
        return Outcome(status, json.loads(printed), self.log)

    def _shows(self, text: str) -> bool:
        return any(text in line for line in self._lines)

    def _first_pod(self, *, timeout_s: float = 30.0) -> str:
        deadline = time.monotonic() + timeout_s
        selector = f"batch.kubernetes.io/job-name={self.job}"
        while not (pods := self._core.list_namespaced_pod(self.namespace, label_selector=selector).items):
            assert time.monotonic() < deadline, f"Job {self.job} has made no pod"
            time.sleep(0.1)
        return str(pods[0].metadata.name)

    def _status(self) -> int | None:
        """The exit status; None while it runs."""
        try:
            status = self._core.read_namespaced_pod(self.pod, self.namespace).status
        except ApiException as error:
            if error.status == 404:  # deleted, as a test may want it
                return DELETED
            raise
        ended = status.container_statuses[0].state.terminated if status.container_statuses else None
        return int(ended.exit_code) if ended else None

    def _read(self) -> None:
        while True:
            try:
                self._follow()
            except (ApiException, urllib3.exceptions.HTTPError):
                time.sleep(0.1)  # there is no container yet
            if self._status() is not None:
                break
        with self._written:
            self.over = True
            self._written.notify_all()

    def _follow(self) -> None:
        """From the beginning, in case it was torn off before."""
        answer = self._core.read_namespaced_pod_log(self.pod, self.namespace, follow=True, _preload_content=False)
        text, known = b"", len(self._lines)
        for chunk in answer.stream():
            *lines, text = (text + chunk).split(b"\n")
            with self._written:
                for line in lines:
                    if known:
                        known -= 1
                    else:
                        self._lines.append(line.decode())
                        self.came.append(time.time())
                self._written.notify_all()


def start_job(kustomization: Mapping[str, Any], *, namespace: str) -> None:
    """Applies a kustomization that stands beside a copy of cluster/job."""
    with tempfile.TemporaryDirectory() as directory:
        shutil.copytree(CLUSTER / "job", Path(directory, "job"))
        Path(directory, "kustomization.yaml").write_text(json.dumps(kustomization))
        kubectl("apply", "--namespace", namespace, "--kustomize", directory)


def release_job(suffix: str, values: dict[str, str], *, settings: dict[str, str], emulator: str) -> dict[str, Any]:
    """A kustomization of cluster/job. values: those of its release.env."""
    container = "/spec/template/spec/containers/0"
    arguments = ["--json", *(f"--set={name}={value}" for name, value in settings.items())]
    store = {"name": "STORAGE_EMULATOR_HOST", "value": emulator}
    changes = [
        *({"op": "add", "path": f"{container}/args/-", "value": each} for each in arguments),
        {"op": "add", "path": f"{container}/env/-", "value": store},
        {"op": "replace", "path": f"{container}/resources/requests", "value": {"cpu": "50m", "memory": "256Mi"}},
    ]
    generated = {"name": VALUES, "behavior": "merge", "literals": [f"{name}={value}" for name, value in values.items()]}
    return {
        "resources": ["job"],
        "nameSuffix": suffix,
        "configMapGenerator": [generated],
        "generatorOptions": {"disableNameSuffixHash": True},
        "patches": [{"target": {"kind": "Job"}, "patch": json.dumps(changes)}],
    }
