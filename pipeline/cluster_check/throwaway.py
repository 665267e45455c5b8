"""An object that is made to see whether somebody looks at it, and that is deleted however the look ends."""

import logging
import secrets
from collections.abc import Iterator
from contextlib import contextmanager

from components.platforms.kubernetes.connection import Kind, Object
from model.errors import ServingFailed
from pipeline.cluster_check.api_server import Answer, ApiServer, Unreachable, poll
from pipeline.cluster_check.findings import Finding, State
from pipeline.cluster_check.rights import may

log = logging.getLogger(__name__)

#: No node has it: what bears it as a node selector is made and never runs, so nothing is pulled for it.
NO_NODE = {"savedmodel-release/check-cluster": "no-node"}
LABELS = {"app.kubernetes.io/managed-by": "savedmodel-release-check"}
_REMOVAL_S = 5.0


def unique_name(prefix: str, namespace: str = "") -> str:
    """KServe's host name NAME-predictor-NAMESPACE may have 63 characters at most."""
    room = 63 - len(f"-xxxx-predictor-{namespace}")
    return f"{prefix[: max(room, 1)].rstrip('-')}-{secrets.token_hex(2)}"


def lacking_right(server: ApiServer, kind: Kind, check: str) -> Finding | None:
    """Nothing is made that could not be deleted again; so that is asked first."""
    lacking = [verb for verb in ("create", "get", "delete") if not may(server, verb, kind)]
    if not lacking:
        return None
    found = f"whoever asks may not {' or '.join(lacking)} {kind.plural} in {server.namespace}, so none was tried"
    do = "Run this as somebody who may, or with --no-probe."
    return Finding(check, State.UNKNOWN, found, do)


@contextmanager
def throwaway(server: ApiServer, kind: Kind, body: Object) -> Iterator[Answer]:
    """Creates the object for as long as the block runs. What the API server said to that is the block's to judge.

    Raises:
        ServingFailed: it cannot be deleted.
        KeyboardInterrupt: interrupted; if it could not be deleted then, that is logged.
    """
    created, remove = None, _remove
    try:
        created = server.ask("POST", server.path(kind), body=body, fieldValidation="Strict")
        yield created
    except KeyboardInterrupt:
        remove = _delete_after_all
        raise
    finally:
        # Without an answer it may stand there all the same.
        if created is None or created.ok:
            remove(server, kind, body["metadata"]["name"])


def _remove(server: ApiServer, kind: Kind, name: str) -> None:
    try:
        _delete(server, kind, name)
    except KeyboardInterrupt:
        _delete_after_all(server, kind, name)
        raise


def _delete_after_all(server: ApiServer, kind: Kind, name: str) -> None:
    """After an interruption, which must not become a finding; a second one is ignored (pipeline.interruption)."""
    try:
        _delete(server, kind, name)
    except ServingFailed as error:
        log.error("%s", error)


def _delete(server: ApiServer, kind: Kind, name: str) -> None:
    refused = ""

    def gone() -> bool | None:
        nonlocal refused
        try:
            answer = server.ask("DELETE", server.path(kind, name), propagationPolicy="Foreground")
        except Unreachable as error:
            refused = error.found
            return None
        refused = "" if answer.ok or answer.absent else answer.refusal
        return None if refused else True

    if not poll(gone, timeout_s=_REMOVAL_S):
        raise ServingFailed(
            expected=f"to delete {kind.plural} {name}, a trial",
            found=f"it may be left in {server.namespace}: {refused}",
            where=server.url,
            do=f"Delete it: kubectl -n {server.namespace} delete {kind.plural}.{kind.group} {name}",
        )


def no_creation(created: Answer, check: str, *, webhook: str, do: str, command: str) -> Finding:
    """Why it could not be made. `webhook`: whose webhook has to let it pass; do, command: how to see to that one."""
    if "failed calling webhook" in created.refusal:
        found = f"{webhook} does not answer, so nothing can be created: {created.refusal}"
        return Finding(check, State.MISSING, found, do, command)
    again = "Mend what the message names, then run this again; or --no-probe."
    return Finding(check, State.UNKNOWN, f"the cluster does not take a trial one: {created.refusal}", again)
