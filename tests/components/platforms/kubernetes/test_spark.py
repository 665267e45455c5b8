"""The SparkApplication that is asked for, what travels with it, what it waits for, and what is read out of its end."""

import base64
import io
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from components.contracts import ScoringJob, SparkSettings
from components.platforms.kubernetes.spark import Execution, cause, release_error
from components.platforms.kubernetes.spark_application import application_name, job_files, spark_application
from components.platforms.kubernetes.spark_driver import ERROR_MARK
from model.errors import InvalidValue, RowsMismatch, ScoringFailed
from model.sample.retail import SIGNATURE
from tests.components.platforms.kubernetes.api_server import ApiServer

JOB = ScoringJob("gs://b/rows.csv", "gs://b/out", SIGNATURE, endpoint_json="{}")


@pytest.mark.parametrize(
    "run_id", ["run-1", "8C9f0a1b-3333-4444-5555-666677778888", "Nightly / Retraining #7", "x" * 300]
)
def test_names_are_labels_with_room_for_what_spark_adds(run_id: str) -> None:
    name = application_name(run_id)

    assert len(name) <= 47
    assert name == name.lower()
    assert name.replace("-", "").isalnum()
    assert name == application_name(run_id)


def test_runs_that_read_alike_have_names_of_their_own() -> None:
    assert application_name("run 1") != application_name("run-1")


def test_settings_are_laid_over_the_defaults_and_what_must_be_stays() -> None:
    settings = """
      mainApplicationFile: local:///elsewhere.py
      driver: {coreRequest: 200m, configMaps: [{name: more, path: /more}]}
      executor: {instances: 5}
    """

    spec = spark_application("score-1", namespace="ns", wanted=SparkSettings(), settings=settings)["spec"]

    assert (spec["executor"]["cores"], spec["executor"]["memory"], spec["executor"]["instances"]) == (1, "1g", 5)
    assert spec["driver"]["coreRequest"] == "200m"
    assert [each["name"] for each in spec["driver"]["configMaps"]] == ["more", "score-1"]
    assert spec["mainApplicationFile"] == "local:///opt/savedmodel-release/main.py"


def test_what_the_runs_parameters_ask_for_goes_before_the_settings() -> None:
    wanted = SparkSettings("registry/spark:1", 4, 2, "3Gi", "pool=spark", "dedicated=spark:NoSchedule")

    spec = spark_application("score-1", namespace="ns", wanted=wanted, settings="executor: {instances: 9}")["spec"]

    assert spec["image"] == "registry/spark:1"
    assert (spec["executor"]["instances"], spec["executor"]["cores"]) == (4, 2)
    for role in ("driver", "executor"):
        assert spec[role]["memory"] == "3g"
        assert spec[role]["nodeSelector"] == {"pool": "spark"}
        assert spec[role]["tolerations"][0]["value"] == "spark"


def test_a_volume_is_mounted_by_driver_and_executors_beside_what_the_settings_mount() -> None:
    settings = "{volumes: [{name: v, emptyDir: {}}], driver: {volumeMounts: [{name: v, mountPath: /v}]}}"

    spec = spark_application("s", namespace="n", wanted=SparkSettings(volume_claim="rows"), settings=settings)["spec"]

    assert {"name": "data", "persistentVolumeClaim": {"claimName": "rows"}} in spec["volumes"]
    assert [each["mountPath"] for each in spec["driver"]["volumeMounts"]][::2] == ["/v", "/mnt/data"]
    assert spec["executor"]["volumeMounts"][-1] == {"name": "data", "mountPath": "/mnt/data"}


@pytest.mark.parametrize("memory", ["lots", "1.5g", "2"])
def test_memory_that_neither_java_nor_kubernetes_spells_so_is_refused(memory: str) -> None:
    with pytest.raises(InvalidValue, match="parameter spark_memory"):
        spark_application("score-1", namespace="ns", wanted=SparkSettings(memory=memory))


@pytest.mark.parametrize("settings", ["- a list", "driver: {", "words"])
def test_settings_that_are_no_object_are_refused(settings: str) -> None:
    with pytest.raises(InvalidValue, match=r"ConfigMap savedmodel-release-spark, spec\.yaml"):
        spark_application("score-1", namespace="ns", wanted=SparkSettings(), settings=settings)


def test_the_code_that_travels_imports_the_job_by_itself(tmp_path: Path) -> None:
    texts, binaries = job_files(JOB)
    for name, content in binaries.items():
        (tmp_path / name).write_bytes(base64.b64decode(content))
    program = "import sys; sys.path.insert(0, sys.argv[1]); import components.scoring.job as job; print(job.__file__)"

    done = subprocess.run(
        [sys.executable, "-P", "-c", program, str(tmp_path / "code.zip")],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout.startswith(str(tmp_path / "code.zip"))
    assert ScoringJob.from_json(texts["job.json"]) == JOB


def test_the_driver_refuses_a_job_of_another_version(tmp_path: Path) -> None:
    texts, binaries = job_files(JOB)
    for name, content in binaries.items():
        (tmp_path / name).write_bytes(base64.b64decode(content))
    for name, text in {**texts, "job.digest": "0123456789abcdef"}.items():
        (tmp_path / name).write_text(text)

    done = subprocess.run([sys.executable, "main.py"], cwd=tmp_path, capture_output=True, text=True, check=False)

    assert done.returncode == 1
    line = next(each for each in done.stdout.splitlines() if each.startswith(ERROR_MARK))
    assert "another version" in str(release_error(line.removeprefix(ERROR_MARK)))


def test_everything_that_travels_fits_into_a_config_map() -> None:
    texts, binaries = job_files(JOB)

    names = zipfile.ZipFile(io.BytesIO(base64.b64decode(binaries["code.zip"]))).namelist()
    assert "components/scoring/job.py" in names
    assert sum(map(len, [*texts.values(), *binaries.values()])) < 1024 * 1024


def test_the_cause_is_the_drivers_exception_rather_than_the_operators_words() -> None:
    log = "INFO x\nTraceback (most recent call last):\n  File a\n    boom()\nValueError: no such thing\nINFO stopping\n"

    assert cause("driver container failed with ExitCode: 1", log_text=log).endswith(": ValueError: no such thing")


def test_the_cause_of_a_failed_submission_is_one_line_of_its_output() -> None:
    message = 'failed to submit\nat x\nException in thread "main" io.fabric8: Forbidden\n\tat y'

    assert cause(message, log_text="") == 'Exception in thread "main" io.fabric8: Forbidden'


@pytest.mark.parametrize("kind", [RowsMismatch, ScoringFailed])
def test_the_drivers_error_comes_back_as_what_it_was(kind: type[RowsMismatch]) -> None:
    error = kind(expected="a column x", found="none", where="gs://b/rows.csv", do="Add it.")

    back = release_error(error.to_json())

    assert type(back) is kind
    assert str(back) == str(error)


def keep_pod(server: ApiServer, name: str, **status: Any) -> None:
    role = "driver" if name.endswith("-driver") else "executor"
    server.keep(f"pods/{name}", metadata={"name": name, "labels": {"spark-role": role}}, status=status)


def keep_unscheduled(server: ApiServer, name: str) -> None:
    condition = {"type": "PodScheduled", "status": "False", "message": "Insufficient cpu."}
    keep_pod(server, name, phase="Pending", conditions=[condition])


def keep_growth(server: ApiServer, pod: str) -> None:
    server.keep("events/e", reason="TriggeredScaleUp", involvedObject={"kind": "Pod", "name": pod})


def end_of(
    server: ApiServer,
    *,
    state: str = "SUBMITTED",
    timeout_s: float = 40.0,
    meanwhile: Callable[[int], None] = lambda second: None,
) -> tuple[str, int]:
    """Why the application `s` comes to no good end, and after how many seconds that is known. `meanwhile` is called at
    each second."""
    now = 0

    def sleep(seconds: float) -> None:
        nonlocal now
        now += int(seconds)
        meanwhile(now)

    server.keep("sparkapplications/s", status={"applicationState": {"state": state}})
    execution = Execution(server.connection(), "s", timeout_s, clock=lambda: now, sleep=sleep)
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


def test_an_operator_that_takes_nothing_up_is_told_after_a_minute(server: ApiServer) -> None:
    found, after_s = end_of(server, state="", timeout_s=100)

    assert found.startswith("the operator has not taken it up")
    assert after_s == 60
