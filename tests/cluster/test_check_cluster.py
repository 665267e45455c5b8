"""`savedmodel-release check-cluster` on a real node: what is there, what is not, and that it leaves nothing behind."""

import json
import os
import shlex
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from components.platforms.kubernetes.connection import Connection
from pipeline.cluster_check import sample
from pipeline.cluster_check.api_server import ApiServer
from pipeline.cluster_check.findings import State
from pipeline.cluster_check.rights import BASE, rights_of
from tests.cluster.conftest import apply, kubectl, made_namespace, names, until_nothing_is_left
from tests.pipeline.cluster_check.flowers_export import flowers_model
from tests.pipeline.runs import CLI

pytestmark = pytest.mark.cluster

TRIALS = "inferenceservices,sparkapplications"


@dataclass(frozen=True)
class Outcome:
    status: int
    checks: dict[str, dict[str, Any]]

    def state(self, check: str) -> str:
        return str(self.checks[check]["state"])

    def found(self, check: str) -> str:
        return str(self.checks[check]["found"])


Start = Callable[..., "subprocess.Popen[str]"]
Check = Callable[..., Outcome]


@pytest.fixture
def start(emulator: str) -> Start:
    """Starts the command as whoever set the cluster up."""
    environment = {**os.environ, "STORAGE_EMULATOR_HOST": emulator}

    def start_command(*arguments: str) -> "subprocess.Popen[str]":
        command = [CLI, "check-cluster", *arguments]
        pipe = subprocess.PIPE
        return subprocess.Popen(command, env=environment, stdout=pipe, stderr=pipe, text=True)

    return start_command


@pytest.fixture
def check(start: Start) -> Check:
    def run(*arguments: str) -> Outcome:
        process = start(*arguments, "--json")
        out, err = process.communicate(timeout=240)
        assert out, err
        return Outcome(process.returncode, {each["check"]: each for each in json.loads(out)["checks"]})

    return run


@pytest.fixture
def bare() -> Iterator[str]:
    """A namespace in which nothing has been installed."""
    with made_namespace('{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "nothing"}}') as name:
        yield name
        # The web application lets its callers go first, and here are none.
        kubectl("delete", "deployments", "--all", "--namespace", name)
        kubectl("delete", "pods", "--all", "--namespace", name, "--force", "--grace-period=0")


@pytest.fixture(scope="session")
def flowers_uri(bucket: Any, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Where a model of the flowers sample's signature stands, as KServe's own does: in one numbered directory."""
    export = flowers_model(tmp_path_factory.mktemp("flowers") / "export")
    for path in sorted(each for each in export.rglob("*") if each.is_file()):
        bucket.blob(f"flowers/0001/{path.relative_to(export)}").upload_from_filename(str(path))
    return f"gs://{bucket.name}/flowers"


def trials_left(namespace: str) -> list[str]:
    """A Deployment that its controller makes of a trial in the moment of its deletion is the garbage collector's."""
    left = until_nothing_is_left(namespace, TRIALS)
    return left + until_nothing_is_left(namespace, "pods", "--selector", "serving.kserve.io/inferenceservice")


def test_after_cluster_base_nothing_is_missing(namespace: str, bucket: Any, flowers_uri: str, check: Check) -> None:
    kubectl("rollout", "status", "deployment/savedmodel-release-webapp", "-n", namespace, "--timeout=120s")
    root = f"gs://{bucket.name}/checked"

    outcome = check(
        *("--namespace", namespace, "--service-account", "savedmodel-release"),
        *("--models-root", root, "--sample-uri", flowers_uri),
    )

    amiss = {name: each for name, each in outcome.checks.items() if each["state"] not in ("ok", "warning")}
    assert (outcome.status, amiss) == (0, {})
    assert outcome.checks.keys() > {"KServe's controller", "Spark operator", "bucket, by KServe", "flowers sample"}
    assert "answered through the API server" in outcome.found("flowers sample")
    assert list(bucket.list_blobs(prefix="checked/")) == []
    assert trials_left(namespace) == []


def test_as_the_pipelines_account_all_but_what_it_may_not_see_is_known(
    connection: Connection, kubeconfig: Path, check: Check, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBECONFIG", str(kubeconfig))
    command = subprocess.run([CLI, "check-cluster", "--json"], capture_output=True, text=True, timeout=120, check=False)

    checks = {each["check"]: each for each in json.loads(command.stdout)["checks"]}
    unknown = {name for name, each in checks.items() if each["state"] == "unknown"}
    assert {"Spark's account", "Spark's rights"} == unknown
    assert checks["pipeline's rights"]["state"] == checks["KServe's controller"]["state"] == "ok"
    assert "tensorflow/serving" in checks["TensorFlow runtime"]["found"]


def test_inside_the_network_the_sample_is_asked_at_its_service(
    connection: Connection, service_names: None, flowers_uri: str
) -> None:
    server = ApiServer.of(connection)

    (found,) = sample.findings(server, sample.Sample(flowers_uri), timeout_s=120)

    assert found.state is State.OK, found
    assert "answered at its Service" in found.found
    assert trials_left(connection.namespace) == []


def test_a_namespace_without_the_roles_names_every_right_and_what_mends_it(bare: str, check: Check) -> None:
    given = ("--namespace", bare, "--service-account", "savedmodel-release", "--no-probe")

    before = check(*given)
    lacking = before.checks["pipeline's rights"]
    _type(lacking["command"])
    after = check(*given)

    accounts = ("pipeline's account", "pipeline's rights", "Spark's account")
    assert (before.status, {before.state(each) for each in accounts}) == (1, {"missing"})
    for resource, verbs in rights_of((BASE / "pipeline-account.yaml").read_text()).items():
        told = next(part for part in lacking["found"].split("; ") if resource in part.split())
        assert all(verb in told for verb in verbs), (resource, told)
    assert {after.state(each) for each in accounts} == {"ok"}


def test_another_account_gets_the_role_by_the_command_that_is_told(bare: str, check: Check) -> None:
    apply({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "runner"}}, namespace=bare)
    given = ("--namespace", bare, "--service-account", "runner", "--no-probe")

    before = check(*given).checks["pipeline's rights"]
    _type(before["command"])
    after = check(*given)

    assert before["state"] == "missing"
    assert after.state("pipeline's rights") == "ok"


def _type(command: str) -> None:
    """Runs what somebody would copy from the terminal; the web application's pods are of no interest here."""
    for part in command.split(" && "):
        program, *arguments = shlex.split(part.replace("cluster/base", str(BASE)))
        assert program == "kubectl"
        kubectl(*arguments)


def test_an_operator_that_does_not_look_in_time_is_missing(accounts_namespace: str, check: Check) -> None:
    outcome = check("--namespace", accounts_namespace, "--timeout-s", "1")

    assert outcome.state("Spark operator") == "missing"
    assert "within 1 s" in outcome.found("Spark operator")
    assert trials_left(accounts_namespace) == []


def test_a_sample_that_is_nowhere_is_told_in_the_initializers_words(
    accounts_namespace: str, bucket: Any, check: Check
) -> None:
    outcome = check("--namespace", accounts_namespace, "--sample-uri", f"gs://{bucket.name}/nowhere")

    assert outcome.state("flowers sample") == "missing"
    assert "storage-initializer of pod flower-sample-check-" in outcome.found("flowers sample")
    assert trials_left(accounts_namespace) == []


def test_a_webhook_that_does_not_answer_is_named(bare: str, check: Check) -> None:
    rule = {"apiGroups": ["serving.kserve.io"], "apiVersions": ["*"], "resources": ["*"], "operations": ["CREATE"]}
    webhook = {
        "name": "inferenceservice.kserve-webhook-server.defaulter",
        "admissionReviewVersions": ["v1"],
        "sideEffects": "None",
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": bare}},
        "clientConfig": {"service": {"name": "nobody", "namespace": bare, "path": "/"}},
        "rules": [rule],
    }
    manifest = {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": bare},
        "webhooks": [webhook],
    }
    apply(manifest, namespace=bare)
    try:
        time.sleep(2)  # for the API server to learn of it
        outcome = check("--namespace", bare, "--timeout-s", "10")
    finally:
        kubectl("delete", "validatingwebhookconfiguration", bare)

    assert outcome.state("KServe's controller") == "missing"
    assert outcome.found("KServe's controller").startswith("KServe's webhook does not answer")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_leaves_nothing(accounts_namespace: str, start: Start, number: int) -> None:
    process = start("--namespace", accounts_namespace)
    deadline = time.monotonic() + 60
    while not names(accounts_namespace, TRIALS) and time.monotonic() < deadline:
        time.sleep(0.1)

    process.send_signal(number)
    _, err = process.communicate(timeout=60)

    assert process.returncode == 130, err
    assert trials_left(accounts_namespace) == []
