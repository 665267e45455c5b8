"""A namespace in which releases are made, and what can be asked of it."""

import io
import json
import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as parquet
import requests
import yaml
from kubernetes import client

from components.platforms.kubernetes.inference_service import LIVE_ANNOTATION
from components.platforms.kubernetes.spark_application import SETTINGS
from tests.cluster.conftest import apply, kubectl, names
from tests.cluster.release_jobs import Outcome, Run, release_job, start_job

STEPS = (
    "inspect_signature",
    "stage_release",
    "validate_release",
    "deploy_candidate",
    "score_batch",
    "smoke_test_webapp",
    "promote_release",
    "finish_release",
)
LABELLED = {"label_column": "will_buy_on_return_visit", "min_auc": "0.6"}
WEBAPP = "savedmodel-release-webapp"
#: What a release may leave something of. Jobs and their pods are the tests' own, and removed before one looks.
KINDS = "inferenceservices,sparkapplications,deployments,services,configmaps,leases.coordination.k8s.io,pods,jobs"
#: What stands there once the model `rpm` has been released, and did not before.
OF_A_LIVE_SERVICE = {
    "inferenceservice.serving.kserve.io/rpm",
    "deployment.apps/rpm-predictor",
    "service/rpm-predictor",
    "pod/rpm-predictor",
    "configmap/rpm-promoted",
}
#: For a run that is not about Spark.
QUICK = {"spark_executors": "1"}
Train = Callable[[float], Path]
_POD_OF_DEPLOYMENT = re.compile(r"(-predictor|-webapp)-[0-9a-z]+-[0-9a-z]{5}$")


@dataclass
class Place:
    """The tests' namespace, made ready for releases."""

    admin: Any
    namespace: str
    bucket: Any
    emulator: str
    front: str
    runs: int = field(default=0)

    def start(self, export: Path | str, *, model_name: str = "rpm", rows: str = "visits.csv", **settings: str) -> Run:
        """settings: parameters of the pipeline."""
        self.runs += 1
        suffix, store = f"-{model_name}-{self.runs}", f"gs://{self.bucket.name}"
        values = {
            "MODEL_NAME": model_name,
            "EXPORT_URI": export if isinstance(export, str) else self.uploaded(export),
            "ROWS_URI": f"{store}/rows/{rows}",
            "MODELS_ROOT": f"{store}/models",
        }
        job = release_job(suffix, values, settings={**LABELLED, **settings}, emulator=self.emulator)
        apply(_spark_settings(self.front), namespace=self.namespace)
        start_job(job, namespace=self.namespace)
        return Run(self.admin, self.namespace, suffix)

    def release(self, export: Path | str, **given: str) -> Outcome:
        return self.start(export, **given).outcome()

    def uploaded(self, export: Path) -> str:
        """The export in the bucket; tests/conftest.py builds it as KIND/export."""
        place = f"exports/{export.parent.name}/{export.name}"
        for path in sorted(each for each in export.rglob("*") if each.is_file()):
            self.bucket.blob(f"{place}/{path.relative_to(export)}").upload_from_filename(str(path))
        return f"gs://{self.bucket.name}/{place}"

    def parquet(self, uri: str) -> pa.Table:
        """All rows of a directory of Parquet files."""
        prefix = uri.removeprefix(f"gs://{self.bucket.name}/")
        parts = [blob for blob in self.bucket.list_blobs(prefix=f"{prefix}/") if blob.name.endswith(".parquet")]
        return pa.concat_tables(parquet.read_table(io.BytesIO(blob.download_as_bytes())) for blob in parts)

    def releases(self, model_name: str) -> dict[str, list[str]]:
        """Version -> the files below it."""
        prefix = f"models/{model_name}/releases/"
        found: dict[str, list[str]] = {}
        for blob in self.bucket.list_blobs(prefix=prefix):
            version, _, rest = blob.name.removeprefix(prefix).partition("/")
            found.setdefault(version, []).append(rest)
        return found

    def objects(self) -> set[str]:
        """What stands in the namespace; a pod by what it is a pod of."""
        found = {_POD_OF_DEPLOYMENT.sub(r"\1", each) for each in names(self.namespace, KINDS)}
        return found - {"configmap/kube-root-ca.crt"}

    def settled(self, wanted: set[str], *, timeout_s: float = 60.0) -> set[str]:
        """What stands there once it is what is wanted, or when the time is over: pods take a while to go."""
        deadline = time.monotonic() + timeout_s
        while (found := self.objects()) != wanted and time.monotonic() < deadline:
            time.sleep(0.5)
        return found

    def live(self, model_name: str = "rpm") -> "Live":
        service = self.read("inferenceservice", model_name)
        selector = f"--selector=serving.kserve.io/inferenceservice={model_name}"
        pods = json.loads(kubectl("get", "pods", selector, *self._as_json))["items"]
        up = {each["metadata"]["uid"] for each in pods if "deletionTimestamp" not in each["metadata"]}
        restarts = sum(
            each.get("restartCount", 0) for pod in pods for each in pod["status"].get("containerStatuses", [])
        )
        return Live(service["spec"]["predictor"], service["metadata"]["annotations"], frozenset(up), restarts)

    def read(self, kind: str, name: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(kubectl("get", kind, name, *self._as_json))
        return found

    @property
    def _as_json(self) -> tuple[str, ...]:
        return ("--namespace", self.namespace, "--output", "json")

    def address(self, service: str) -> str:
        """Where the Service can be reached from outside the cluster's DNS."""
        return str(client.CoreV1Api(self.admin).read_namespaced_service(service, self.namespace).spec.cluster_ip)

    def probability(self, model_name: str = "rpm") -> float:
        """What the live service says of the article's visitor."""
        url = f"http://{self.address(f'{model_name}-predictor')}/v1/models/{model_name}:predict"
        return asked(url)

    @contextmanager
    def asked_throughout(self, model_name: str = "rpm") -> Iterator[Counter[float | str]]:
        """Asks the live service without pause while the block runs, each time on a new connection, and counts the
        answers; a request that failed is counted by its error."""
        url = f"http://{self.address(f'{model_name}-predictor')}/v1/models/{model_name}:predict"
        answers: Counter[float | str] = Counter()
        over = threading.Event()

        def ask() -> None:
            while not over.wait(0.05):
                try:
                    answers[asked(url)] += 1
                except requests.RequestException as error:
                    answers[str(error)] += 1

        asking = threading.Thread(target=ask, daemon=True)
        asking.start()
        try:
            yield answers
        finally:
            over.set()
            asking.join()


@dataclass(frozen=True)
class Live:
    """A live service as it stands. pods: uids of those that are there to stay."""

    predictor: dict[str, Any]
    annotations: dict[str, str]
    pods: frozenset[str]
    restarts: int

    @property
    def written(self) -> dict[str, Any]:
        """What the last run has written on it: release, former, run_id, phase."""
        told: dict[str, Any] = json.loads(self.annotations[LIVE_ANNOTATION])
        return told

    @property
    def version(self) -> int:
        return int(self.written["release"]["version"])


def asked(url: str) -> float:
    """The probability that a visitor of 7363 seconds and no bounce buys: 0.775 by the sample model."""
    body = {"signature_name": "serving_default", "instances": [{"bounces": [0], "time_on_site": [7363]}]}
    answer = requests.post(url, json=body, timeout=10, headers={"Connection": "close"})
    answer.raise_for_status()
    return round(float(answer.json()["predictions"][0]["will_buy_on_return_visit_probs"][0]), 3)


def _spark_settings(store: str) -> dict[str, Any]:
    """What an administrator sets: little room, and the emulator in place of Cloud Storage."""
    role = {"coreRequest": "200m", "memory": "512m", "javaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"}
    spark = {
        "hadoopConf": {
            "fs.gs.auth.type": "UNAUTHENTICATED",
            "fs.gs.storage.root.url": store,
            "fs.gs.operation.move.enable": "false",  # which the emulator does not know; a copy does as well
        },
        "sparkConf": {"spark.ui.enabled": "false", "spark.scheduler.minRegisteredResourcesRatio": "0"},
        "driver": role,
        "executor": {**role, "instances": 2},
    }
    settings = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": SETTINGS}}
    return {**settings, "data": {"spec.yaml": yaml.safe_dump(spark)}}


@dataclass(frozen=True)
class Released:
    """A release that nothing disturbed: what stood in the namespace before it and after it, and what was live then."""

    outcome: Outcome
    before: set[str]
    after: set[str]
    live: Live


def released(place: Place, export: Path, **settings: str) -> Released:
    before = place.objects()
    outcome = place.release(export, **settings)
    assert outcome.status == 0, outcome.log
    return Released(outcome, before, place.settled(before | OF_A_LIVE_SERVICE), place.live())
