"""KubernetesPlatform: what components.platforms.Platform asks, on a cluster with KServe."""

import logging
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, replace

from components.platforms import PROMOTED, PROMOTING, LiveService
from components.platforms.kubernetes.connection import (
    INFERENCE_SERVICES,
    SPARK_APPLICATIONS,
    Changed,
    Connection,
    Object,
)
from components.platforms.kubernetes.inference_service import (
    CANDIDATE_ANNOTATION,
    candidate_service,
    live_service,
    promoted_into,
    put_back,
    settings_of,
    storage_uri,
    written_on,
)
from components.platforms.kubernetes.kserve_version import refuse_old_kserve
from components.platforms.kubernetes.lease import RunLease
from components.platforms.kubernetes.waiting import Wait, until_gone
from components.platforms.names import MODEL_LABEL, candidate_name
from components.platforms.serving import ServingSettings
from model import json_codec
from model.endpoint import Endpoint
from model.errors import InvalidValue, ServingFailed
from model.release_layout import Release

log = logging.getLogger(__name__)

NOTHING_SET = ServingSettings()
#: KServe writes an InferenceService's status a few times a second while a rollout begins.
TRIES, BETWEEN_TRIES_S = 20, 0.5


@dataclass(frozen=True)
class KubernetesPlatform:
    """Serves in one namespace.

    What a run did to the live service is written on the InferenceService itself, together with the storageUri. That a
    promotion came to its end is written beside it, in the ConfigMap `<model_name>-promoted`: KServe rolls the pods out
    anew for any change of an annotation.
    """

    connection: Connection
    name: str = "kubernetes"
    #: tensorflow/serving#1639: its JSON has neither.
    refused_dtypes: tuple[str, ...] = ("float16", "uint16")
    sleep: Callable[[float], None] = time.sleep

    @classmethod
    def from_environment(cls) -> "KubernetesPlatform":
        return cls(Connection.from_environment())

    def holding(self, model_name: str, *, run_id: str, wait: bool = True) -> AbstractContextManager[None]:
        return RunLease(self.connection, model_name, run_id).held(wait=wait)

    def let_go(self, model_name: str, *, run_id: str) -> None:
        RunLease(self.connection, model_name, run_id).give_up()

    def live_service(self, model_name: str) -> LiveService | None:
        found = self.connection.get(INFERENCE_SERVICES, model_name)
        return self._written_on(found) if found else None

    def _written_on(self, found: Object) -> LiveService:
        written = written_on(found)
        promoted = replace(written, phase=PROMOTED)
        confirmed = self.connection.config_map(_confirmation(found["metadata"]["name"])).get("live")
        return promoted if confirmed == json_codec.to_json(promoted) else written

    def write_live_service(self, service: LiveService) -> None:
        """PROMOTED, where this very promotion stands there as PROMOTING, confirms it. Where the service stands there
        already, an earlier attempt wrote it, and nothing is done.

        Raises:
            ServingFailed: others change it all the time.
        """
        name = service.release.model_name
        for _ in range(TRIES):
            with suppress(Changed):  # KServe writes its status into the same object
                if self._write(service, name=name):
                    return
            self.sleep(BETWEEN_TRIES_S)
        raise ServingFailed(
            expected="to change it",
            found=f"{TRIES} changes by others in between",
            where=f"InferenceService {self.connection.namespace}/{name}",
            do="kubectl get --show-managed-fields -o yaml shows whose.",
        )

    def _write(self, service: LiveService, *, name: str) -> bool:
        """False if another one has been created meanwhile."""
        found = self.connection.get(INFERENCE_SERVICES, name)
        if found is None:
            return self.connection.create(INFERENCE_SERVICES, self._body(service, found))
        written = written_on(found)
        if service.phase == PROMOTED and written == replace(service, phase=PROMOTING):
            confirmed = {"live": json_codec.to_json(service)}
            self.connection.write_config_map(_confirmation(name), data=confirmed, owner=found)
        elif written != service:
            self.connection.replace(INFERENCE_SERVICES, self._changed(found, service))
        return True

    def _changed(self, found: Object, service: LiveService) -> Object:
        """What stands there, pointed at the release: by a rollback exactly as it was before, else with the settings of
        the candidate that was tried."""
        if service.phase == PROMOTED and (former := put_back(found, service)):
            return former
        unfinished = self._written_on(found).phase == PROMOTING
        return promoted_into(found, self._body(service, found), keep_former=unfinished)

    def _body(self, service: LiveService, found: Object | None) -> Object:
        source = self._tried(service.release) or found
        settings = settings_of(source) if source else ServingSettings()
        if found is not None:
            settings = replace(settings, deployment_mode=settings_of(found).deployment_mode)
        return live_service(service, namespace=self.connection.namespace, settings=settings)

    def remove_live_service(self, model_name: str) -> None:
        self.connection.delete(INFERENCE_SERVICES, model_name)
        until_gone(self.connection, model_name)

    def wait_until_live(self, release: Release, *, timeout_s: float) -> Endpoint:
        return Wait(self.connection, release.model_name, release, timeout_s).until_served()

    def deploy_candidate(
        self, release: Release, *, run_id: str, timeout_s: float, settings: ServingSettings = NOTHING_SET
    ) -> Endpoint:
        refuse_old_kserve(self.connection)
        name = candidate_name(release.model_name)
        body = candidate_service(release, run_id=run_id, namespace=self.connection.namespace, settings=settings)
        found = self._candidate(release.model_name)
        if found is not None and not _is_same(found, body):
            self.remove_candidate(release.model_name)
        self.connection.create(INFERENCE_SERVICES, body)
        return Wait(self.connection, name, release, timeout_s).until_served()

    def has_candidate(self, release: Release) -> bool:
        return self._tried(release) is not None

    def _tried(self, release: Release) -> Object | None:
        found = self._candidate(release.model_name)
        return found if found and storage_uri(found) == release.uri else None

    def remove_candidate(self, model_name: str) -> None:
        """And Spark's work on it, where a killed step left that behind."""
        for each in self.connection.labelled(SPARK_APPLICATIONS, f"{MODEL_LABEL}={model_name}"):
            self.connection.delete(SPARK_APPLICATIONS, each["metadata"]["name"])
        if self._candidate(model_name) is None:
            return
        self.connection.delete(INFERENCE_SERVICES, candidate_name(model_name))
        until_gone(self.connection, candidate_name(model_name))
        log.info("candidate of %s removed", model_name)

    def _candidate(self, model_name: str) -> Object | None:
        """The candidate, if there is one.

        Raises:
            InvalidValue: an InferenceService of that name was made by something else.
        """
        found = self.connection.get(INFERENCE_SERVICES, candidate_name(model_name))
        if found is not None and CANDIDATE_ANNOTATION not in found["metadata"].get("annotations", {}):
            raise InvalidValue(
                expected=f"no InferenceService, or one with the annotation {CANDIDATE_ANNOTATION}",
                found="one without it, made by something else",
                where=f"{self.connection.namespace}/{candidate_name(model_name)}",
                do="Choose another model_name, or delete it.",
            )
        return found


def _confirmation(model_name: str) -> str:
    return f"{model_name}-promoted"


def _is_same(found: Object, body: Object) -> bool:
    """Whether this very run made the candidate that stands there, of this release and with these settings."""
    annotations, wanted = found["metadata"]["annotations"], body["metadata"]["annotations"]
    same = annotations | wanted == annotations and storage_uri(found) == storage_uri(body)
    return same and "deletionTimestamp" not in found["metadata"]
