"""`savedmodel-release check-cluster`, as a process: exit status, table, JSON, interrupts."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.pipeline.cluster_check.fake_cluster import NAMESPACE, WEBAPP, Cluster, complete, forbidden, served
from tests.pipeline.runs import CLI

Arguments = tuple[str, ...]


def environment(kubeconfig: str) -> dict[str, str]:
    removed = ("KUBERNETES_SERVICE_HOST", "SAVEDMODEL_RELEASE_NAMESPACE", "STORAGE_EMULATOR_HOST")
    kept = {name: value for name, value in os.environ.items() if name not in removed}
    return {**kept, "KUBECONFIG": kubeconfig, "COLUMNS": "80"}


def kubeconfig(path: Path, *, server: str) -> str:
    document = {
        "current-context": "c",
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u", "namespace": NAMESPACE}}],
        "clusters": [{"name": "c", "cluster": {"server": server}}],
        "users": [{"name": "u", "user": {"token": "t"}}],
    }
    path.write_text(yaml.safe_dump(document))
    return str(path)


Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def cluster() -> Cluster:
    return complete()


@pytest.fixture
def start(cluster: Cluster, tmp_path: Path) -> Iterator[Start]:
    """Starts the command against `cluster`."""
    with served(cluster) as url:
        config = kubeconfig(tmp_path / "config", server=url)

        def start_command(*arguments: str) -> "subprocess.Popen[str]":
            streams: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
            return subprocess.Popen([CLI, "check-cluster", *arguments], env=environment(config), **streams)

        yield start_command


def run(start: Start, *arguments: str) -> tuple[int, str, str]:
    process = start(*arguments)
    out, err = process.communicate(timeout=60)
    return process.returncode, out, err


def test_a_whole_installation_is_exit_status_0_and_nothing_is_left(start: Start, cluster: Cluster) -> None:
    status, out, err = run(start)

    assert (status, err) == (0, "")
    assert "Releases can be made in namespace mlops, as far as this was asked; skipped: bucket." in out
    assert "What to do" not in out
    assert len(cluster.created) == 2
    assert cluster.left == []


def test_something_missing_is_exit_status_1_and_json_names_it(start: Start, cluster: Cluster) -> None:
    del cluster.objects[WEBAPP]

    status, out, _ = run(start, "--json")

    parsed = json.loads(out)
    missing = [each["check"] for each in parsed["checks"] if each["state"] == "missing"]
    assert (status, parsed["ready"], missing) == (1, False, ["web application"])


def test_what_could_not_be_asked_is_exit_status_1_too(start: Start, cluster: Cluster) -> None:
    cluster.answers[WEBAPP] = forbidden("get", "services")

    status, out, _ = run(start)

    assert status == 1
    assert "unknown: web application." in out


def test_without_probe_nothing_is_created_and_the_rest_suffices(start: Start, cluster: Cluster) -> None:
    status, out, _ = run(start, "--no-probe")

    assert status == 0
    assert "skipped" in out
    assert cluster.created == []


def test_a_namespace_that_is_not_there_is_told_and_nothing_is_tried_in_it(start: Start, cluster: Cluster) -> None:
    status, out, _ = run(start, "--namespace", "nowhere", "--sample")

    assert status == 1
    assert "kubectl create namespace nowhere" in out
    assert cluster.created == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_deletes_what_was_made(start: Start, cluster: Cluster, number: int) -> None:
    cluster.on_create = lambda *_: None  # so that it waits
    process = start("--timeout-s", "60")
    deadline = time.monotonic() + 30
    while not cluster.created and time.monotonic() < deadline:
        time.sleep(0.05)

    process.send_signal(number)
    _, err = process.communicate(timeout=30)

    assert len(cluster.created) == 1
    assert cluster.left == []
    assert process.returncode == 130
    assert "trial objects have been deleted" in err
    assert "Traceback" not in err


@pytest.mark.parametrize(
    "arguments",
    [
        ("--namespace", "No_Such"),
        ("--models-root", "/tmp/models"),
        ("--service-account", "a:b:c"),
        ("--timeout-s", "0"),
        ("--no-probe", "--sample"),
        ("--no-probe", "--sample-uri", "gs://b/flowers"),
        ("--unknown",),
    ],
)
def test_wrong_usage_is_exit_status_2_before_anything_is_asked(
    start: Start, cluster: Cluster, arguments: Arguments
) -> None:
    status, out, err = run(start, *arguments)

    assert (status, out) == (2, "")
    assert "Traceback" not in err
    assert cluster.asked == []


@pytest.mark.parametrize(
    "text",
    ["", "a: [", "- a list", "apiVersion: v1", "current-context: c\ncontexts: [{name: c}]\nclusters: 3\nusers: 4"],
)
def test_what_is_no_kubeconfig_is_told_in_the_table(tmp_path: Path, text: str) -> None:
    path = tmp_path / "config"
    path.write_text(text)

    command = [CLI, "check-cluster"]
    done = subprocess.run(command, env=environment(str(path)), capture_output=True, text=True, timeout=60, check=False)

    assert done.returncode == 1
    assert "no way to one is known, by the kubeconfig" in " ".join(done.stdout.split())
    assert "Traceback" not in done.stderr


def test_an_api_server_that_does_not_answer_is_told_with_its_address_as_json_too(tmp_path: Path) -> None:
    config = kubeconfig(tmp_path / "config", server="http://127.0.0.1:1")

    command = [CLI, "check-cluster", "--json"]
    done = subprocess.run(command, env=environment(config), capture_output=True, text=True, timeout=60, check=False)

    (only,) = json.loads(done.stdout)["checks"]
    assert done.returncode == 1
    assert (only["check"], only["state"]) == ("API server", "missing")
    assert "http://127.0.0.1:1" in only["found"]
    assert "Connection refused" in only["found"]


def test_credentials_that_nobody_knows_are_told(start: Start, cluster: Cluster) -> None:
    cluster.answers |= {"/version": (401, {"message": "Unauthorized"})}

    status, out, _ = run(start)

    assert status == 1
    assert "Sign in again" in out


def test_help_teaches_with_examples(start: Start) -> None:
    status, out, _ = run(start, "--help")

    assert status == 0
    assert "check-cluster --namespace mlops --models-root gs://BUCKET/models" in out
    assert "Exit status" in out
