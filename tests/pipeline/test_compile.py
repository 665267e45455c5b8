import ast
import base64
import gzip
import inspect
import io
import json
import random
import re
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import pytest
import yaml

from components.images import PACKAGES, PINS
from components.packaging import MAX_ARCHIVE_BYTES, carried_files, import_closure, pack
from components.parameters import LONGEST_S, check_parameters
from components.platforms.kubernetes.spark import START_S
from model.errors import InvalidValue
from model.sample import retail
from pipeline.compile import compile_components, compile_pipeline
from pipeline.environments import COMPILED
from pipeline.freshness import stale_files
from pipeline.limits import DEADLINE_S
from pipeline.release_pipeline import STEPS

ROOT = COMPILED.parent.parent


@pytest.fixture(scope="module")
def compiled() -> str:
    return compile_pipeline()


def executors(text: str) -> dict[str, Any]:
    return next(iter(yaml.safe_load_all(text)))["deploymentSpec"]["executors"]  # type: ignore[no-any-return]


def archive_of(container: dict[str, Any]) -> bytes:
    source = "".join(container["command"])
    match = re.search(r"__KFP_EMBEDDED_ARCHIVE_B64 = '([^']+)'", source)
    assert match is not None
    return base64.b64decode(match[1])


def files_of(container: dict[str, Any]) -> list[str]:
    with tarfile.open(fileobj=io.BytesIO(archive_of(container)), mode="r:xz") as archive:
        return archive.getnames()


def test_two_processes_compile_the_same_bytes(compiled: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "pipeline.cli", "compile", "--output", str(tmp_path / "again.yaml")]
    subprocess.run(command, check=True, capture_output=True, env={"PYTHONHASHSEED": "7", "TZ": "Asia/Tokyo"}, cwd=ROOT)

    assert (tmp_path / "again.yaml").read_text() == compiled


def test_compiled_is_fresh() -> None:
    assert stale_files() == []


def test_every_step_carries_its_code_within_the_limit(compiled: str) -> None:
    sizes = {name: len(archive_of(each["container"])) for name, each in executors(compiled).items()}

    assert len(sizes) == len(STEPS)
    assert all(0 < size <= MAX_ARCHIVE_BYTES for size in sizes.values()), sizes


def test_a_step_and_those_before_it_carry_what_it_imports_and_nothing_of_the_pipeline(compiled: str) -> None:
    handed: set[str] = set()
    for step in STEPS:
        own = set(files_of(executors(compiled)[f"exec-{step.__name__.replace('_', '-')}"]["container"]))
        needed = set(carried_files(step.__module__))

        assert own <= needed
        assert needed <= own | (handed if step is not STEPS[-1] else set()), step.__name__
        assert not own & handed or step is STEPS[-1], "carried twice"
        assert all(name.startswith(("components/", "model/")) and name.endswith((".py", ".digest")) for name in own)
        handed |= own


def test_a_package_that_is_carried_in_part_is_found_whole_on_one_machine() -> None:
    carried = {name for step in STEPS for name in carried_files(step.__module__)}
    own = {ROOT / Path(*step.__module__.split(".")).parent for step in STEPS}  # a step's folder is needed by none else
    packages = {(ROOT / name).parent for name in carried if name.endswith("/__init__.py")} - own
    parts = [each for each in packages if any(str(path.relative_to(ROOT)) not in carried for path in each.glob("*.py"))]

    assert ROOT / "model" / "server" in parts
    assert [str(each) for each in parts if "extend_path" not in (each / "__init__.py").read_text()] == []


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.__name__)
def test_a_component_of_its_own_carries_all_that_it_imports(step: Any) -> None:
    (executor,) = executors(compile_components()[step.__name__]).values()

    assert set(files_of(executor["container"])) == set(carried_files(step.__module__))
    assert "code" not in inspect.signature(step).parameters


def test_a_closure_holds_what_functions_import_and_all_parents() -> None:
    closure = import_closure("components.promote_release.component")

    assert {"components/__init__.py", "components/recovery.py", "model/retries.py"} <= set(closure)
    assert not any(name.startswith("components/score_batch") for name in closure)


def test_an_archive_depends_on_names_and_contents_alone() -> None:
    assert pack({"a.py": b"1", "b.py": b"2"}) == pack({"b.py": b"2", "a.py": b"1"})
    assert pack({"a.py": b"1"}) != pack({"a.py": b"2"})


def test_a_prebuilt_image_installs_nothing() -> None:
    each = executors(compile_pipeline(image="registry.example/steps:1"))

    assert {executor["container"]["image"] for executor in each.values()} == {"registry.example/steps:1"}
    assert not any("pip install" in "".join(executor["container"]["command"]) for executor in each.values())


def test_steps_install_pinned_packages_and_only_validate_release_tensorflow(compiled: str) -> None:
    for name, executor in executors(compiled).items():
        command = "".join(executor["container"]["command"])
        assert "'protobuf==" in command
        assert ("'tensorflow==" in command) == (name == "exec-validate-release")


#: What stands under other names than its package, or comes with one.
PROVIDED = {
    "google-cloud-storage": {"google.cloud", "google.api_core", "google.auth", "requests"},
    "google-crc32c": {"google_crc32c"},
    "kubernetes": {"kubernetes", "yaml", "urllib3", "requests"},
    "protobuf": {"google.protobuf"},
}
#: What a step's code mentions and never comes to on a cluster: the local platform's Spark; writing an InferenceService.
NEVER = {"score_batch": {"pyspark", "py4j"}}


def third_party(step: str) -> set[str]:
    """Modules that the step's code may import, the first two parts of those of Google."""
    found = set()
    for source in import_closure(f"components.{step}.component").values():
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Import):
                found |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                found.add(node.module)
    short = {".".join(each.split(".")[: 2 if each.startswith("google.") else 1]) for each in found}
    return short - {"components", "model", *sys.stdlib_module_names}


@pytest.mark.parametrize("step", PACKAGES)
def test_a_step_installs_what_its_code_imports_and_nothing_else(step: str) -> None:
    needed = third_party(step) - NEVER.get(step, set())
    provided = {each: PROVIDED.get(each, {each}) for each in ("protobuf", *PACKAGES[step])}

    assert needed <= set().union(*provided.values())
    idle = {each for each, modules in provided.items() if not modules & needed}
    assert idle <= {"protobuf", "numpy"}, "numpy is pinned for kserve"


def test_pins_are_those_of_the_lock() -> None:
    lock = (ROOT / "requirements.lock").read_text()

    for name, version in PINS.items():
        assert re.search(rf"^{re.escape(name)}(\[[a-z,]+\])?=={re.escape(version)}[ \\]", lock, re.MULTILINE), name


def test_every_step_has_packages_and_a_component_of_its_own() -> None:
    assert set(PACKAGES) == {step.__name__ for step in STEPS} == set(compile_components())


def test_no_step_is_answered_from_a_cache(compiled: str) -> None:
    specification = next(iter(yaml.safe_load_all(compiled)))
    tasks = dict(specification["components"]["comp-exit-handler-1"]["dag"]["tasks"])

    assert len(tasks) == len(STEPS) - 1
    assert not any(task.get("cachingOptions", {}).get("enableCache") for task in tasks.values())


def test_what_the_backend_fills_in_is_the_whole_of_a_value(compiled: str) -> None:
    """Its driver compares whole constants; what stands beside a placeholder comes to the step as it was written."""
    constants = re.findall(r"constant: (.*{{.*)", compiled)

    assert set(constants) == {"'{{$.pipeline_job_uuid}}'"}


def defaults(text: str) -> dict[str, Any]:
    declared = next(iter(yaml.safe_load_all(text)))["root"]["inputDefinitions"]["parameters"]
    return {name: each["defaultValue"] for name, each in declared.items()}


def test_the_defaults_release_the_sample_from_the_bucket_that_was_named() -> None:
    named = defaults(compile_pipeline(bucket="gs://mine/ml"))

    assert named["export_uri"] == "gs://mine/ml/sample/exports"
    assert named["rows_uri"] == "gs://mine/ml/sample/visits.csv"
    assert (named["model_name"], named["label_column"], named["min_auc"]) == ("rpm", retail.LABEL, 0.6)
    check_parameters(named)


def test_without_a_bucket_the_defaults_are_refused_with_what_to_do(compiled: str) -> None:
    with pytest.raises(InvalidValue, match="your bucket"):
        check_parameters(defaults(compiled))


def test_a_volume_is_mounted_where_rows_are_read_and_told_to_spark() -> None:
    text = compile_pipeline(volume_claim="rows")
    platform = list(yaml.safe_load_all(text))[1]["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
    mounts = {name: each["pvcMount"] for name, each in platform.items() if "pvcMount" in each}

    assert [each["mountPath"] for each in mounts.pop("exec-validate-release")] == ["/mnt/data"]
    assert not mounts
    assert defaults(text)["spark_volume_claim"] == "rows"


def test_steps_that_read_the_bucket_are_given_its_key_or_its_stand_in() -> None:
    text = compile_pipeline(storage_secret="gcs-key", storage_emulator="http://gcs:4443")
    platform = list(yaml.safe_load_all(text))[1]["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
    mounts = {name: [each["secretName"] for each in of.get("secretAsVolume", [])] for name, of in platform.items()}
    told = {name: each["container"].get("env", []) for name, each in executors(text).items()}
    reading = [step.__name__ for step in STEPS if "model/gcs_storage.py" in carried_files(step.__module__)]
    readers = {f"exec-{name.replace('_', '-')}" for name in reading}

    assert len(readers) == 4
    assert {name for name, secrets in mounts.items() if "gcs-key" in secrets} == readers
    assert {name for name, env in told.items() if env} == readers
    key = {"name": "GOOGLE_APPLICATION_CREDENTIALS", "value": "/etc/savedmodel-release/storage/key.json"}
    assert all(
        env == [key, {"name": "STORAGE_EMULATOR_HOST", "value": "http://gcs:4443"}] for env in told.values() if env
    )


def task_timeouts(text: str) -> dict[str, int]:
    platform = list(yaml.safe_load_all(text))[1]["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
    return {name: int(each["activeDeadlineSeconds"]) for name, each in platform.items()}


def test_every_task_has_a_timeout_longer_than_the_longest_waits_in_it(compiled: str) -> None:
    timeouts = task_timeouts(compiled)
    ready, scoring = LONGEST_S["ready_timeout_s"], LONGEST_S["scoring_timeout_s"]
    waits = {"score": START_S + scoring, "deploy": ready, "validate": ready, "smoke": ready, "promote": 2 * ready}

    assert len(timeouts) == len(STEPS)
    assert all(timeouts[name] > 600 for name in timeouts)
    for step, wait_s in waits.items():
        assert next(each for name, each in timeouts.items() if step in name) > wait_s, step


def test_a_backend_that_knows_no_deadline_of_a_run_gets_all_else() -> None:
    platform = list(yaml.safe_load_all(compile_pipeline(without_deadline=True)))[1]["platforms"]["kubernetes"]

    assert platform.keys() == {"deploymentSpec"}
    assert all("activeDeadlineSeconds" in each for each in platform["deploymentSpec"]["executors"].values())


def test_the_runs_deadline_leaves_time_for_all_waits_as_they_are_by_default(compiled: str) -> None:
    given = defaults(compiled)

    assert START_S + given["scoring_timeout_s"] + 5 * given["ready_timeout_s"] + 3600 < DEADLINE_S


def test_the_exit_task_runs_last_and_takes_the_status(compiled: str) -> None:
    specification = next(iter(yaml.safe_load_all(compiled)))
    finish = specification["root"]["dag"]["tasks"]["finish-release"]

    assert finish["triggerPolicy"]["strategy"] == "ALL_UPSTREAM_TASKS_COMPLETED"
    assert "status" in finish["inputs"]["parameters"]


def estimated_workflow_bytes(text: str) -> int:
    """The Workflow object at a run's end: the pipeline once, and each step's command eight times more in the status,
    which Argo gzips when it grows large. Copies cost nothing there while they fit gzip's window of 32 KB."""
    specification = next(iter(yaml.safe_load_all(text)))
    commands = [json.dumps(each["container"]["command"]) for each in executors(text).values()]
    return workflow_bytes(specification, status="".join(command * 8 for command in commands))


def workflow_bytes(specification: dict[str, Any], *, status: str) -> int:
    return len(json.dumps(specification)) + len(base64.b64encode(gzip.compress(status.encode())))


def nodes_of_a_step(component: dict[str, Any], container: dict[str, Any]) -> list[dict[str, Any]]:
    """Those whose inputs and outputs hold what the step carries: the driver and its attempt, what runs the step, the
    step and its attempt."""
    patch = json.dumps({"containers": [{"args": [*container["command"], *container["args"]]}]})
    given = {"component": json.dumps(component), "task": json.dumps(component), "container": json.dumps(container)}
    driver = {"inputs": given, "outputs": {"pod-spec-patch": patch}}
    return [driver] * 2 + [{"inputs": {"pod-spec-patch": patch}}] * 3


def estimated_workflow_bytes_of_scattered_nodes(text: str, *, seed: int) -> int:
    """The same where nodes stand in the order of their ids, which are hashes of their names and of the Workflow's."""
    specification = next(iter(yaml.safe_load_all(text)))
    components = {
        each["executorLabel"]: each for each in specification["components"].values() if "executorLabel" in each
    }
    steps = [nodes_of_a_step(components[name], each["container"]) for name, each in executors(text).items()]
    nodes = [node for step in steps for node in step]
    random.Random(seed).shuffle(nodes)
    return workflow_bytes(specification, status=json.dumps(nodes))


def test_a_whole_run_fits_into_a_workflow_object(compiled: str) -> None:
    assert estimated_workflow_bytes(compiled) <= 700 * 1024
    assert max(estimated_workflow_bytes_of_scattered_nodes(compiled, seed=seed) for seed in range(5)) <= 800 * 1024
    assert all(len(json.dumps(each["container"])) < 96 * 1024 for each in executors(compiled).values())
