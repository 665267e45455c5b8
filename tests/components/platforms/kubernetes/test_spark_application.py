"""The SparkApplication that is asked for, and what travels with it."""

import base64
import io
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from components.contracts import ScoringJob, SparkSettings
from components.platforms.kubernetes.spark_application import application_name, job_files, spark_application
from components.platforms.kubernetes.spark_driver import ERROR_MARK
from components.platforms.kubernetes.spark_log import release_error
from model.errors import InvalidValue
from model.sample.retail import SIGNATURE

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


def test_no_sidecar_is_injected_unless_the_settings_ask_for_it() -> None:
    settings = 'executor: {labels: {team: rows, sidecar.istio.io/inject: "true"}}'

    spec = spark_application("s", namespace="n", wanted=SparkSettings(), settings=settings)["spec"]

    assert spec["driver"]["labels"] == {"sidecar.istio.io/inject": "false"}
    assert spec["executor"]["labels"] == {"sidecar.istio.io/inject": "true", "team": "rows"}


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


def driver_error(directory: Path, *, digest: str = "", **environment: str) -> str:
    """What the driver says that is wrong, where it is started with what travels."""
    texts, binaries = job_files(JOB)
    for name, content in binaries.items():
        (directory / name).write_bytes(base64.b64decode(content))
    for name, text in {**texts, **({"job.digest": digest} if digest else {})}.items():
        (directory / name).write_text(text)
    done = subprocess.run(
        [sys.executable, "main.py"],
        cwd=directory,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    line = next(each for each in done.stdout.splitlines() if each.startswith(ERROR_MARK))
    return str(release_error(line.removeprefix(ERROR_MARK)))


def test_the_driver_refuses_a_job_of_another_version(tmp_path: Path) -> None:
    assert "another version" in driver_error(tmp_path, digest="0123456789abcdef")


def test_the_driver_tells_in_a_line_why_spark_does_not_start(tmp_path: Path) -> None:
    arguments = "--master local[1] --conf spark.driver.port=no-number pyspark-shell"

    assert "no-number" in driver_error(tmp_path, PYSPARK_SUBMIT_ARGS=arguments)


def test_everything_that_travels_fits_into_a_config_map() -> None:
    texts, binaries = job_files(JOB)

    names = zipfile.ZipFile(io.BytesIO(base64.b64decode(binaries["code.zip"]))).namelist()
    assert "components/scoring/job.py" in names
    assert sum(map(len, [*texts.values(), *binaries.values()])) < 1024 * 1024
