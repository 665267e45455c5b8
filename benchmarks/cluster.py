"""A release on the cluster that KUBECONFIG names: its seconds by step, and how many of them were the cluster's own.

One release of the sample is replaced by another, as the Job of cluster/job, with two executors. Meanwhile the pods and
SparkApplications of the namespace are watched, and each change is noted by this machine's clock as it arrives; the
same clock stamps the lines of the Job's log as they arrive, and so the steps' beginnings and ends.

The cluster's own seconds are those, within a step, in which one of these was under way:

    a pod of a model server starts: from its creation until it is Ready (scheduling, storage initializer, loading)
    Spark works: from the creation of the SparkApplication to the end of its driver (spark-submit, pods, job)
    the candidate's pod goes: from its deletion until it is gone
    the Job's own pod starts: from its creation until its container runs

All else is ours: imports, requests, waits that last longer than what they wait for, the model's trial in process. It
hardly grows with the number of rows, the first argument.
"""

import os
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kubernetes import client, config, watch

from model.sample import export as sample
from model.sample.visits import write_visits
from tests.cluster.conftest import kubectl
from tests.cluster.pipeline_runs import made_ready
from tests.cluster.release_jobs import Run
from tests.cluster.release_place import STEPS, Place

MODEL_SERVER, JOB, DRIVER = "serving.kserve.io/inferenceservice", "batch.kubernetes.io/job-name", "spark-role"
ENGINE = "the Job itself"

Span = tuple[float, float]


@dataclass
class Watched:
    """What happened in the namespace, by kind of event and name, at its first time (epoch)."""

    at: dict[tuple[str, str], float] = field(default_factory=dict)

    def note(self, kind: str, name: str) -> None:
        self.at.setdefault((kind, name), time.time())

    def pod(self, change: str, pod: dict[str, Any]) -> None:
        meta, labels, status = pod["metadata"], pod["metadata"].get("labels", {}), pod.get("status", {})
        name = meta["name"]
        containers = status.get("containerStatuses", [])
        if MODEL_SERVER in labels:
            self.note("server created", name)
            if any(each["type"] == "Ready" and each["status"] == "True" for each in status.get("conditions", [])):
                self.note("server ready", name)
            if "deletionTimestamp" in meta and "-candidate-" in name:
                self.note("candidate told to go", name)
            if change == "DELETED":
                self.note("candidate gone", name)
        if JOB in labels:
            self.note("job created", name)
            if any("running" in each["state"] for each in containers):
                self.note("job runs", name)
        if labels.get(DRIVER) == "driver" and any("terminated" in each["state"] for each in containers):
            self.note("driver ended", name.removesuffix("-driver"))

    def application(self, change: str, application: dict[str, Any]) -> None:
        self.note("application created", application["metadata"]["name"])

    def spans(self, begin: str, end: str) -> list[Span]:
        begun = {name: at for (kind, name), at in self.at.items() if kind == begin}
        return [(at, self.at[end, name]) for name, at in begun.items() if (end, name) in self.at]

    def of_the_cluster(self) -> list[Span]:
        return [
            *self.spans("server created", "server ready"),
            *self.spans("candidate told to go", "candidate gone"),
            *self.spans("application created", "driver ended"),
            *self.spans("job created", "job runs"),
        ]


@contextmanager
def watching(place: Place) -> Iterator[Watched]:
    """Notes what changes while the block runs."""
    watched = Watched()
    core, custom = client.CoreV1Api(place.admin), client.CustomObjectsApi(place.admin)
    where = ("sparkoperator.k8s.io", "v1beta2", place.namespace, "sparkapplications")
    streams = [
        (watched.pod, core.list_namespaced_pod, (place.namespace,)),
        (watched.application, custom.list_namespaced_custom_object, where),
    ]

    def follow(note: Any, listing: Any, arguments: tuple[str, ...]) -> None:
        for event in watch.Watch().stream(listing, *arguments, timeout_seconds=600):
            note(event["type"], event["raw_object"])

    for stream in streams:
        threading.Thread(target=follow, args=stream, daemon=True).start()
    yield watched


def covered_s(step: Span, spans: list[Span]) -> float:
    """Seconds of the step in which at least one of the spans was under way."""
    inside = sorted((max(begin, step[0]), min(end, step[1])) for begin, end in spans)
    covered, reached = 0.0, step[0]
    for begin, end in inside:
        covered += max(0.0, end - max(begin, reached))
        reached = max(reached, end)
    return covered


def steps_of(run: Run) -> dict[str, Span]:
    return {step: (run.time_of(f"… {step}"), run.time_of(f"✓ {step} ")) for step in STEPS}


def measured(place: Place, export: Path) -> dict[str, tuple[float, float]]:
    """Step -> its seconds, and how many of them were the cluster's."""
    with watching(place) as watched:
        began = time.time()
        run = place.start(export)
        outcome = run.outcome()
    assert outcome.status == 0, outcome.log
    ended = run.came[-1]
    spans = watched.of_the_cluster()
    steps = steps_of(run)
    table = {step: (span[1] - span[0], covered_s(span, spans)) for step, span in steps.items()}
    whole = (ended - began, covered_s((began, ended), spans))
    table[ENGINE] = tuple(all_ - sum(of) for all_, of in zip(whole, zip(*table.values(), strict=True), strict=True))
    return {**table, "the whole run": whole}


def show(table: dict[str, tuple[float, float]], *, rows: int) -> None:
    whole = table["the whole run"][0]
    print(f"\na release that replaces another, {rows:,} rows, two executors (seconds)")
    print(f"  {'':20} {'all':>8} {'cluster':>9} {'ours':>7} {'of the run':>11}")
    for step, (all_s, cluster_s) in table.items():
        ours = all_s - cluster_s
        print(f"  {step:20} {all_s:8.1f} {cluster_s:9.1f} {ours:7.1f} {ours / whole:11.1%}")


def main(rows: int = 1000) -> None:
    if not os.environ.get("KUBECONFIG"):
        sys.exit("bench-cluster: KUBECONFIG is not set")
    emulator = kubectl(
        "get",
        "clusterstoragecontainer",
        "default",
        '--output=jsonpath={.spec.container.env[?(@.name=="STORAGE_EMULATOR_HOST")].value}',
    )
    admin = config.new_client_from_config(os.environ["KUBECONFIG"])
    with tempfile.TemporaryDirectory() as directory:
        visits, exports = Path(directory, "visits.csv"), [Path(directory, name, "export") for name in ("one", "two")]
        write_visits(visits, rows=rows)
        for number, export in enumerate(exports):
            sample.build(export, weights={**sample.VARIABLES, "intercept": 0.1 * number})
        with made_ready(admin, emulator=emulator, rows=visits) as place:
            assert place.release(exports[0]).status == 0
            show(measured(place, exports[1]), rows=rows)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
