"""What a SparkApplication on its way is waited for, and what is told of its end."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from components.platforms.kubernetes.connection import Connection
from components.platforms.kubernetes.spark import DRIVER_CONTAINER, Execution
from components.platforms.kubernetes.spark_application import MOUNT
from components.platforms.kubernetes.spark_driver import ERROR_MARK, REPORT_MARK
from model.errors import ScoringFailed
from tests.components.platforms.kubernetes.api_server import NAMESPACE, ApiServer


def keep_pod(server: ApiServer, name: str, *, mounts: str = MOUNT, **status: Any) -> None:
    role = "driver" if name.endswith("-driver") else "executor"
    container = {"name": "spark", "volumeMounts": [{"name": "v", "mountPath": mounts}]}
    meta, spec = {"name": name, "labels": {"spark-role": role}}, {"containers": [container]}
    server.keep(f"pods/{name}", metadata=meta, spec=spec, status=status)


def keep_running_driver(server: ApiServer) -> None:
    running = {"name": DRIVER_CONTAINER, "ready": True, "state": {"running": {}}}
    keep_pod(server, "s-driver", phase="Running", containerStatuses=[running])


def keep_unscheduled(server: ApiServer, name: str) -> None:
    condition = {"type": "PodScheduled", "status": "False", "message": "Insufficient cpu."}
    keep_pod(server, name, phase="Pending", conditions=[condition])


def keep_growth(server: ApiServer, pod: str) -> None:
    server.keep("events/e", reason="TriggeredScaleUp", involvedObject={"kind": "Pod", "name": pod})


@dataclass(frozen=True)
class Logs(Connection):
    """A cluster whose pods have written this."""

    logs: dict[str, str]

    def log(self, pod: str, container: str, *, since_s: int | None = None) -> str:
        lines = self.logs.get(pod, "").splitlines()
        return "\n".join(f"{second} {line}" if since_s else line for second, line in enumerate(lines, 1))


def keep_end(server: ApiServer, *, state: str = "FAILED", pod: str = "", message: str = "") -> None:
    status = {"driverInfo": {"podName": pod}, "applicationState": {"state": state, "errorMessage": message}}
    server.keep("sparkapplications/s", status=status)


def end_of(
    server: ApiServer,
    *,
    state: str = "SUBMITTED",
    timeout_s: float = 40.0,
    meanwhile: Callable[[int], None] = lambda second: None,
    logs: dict[str, str] | None = None,
) -> tuple[str, int]:
    """Why the application `s` comes to no good end, and after how many seconds that is known. `meanwhile` is called at
    each second."""
    now = 0

    def sleep(seconds: float) -> None:
        nonlocal now
        now += int(seconds)
        meanwhile(now)

    server.keep("sparkapplications/s", status={"applicationState": {"state": state}})
    connection = Logs(server.connection().api, NAMESPACE, logs or {})
    execution = Execution(connection, "s", timeout_s, clock=lambda: now, sleep=sleep)
    with pytest.raises(ScoringFailed) as caught:
        execution.until_done()
    return caught.value.found, now


PODS = pytest.mark.parametrize(("name", "state"), [("s-driver", "SUBMITTED"), ("job-exec-1", "RUNNING")])


@PODS
def test_a_pod_that_fits_on_no_node_is_given_up(server: ApiServer, name: str, state: str) -> None:
    keep_unscheduled(server, name)

    assert end_of(server, state=state) == (f"pod {name} cannot be scheduled: Insufficient cpu.", 20)


@PODS
def test_a_pod_that_the_cluster_adds_a_node_for_is_waited_for(server: ApiServer, name: str, state: str) -> None:
    keep_unscheduled(server, name)

    def grow(second: int) -> None:
        if second == 15:
            keep_growth(server, name)
        if second == 30:
            keep_pod(server, name, phase="Running")
        if second == 35:
            end = {"state": "FAILED", "errorMessage": "the job's own error"}
            server.keep("sparkapplications/s", status={"applicationState": end})

    assert end_of(server, state=state, meanwhile=grow) == ("the job's own error", 35)


def test_a_node_that_does_not_come_in_time_is_told(server: ApiServer) -> None:
    keep_unscheduled(server, "s-driver")
    keep_growth(server, "s-driver")

    assert end_of(server) == ("no end after 40 s; pod s-driver cannot be scheduled: Insufficient cpu.", 41)


def test_an_image_that_cannot_be_pulled_counts_under_both_its_names(server: ApiServer) -> None:
    def refuse(second: int) -> None:
        waiting = {"reason": ("ErrImagePull", "ImagePullBackOff")[second % 2], "message": "not found"}
        container = {"name": "spark", "image": "spark:none", "ready": False, "state": {"waiting": waiting}}
        keep_pod(server, "s-driver", phase="Pending", containerStatuses=[container])

    refuse(0)
    found, after_s = end_of(server, meanwhile=refuse)

    assert "its image spark:none cannot be pulled" in found
    assert after_s == 6


def test_where_one_executor_runs_the_others_may_wait(server: ApiServer) -> None:
    keep_pod(server, "s-driver", phase="Running")
    keep_pod(server, "job-exec-1", phase="Running")
    keep_unscheduled(server, "job-exec-2")

    assert end_of(server, state="RUNNING") == ("no end after 40 s", 41)


def test_a_container_that_ended_is_left_to_spark_and_the_operator(server: ApiServer) -> None:
    ended = {"terminated": {"exitCode": 1, "reason": "Error"}}
    container = {"name": "spark-kubernetes-executor", "ready": False, "state": ended}
    keep_pod(server, "job-exec-1", phase="Failed", containerStatuses=[container])

    assert end_of(server, state="RUNNING") == ("no end after 40 s", 41)


def test_an_operator_that_takes_nothing_up_is_told_after_three_minutes(server: ApiServer) -> None:
    found, after_s = end_of(server, state="", timeout_s=200)

    assert found.startswith("the operator has not taken it up")
    assert after_s == 180


def test_an_operator_that_made_a_driver_may_be_late_with_its_word(server: ApiServer) -> None:
    keep_pod(server, "s-driver", phase="Pending")

    assert end_of(server, state="", timeout_s=200) == ("no end after 200 s", 201)


def test_a_driver_that_the_webhook_did_not_change_is_told_at_once(server: ApiServer) -> None:
    keep_pod(server, "s-driver", mounts="/var/run/secrets", phase="Running")

    assert end_of(server) == ("the Spark operator's webhook did not change that pod", 0)


def test_a_driver_that_the_webhook_did_not_change_is_told_after_its_end_too(server: ApiServer) -> None:
    keep_pod(server, "s-driver", mounts="/var/run/secrets", phase="Failed")

    found, _ = end_of(server, state="FAILED")

    assert found == "the Spark operator's webhook did not change that pod"


def test_the_log_is_that_of_the_pod_that_the_operator_names(server: ApiServer) -> None:
    error = ScoringFailed(expected="rows", found="the job's own error", where="gs://b", do="")
    logs = {"mine": f"{ERROR_MARK}{error.to_json()}"}

    found, _ = end_of(server, logs=logs, meanwhile=lambda _: keep_end(server, pod="mine"))

    assert found == "the job's own error"


def test_a_report_that_is_not_whole_is_told(server: ApiServer) -> None:
    logs = {"s-driver": f'{REPORT_MARK}{{"rows": 3, "fai'}

    found, _ = end_of(server, logs=logs, meanwhile=lambda _: keep_end(server, state="COMPLETED"))

    assert found == "the driver's log holds no whole report"


def test_a_driver_without_memory_is_told_with_what_gives_more(server: ApiServer) -> None:
    keep_end(server, message="driver container failed with ExitCode: 137, Reason: OOMKilled")

    with pytest.raises(ScoringFailed, match="raise spark_memory"):
        Execution(server.connection(), "s", 10).until_done()


@pytest.mark.parametrize(
    ("log", "why"),
    [
        ("x\npods is forbidden: exceeded quota: q. Received status: 403\ny\n", "pods is forbidden: exceeded quota: q"),
        ("", "the driver does not say why"),
    ],
)
def test_executors_that_cannot_even_be_made_are_told_after_two_minutes(server: ApiServer, log: str, why: str) -> None:
    keep_running_driver(server)

    end = end_of(server, state="RUNNING", timeout_s=200, logs={"s-driver": log})

    assert end == (f"no executor could be made: {why}", 120)


def test_executors_that_were_there_once_could_be_made(server: ApiServer) -> None:
    keep_running_driver(server)
    keep_pod(server, "job-exec-1", phase="Running")

    def go(second: int) -> None:
        if second == 5:
            del server.objects["pods/job-exec-1"]

    assert end_of(server, state="RUNNING", timeout_s=200, meanwhile=go) == ("no end after 200 s", 201)
