"""A batch scored on the cluster's Spark, through a candidate, from and to the object store."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as parquet
import pytest
import yaml

from components.contracts import ScoreReport, ScoringJob, SparkSettings
from components.platforms.kubernetes.connection import Connection
from components.platforms.kubernetes.platform import KubernetesPlatform
from components.platforms.kubernetes.spark import KubernetesSpark
from components.platforms.kubernetes.spark_application import SETTINGS
from components.platforms.names import ACCESS_SECRET
from model.endpoint import Endpoint
from model.errors import InvalidValue, ScoringFailed
from model.sample.retail import SIGNATURE
from tests.cluster import gate, storage_front
from tests.cluster.conftest import Publish, ReachablePlatform, apply, kubectl, until_nothing_is_left
from tests.cluster.volume import volume
from tests.model.certificates import Authority

pytestmark = [pytest.mark.cluster, pytest.mark.slow]

LEFT_BEHIND = "sparkapplications,configmaps,leases.coordination.k8s.io"
NOT_OURS = f"--field-selector=metadata.name!=kube-root-ca.crt,metadata.name!={SETTINGS}"


@pytest.fixture(scope="module")
def front(emulator: str, accounts_namespace: str) -> Iterator[str]:
    """URL, inside the cluster, of the emulator behind tests/cluster/storage_front.py."""
    namespace = accounts_namespace
    code = Path(storage_front.__file__).read_text()
    container = {
        "name": "front",
        "image": "python:3.11-slim",
        "command": ["python3", "-c", code, emulator],
        "readinessProbe": {"tcpSocket": {"port": 4443}, "periodSeconds": 1},
    }
    meta, ports = {"name": "storage", "labels": {"app": "storage"}}, [{"port": 4443}]
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": {"containers": [container]}}
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": meta,
        "spec": {"selector": meta["labels"], "ports": ports},
    }
    apply(pod, namespace=namespace)
    apply(service, namespace=namespace)
    kubectl("wait", "--for=condition=Ready", "pod/storage", "--namespace", namespace, "--timeout=60s")
    yield f"http://storage.{namespace}.svc.cluster.local:4443"
    kubectl("delete", "pod/storage", "service/storage", "--namespace", namespace, "--grace-period=1")


@pytest.fixture
def spark(connection: Connection, front: str) -> KubernetesSpark:
    settle(connection, emulator=front)
    return KubernetesSpark(connection)


def settle(connection: Connection, *, emulator: str, **changes: Any) -> None:
    """What an administrator sets: little room, and the emulator in place of Cloud Storage."""
    role = {"coreRequest": "200m", "memory": "512m", "javaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"}
    hadoop = {
        "fs.gs.auth.type": "UNAUTHENTICATED",
        "fs.gs.storage.root.url": emulator,
        "fs.gs.operation.move.enable": "false",  # which the emulator does not know; a copy does as well
    }
    spec = {
        "hadoopConf": hadoop,
        "sparkConf": {"spark.ui.enabled": "false", "spark.scheduler.minRegisteredResourcesRatio": "0"},
        "driver": role,
        "executor": {**role, "instances": 1},
        **changes,
    }
    meta = {"name": SETTINGS}
    manifest = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": {"spec.yaml": yaml.safe_dump(spec)}}
    apply(manifest, namespace=connection.namespace)


def test_a_batch_is_scored_and_nothing_but_the_result_is_left(
    spark: KubernetesSpark,
    platform: ReachablePlatform,
    publish: Publish,
    bucket: Any,
    retail_propensity: Path,
    visits: Path,
) -> None:
    release = publish(retail_propensity, model_name="scored", version=1)
    cluster = KubernetesPlatform(platform.connection)  # Spark's pods know the cluster's names
    endpoint = cluster.deploy_candidate(release, run_id="run-1", timeout_s=120)
    bucket.blob("rows/visits.csv").upload_from_filename(str(visits))
    job = ScoringJob(
        rows_uri=f"gs://{bucket.name}/rows/visits.csv",
        predictions_uri=f"gs://{bucket.name}/predictions",
        signature=SIGNATURE,
        endpoint_json=endpoint.to_json(),
        label_column="will_buy_on_return_visit",
    )

    report = spark.run(job, run_id="run-1")

    assert (report.rows, report.failed_rows, report.labelled_rows) == (200, 0, 200)
    assert report.auc is not None
    assert report.auc > 0.6
    parts = [blob for blob in bucket.list_blobs(prefix="predictions/predictions/") if blob.name.endswith(".parquet")]
    tables = [parquet.read_table(io.BytesIO(blob.download_as_bytes())) for blob in parts]
    assert sum(table.num_rows for table in tables) == 200

    wrong = ScoringJob(f"gs://{bucket.name}/none.csv", job.predictions_uri, SIGNATURE, endpoint.to_json())
    with pytest.raises(InvalidValue, match=r"none\.csv"):
        spark.run(wrong, run_id="run-1")

    cluster.let_go("scored", run_id="run-1")
    assert until_nothing_is_left(spark.connection.namespace, LEFT_BEHIND, NOT_OURS) == []


HOST, TOKEN = "rpm.models.example", "t0ken-of-the-pipeline"


@contextmanager
def gateway(upstream: str, *, namespace: str, authority: Authority) -> Iterator[str]:
    """URL of tests/cluster/gate.py before `upstream`."""
    certified, code = authority.certify(HOST), Path(gate.__file__).read_text()
    container = {
        "name": "gate",
        "image": "python:3.11-slim",
        "command": ["python3", "-c", code, upstream, HOST, TOKEN],
        "readinessProbe": {"tcpSocket": {"port": 8443}, "periodSeconds": 1},
        "volumeMounts": [{"name": "gate", "mountPath": "/gate"}],
    }
    volumes = [{"name": "gate", "secret": {"secretName": "gate"}}]
    meta = {"name": "gate", "labels": {"app": "gate"}}
    manifests: list[dict[str, Any]] = [
        {
            "kind": "Secret",
            "stringData": {"tls.crt": certified.certificate.decode(), "tls.key": certified.key.decode()},
        },
        {"kind": "Pod", "spec": {"containers": [container], "volumes": volumes}},
        {"kind": "Service", "spec": {"selector": meta["labels"], "ports": [{"port": 8443}]}},
    ]
    for each in manifests:
        apply({"apiVersion": "v1", "metadata": meta, **each}, namespace=namespace)
    kubectl("wait", "--for=condition=Ready", "pod/gate", "--namespace", namespace, "--timeout=60s")
    yield f"https://gate.{namespace}.svc.cluster.local:8443"
    kubectl("delete", "pod/gate", "service/gate", "secret/gate", "--namespace", namespace, "--grace-period=1")


@contextmanager
def access(namespace: str, **files: str) -> Iterator[None]:
    """The Secret for guarded models."""
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": ACCESS_SECRET}, "stringData": files}
    apply(secret, namespace=namespace)
    yield
    kubectl("delete", f"secret/{ACCESS_SECRET}", "--namespace", namespace)


def test_a_model_behind_a_gateway_is_called_with_token_authority_and_host(
    spark: KubernetesSpark,
    platform: ReachablePlatform,
    publish: Publish,
    bucket: Any,
    retail_propensity: Path,
    visits: Path,
) -> None:
    release = publish(retail_propensity, model_name="guarded", version=1)
    cluster = KubernetesPlatform(platform.connection)
    endpoint = cluster.deploy_candidate(release, run_id="run-5", timeout_s=120)
    bucket.blob("rows/visits.csv").upload_from_filename(str(visits))
    authority, namespace = Authority(), spark.connection.namespace
    upstream = endpoint.rest_url.removeprefix("http://")

    with gateway(upstream, namespace=namespace, authority=authority) as url:
        guarded = replace(endpoint, rest_url=url, grpc_target="", host=HOST)
        job = ScoringJob(
            rows_uri=f"gs://{bucket.name}/rows/visits.csv",
            predictions_uri=f"gs://{bucket.name}/guarded",
            signature=SIGNATURE,
            endpoint_json=guarded.to_json(),
        )
        with access(namespace, **{"ca.crt": authority.pem.decode(), "token": TOKEN}):
            report = spark.run(job, run_id="run-5")
        with (
            access(namespace, **{"ca.crt": authority.pem.decode()}),
            pytest.raises(ScoringFailed, match="No token was sent"),
        ):
            spark.run(job, run_id="run-5")

    assert (report.rows, report.failed_rows) == (200, 0)
    cluster.let_go("guarded", run_id="run-5")
    assert until_nothing_is_left(namespace, "sparkapplications") == []


def test_rows_and_predictions_may_stand_on_a_volume(
    spark: KubernetesSpark, platform: ReachablePlatform, publish: Publish, retail_propensity: Path, visits: Path
) -> None:
    release = publish(retail_propensity, model_name="on-volume", version=1)
    cluster = KubernetesPlatform(platform.connection)
    endpoint = cluster.deploy_candidate(release, run_id="run-4", timeout_s=120)
    with volume(spark.connection.namespace) as rows:
        rows.shell("cat > /mnt/data/visits.csv", stdin=visits.read_text())
        job = ScoringJob(
            rows_uri="file:///mnt/data/visits.csv",
            predictions_uri="file:///mnt/data/out",
            signature=SIGNATURE,
            endpoint_json=endpoint.to_json(),
            spark=SparkSettings(volume_claim=rows.claim),
        )

        report = spark.run(job, run_id="run-4")

        assert (report.rows, report.failed_rows) == (200, 0)
        assert ScoreReport.from_json(rows.shell("cat /mnt/data/out/score_report.json")) == report
        assert ".parquet" in rows.shell("ls /mnt/data/out/predictions")
        cluster.let_go("on-volume", run_id="run-4")
        assert until_nothing_is_left(spark.connection.namespace, "sparkapplications") == []


def test_a_driver_that_cannot_start_is_told_from_its_pod(spark: KubernetesSpark, front: str) -> None:
    settle(spark.connection, emulator=front, image="10.244.255.1:1/spark:none")
    endpoint = Endpoint("http://nobody", "", "unscored-candidate", version=1)
    job = ScoringJob("gs://b/rows.csv", "gs://b/out", SIGNATURE, endpoint.to_json())

    with pytest.raises(ScoringFailed, match=r"image 10\.244\.255\.1:1/spark:none cannot be pulled"):
        spark.run(job, run_id="run-3")

    KubernetesPlatform(spark.connection).let_go("unscored", run_id="run-3")
    assert until_nothing_is_left(spark.connection.namespace, LEFT_BEHIND, NOT_OURS) == []
    assert until_nothing_is_left(spark.connection.namespace, "pods", "--selector=spark-role") == []
