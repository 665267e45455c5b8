"""The cluster's API server: how it is reached, the few calls that are made of it, and its refusals in words."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import urllib3
from kubernetes import client, config
from kubernetes.client.exceptions import ApiException
from yaml import YAMLError

from model.errors import InvalidValue, ServingFailed

NAMESPACE_VARIABLE = "SAVEDMODEL_RELEASE_NAMESPACE"
NAMESPACE_FILE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
TIMEOUT_S = (5.0, 30.0)
#: Passing faults. A create that came through although its answer was lost is adopted like any other. A server that does
#: not answer at all has had its half minute; when to come again is ours to say.
RETRIES = urllib3.Retry(
    5,
    read=1,
    backoff_factor=0.5,
    status_forcelist=(429, 500, 502, 503, 504),
    allowed_methods=None,
    raise_on_status=False,
    respect_retry_after_header=False,
)

Object = dict[str, Any]


class ClusterUnavailable(ServingFailed):
    """The API server did not answer, or asked to come again: worth another try while there is time."""


class Changed(ServingFailed):
    """Somebody else has changed the object since it was read: look again."""


@dataclass(frozen=True)
class Kind:
    """A kind of object that is served under /apis, with its plural."""

    group: str
    version: str
    plural: str


INFERENCE_SERVICES = Kind("serving.kserve.io", "v1beta1", "inferenceservices")
SPARK_APPLICATIONS = Kind("sparkoperator.k8s.io", "v1beta2", "sparkapplications")
DEPLOYMENTS = Kind("apps", "v1", "deployments")
LEASES = Kind("coordination.k8s.io", "v1", "leases")

_ADVICE = {
    401: "The credentials are no longer valid; sign in again.",
    403: "If that is a missing right, apply cluster/base in this namespace and run as its service account.",
    404: "Is what serves this kind (KServe, the Spark operator) installed on the cluster?",
}


@dataclass(frozen=True)
class Connection:
    """One namespace of one cluster. Objects are plain JSON values, as the API server spells them."""

    api: Any
    namespace: str

    @classmethod
    def from_environment(cls, *, patient: bool = True) -> "Connection":
        """The cluster that this pod runs on, else the one that KUBECONFIG names.

        patient: whether to try again what fails for a passing reason.

        Raises:
            InvalidValue: neither is to be had.
        """
        settings, file = client.Configuration(), os.environ.get("KUBECONFIG")
        settings.retries = RETRIES if patient else False
        try:
            if "KUBERNETES_SERVICE_HOST" in os.environ and not file:
                config.load_incluster_config(client_configuration=settings)
                namespace = NAMESPACE_FILE.read_text(encoding="utf-8").strip()
            else:
                config.load_kube_config(file, client_configuration=settings)
                namespace = config.list_kube_config_contexts(file)[1]["context"].get("namespace") or "default"
        except (config.ConfigException, OSError, YAMLError, TypeError, ValueError, AttributeError) as error:
            raise InvalidValue(
                expected="a service account's token (in a pod), or a kubeconfig file",
                found=str(error).rstrip(".") or type(error).__name__,
                where="KUBECONFIG",
                do="Run inside the cluster, point KUBECONFIG at a file, or set platform to local.",
            ) from error
        return cls(client.ApiClient(settings), os.environ.get(NAMESPACE_VARIABLE) or namespace)

    def get(self, kind: Kind, name: str) -> Object | None:
        with self._in_words(f"read {kind.plural} {name}"):
            try:
                found: Object = self._custom(kind, "get", name)
                return found
            except ApiException as error:
                if error.status == 404 and _names_object(error, name):
                    return None
                raise

    def labelled(self, kind: Kind, selector: str) -> list[Object]:
        with self._in_words(f"list {kind.plural}"):
            return list(self._custom(kind, "list", label_selector=selector)["items"])

    def create(self, kind: Kind, body: Object) -> bool:
        """Creates the object; False if there is one of that name."""
        with self._in_words(f"create {kind.plural} {body['metadata']['name']}"):
            try:
                self._custom(kind, "create", body, field_validation="Strict")
            except ApiException as error:
                if error.status == 409:
                    return False
                raise
        return True

    def patch(self, kind: Kind, name: str, change: Object) -> None:
        """Merges the change into the object; null removes a field.

        Raises:
            Changed: the change names a resourceVersion that is no longer the object's.
        """
        with self._in_words(f"change {kind.plural} {name}"):
            self._custom(kind, "patch", name, change, field_validation="Strict")

    def replace(self, kind: Kind, body: Object) -> None:
        """
        Raises:
            Changed: the object is no longer the one that `body` was made from.
        """
        name = body["metadata"]["name"]
        with self._in_words(f"replace {kind.plural} {name}"):
            self._custom(kind, "replace", name, body, field_validation="Strict")

    def delete(self, kind: Kind, name: str) -> None:
        """Asks to delete the object, which then stays until all that it owns is gone; a Lease, which owns nothing, goes
        at once."""
        how = "Background" if kind == LEASES else "Foreground"
        with self._in_words(f"delete {kind.plural} {name}"):
            try:
                self._custom(kind, "delete", name, propagation_policy=how)
            except ApiException as error:
                if error.status != 404:
                    raise

    def pods(self, selector: str) -> list[Object]:
        return self._list("pod", label_selector=selector)

    def events(self, about: str) -> list[Object]:
        """Events of the object called `about`, the latest last."""
        found = self._list("event", field_selector=f"involvedObject.name={about}")
        return sorted(found, key=lambda event: str(event.get("lastTimestamp") or event.get("eventTime") or ""))

    def service(self, name: str) -> Object | None:
        return self._read("service", name)

    def config_map(self, name: str) -> dict[str, str]:
        """Its data; empty if there is none of that name."""
        found = self._read("config_map", name) or {}
        return dict(found.get("data", {}))

    def log(self, pod: str, container: str, *, since_s: int | None = None) -> str:
        """The container's log; with `since_s` the last seconds of it, each line after its time. Empty before there is
        one."""
        with self._in_words(f"read the log of {pod}"):
            try:
                return self._core_text(
                    "read_namespaced_pod_log",
                    pod,
                    self.namespace,
                    container=container,
                    **({"since_seconds": since_s, "timestamps": True} if since_s else {}),
                )
            except ApiException as error:
                if error.status in (400, 404):
                    return ""
                raise

    def write_config_map(
        self, name: str, *, data: dict[str, str], binary: dict[str, str] | None = None, owner: Object | None = None
    ) -> None:
        """Creates or replaces it. `binary`: base64. It goes when `owner` does."""
        meta = {"name": name, "ownerReferences": [_reference(owner)] if owner else []}
        body: Object = {"metadata": meta, "data": data, "binaryData": binary or {}}
        core = client.CoreV1Api(self.api)
        with self._in_words(f"write configmaps {name}"):
            try:
                core.create_namespaced_config_map(self.namespace, body, _request_timeout=TIMEOUT_S)
            except ApiException as error:
                if error.status != 409:
                    raise
                core.patch_namespaced_config_map(name, self.namespace, body, _request_timeout=TIMEOUT_S)

    def _list(self, kind: str, **where: str) -> list[Object]:
        with self._in_words(f"list {kind}s"):
            return list(self._core(f"list_namespaced_{kind}", self.namespace, **where)["items"])

    def _read(self, kind: str, name: str) -> Object | None:
        with self._in_words(f"read {kind.replace('_', '')} {name}"):
            try:
                return self._core(f"read_namespaced_{kind}", name, self.namespace)
            except ApiException as error:
                if error.status == 404:
                    return None
                raise

    def _core(self, call: str, *arguments: str, **options: Any) -> Object:
        found: Object = json.loads(self._core_text(call, *arguments, **options))
        return found

    def _core_text(self, call: str, *arguments: str, **options: Any) -> str:
        method = getattr(client.CoreV1Api(self.api), call)
        answer = method(*arguments, _preload_content=False, _request_timeout=TIMEOUT_S, **options)
        return bytes(answer.data).decode(errors="replace")

    def _custom(self, kind: Kind, verb: str, *arguments: Any, **options: Any) -> Any:
        call = getattr(client.CustomObjectsApi(self.api), f"{verb}_namespaced_custom_object")
        place = (kind.group, kind.version, self.namespace, kind.plural)
        return call(*place, *arguments, _request_timeout=TIMEOUT_S, **options)

    @contextmanager
    def _in_words(self, action: str) -> Iterator[None]:
        where = f"namespace {self.namespace} of {self.api.configuration.host}"
        try:
            yield
        except ApiException as error:
            passing = error.status == 429 or error.status >= 500
            kind = Changed if error.status == 409 else ClusterUnavailable if passing else ServingFailed
            raise kind(
                expected=f"to {action}",
                found=f"{error.status} {error.reason}: {_message(error)}",
                where=where,
                do=_ADVICE.get(error.status, ""),
            ) from error
        except urllib3.exceptions.HTTPError as error:
            raise ClusterUnavailable(
                expected=f"to {action}",
                found=str(getattr(error, "reason", None) or error),
                where=where,
                do="Is the API server reachable from here?",
            ) from error
        except (ValueError, TypeError, LookupError) as error:
            # No header can carry the token, or what answers is none. Neither is quoted: it may be the token.
            raise ServingFailed(
                expected=f"to {action}",
                found=f"a token that no header can carry, or no API server's answer ({type(error).__name__})",
                where=where,
                do="Look at the token, and at what listens there.",
            ) from None


def _reference(owner: Object) -> Object:
    meta = owner["metadata"]
    return {"apiVersion": owner["apiVersion"], "kind": owner["kind"], "name": meta["name"], "uid": meta["uid"]}


def _message(error: ApiException) -> str:
    try:
        return str(json.loads(error.body)["message"])
    except (TypeError, ValueError, KeyError):
        return str(error.body)


def _names_object(error: ApiException, name: str) -> bool:
    """Whether it is this object that was not found, rather than its kind."""
    return f'"{name}" not found' in _message(error)
