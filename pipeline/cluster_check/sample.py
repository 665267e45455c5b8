"""--sample: serves KServe's flowers model for a moment and asks it; the storage initializer reads the bucket."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from components.platforms.kubernetes.connection import INFERENCE_SERVICES
from model.gcs_storage import GcsStorage
from pipeline.cluster_check import flowers
from pipeline.cluster_check.api_server import Answer, ApiServer
from pipeline.cluster_check.asking import ask
from pipeline.cluster_check.bucket import temporary_object
from pipeline.cluster_check.findings import Finding, State
from pipeline.cluster_check.rollout import NOT_IN_TIME, Seen, obstacle, seen, told_of
from pipeline.cluster_check.throwaway import lacking_right, no_creation, throwaway, unique_name

SAMPLE, FETCH = "flowers sample", "bucket, by KServe"
_SEE = "Mend what the message names; the checks of KServe tell more."


@dataclass(frozen=True)
class Sample:
    """What to serve for a moment. models_root: what KServe shall be able to read, too; empty for nothing.
    service_account: the pods'; empty for the namespace's default."""

    uri: str
    models_root: str = ""
    service_account: str = ""


def findings(server: ApiServer, sample: Sample, *, timeout_s: float) -> list[Finding]:
    refused = lacking_right(server, INFERENCE_SERVICES, SAMPLE)
    if refused is not None:
        return [refused]
    fetched = [fetch_finding(server, sample, timeout_s=timeout_s)] if sample.models_root else []
    return [*fetched, sample_finding(server, sample, timeout_s=timeout_s)]


def fetch_finding(server: ApiServer, sample: Sample, *, timeout_s: float) -> Finding:
    """Whether the storage initializer reads what stands under `models_root`. What it fetches is no model, and is gone
    before that matters."""
    name = unique_name("check-cluster", server.namespace)
    uri = f"{sample.models_root}/{name}"
    body = flowers.inference_service(name, server.namespace, uri=uri, service_account=sample.service_account)
    with (
        temporary_object(f"{uri}/1/no-model", storage=GcsStorage(deadline_s=timeout_s)),
        throwaway(server, INFERENCE_SERVICES, body) as created,
    ):
        if not created.ok:
            return no_creation(created, FETCH, webhook="KServe's webhook", do=_SEE, command="")
        why = _obstacle(server, name, uri, reached=lambda now: now.has_fetched, timeout_s=timeout_s)
    if why:
        who = sample.service_account or "default"
        do = f"Let the pods' service account, {who}, read it: by Workload Identity, or a Secret."
        return Finding(FETCH, State.MISSING, f"{sample.models_root} was not fetched: {why}", do)
    return Finding(FETCH, State.OK, f"the storage initializer fetched from {sample.models_root}")


def sample_finding(server: ApiServer, sample: Sample, *, timeout_s: float) -> Finding:
    began, uri, name = time.monotonic(), sample.uri, unique_name("flower-sample-check", server.namespace)
    body = flowers.inference_service(name, server.namespace, uri=uri, service_account=sample.service_account)
    with throwaway(server, INFERENCE_SERVICES, body) as created:
        if not created.ok:
            return no_creation(created, SAMPLE, webhook="KServe's webhook", do=_SEE, command="")
        if why := _obstacle(server, name, uri, reached=lambda now: now.is_rolled_out, timeout_s=timeout_s):
            return Finding(SAMPLE, State.MISSING, f"{uri} does not come to be served: {why}", _SEE)
        answer, way = ask(server, name, flowers.question())
    return answer_finding(answer, uri=uri, way=way, seconds=time.monotonic() - began)


def _obstacle(server: ApiServer, name: str, uri: str, *, reached: Callable[[Seen], bool], timeout_s: float) -> str:
    why = obstacle(lambda: seen(server, name, uri=uri), reached=reached, timeout_s=timeout_s)
    told = told_of(server, seen(server, name, uri=uri).pods) if why.startswith(NOT_IN_TIME) else ""
    return "; ".join(filter(None, [_shortened(why), told]))


def _shortened(text: str) -> str:
    """Of a log, the end alone."""
    first, *log = text.splitlines() or [""]
    return "\n".join([first, *log[-2:]])


def answer_finding(answer: Answer, *, uri: str, way: str, seconds: float) -> Finding:
    if answer.forbidden and "services" in answer.refusal:
        do = "Run this in a pod, or as somebody who may create services/proxy in this namespace."
        found = f"{uri} is served, but cannot be asked {way}: {answer.refusal}"
        return Finding(SAMPLE, State.UNKNOWN, found, do)
    wrong = flowers.complaint(answer.body) if answer.ok else answer.refusal
    if wrong:
        do = "Is that KServe's flowers model? --sample-uri names another place of it."
        return Finding(SAMPLE, State.MISSING, f"{uri} is served, and answers amiss, asked {way}: {wrong}", do)
    return Finding(SAMPLE, State.OK, f"{uri} answered {way}, {seconds:.0f} s after it was created")
