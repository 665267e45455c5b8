"""One run at a time for each model: a Lease that the run holds from its first step on the cluster to its exit task.

The steps of a run are pods of their own. While one works it renews the Lease every few seconds, so that a killed step
is noticed soon; between two steps nobody does, so a step leaves it with time enough for the next one to start. Where
the pipeline's engine is a process of ours, that goes on renewing it.
"""

import contextlib
import logging
import os
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from components.platforms.kubernetes.connection import LEASES, Changed, Connection, Object
from model.errors import ReleaseInProgress, ServingFailed

log = logging.getLogger(__name__)

RENEW_S, WORKING_S, BETWEEN_STEPS_S = 5.0, 20, 600
#: Set for the steps of an engine that renews it too, so that they leave no more time between them than within them.
RENEWED_VARIABLE = "SAVEDMODEL_RELEASE_LEASE_RENEWED"
#: How far the clocks of two nodes may be apart.
_SKEW_S = 5.0
_POLL_S = 1.0
_STAMP = "%Y-%m-%dT%H:%M:%S.%fZ"


@dataclass(frozen=True)
class RunLease:
    """The Lease `<model_name>-release`; its holder is a run."""

    connection: Connection
    model_name: str
    run_id: str

    @property
    def name(self) -> str:
        return f"{self.model_name}-release"

    @contextlib.contextmanager
    def held(self, *, wait: bool = True) -> Iterator[None]:
        """Holds the Lease while the block runs, and leaves it to the run's next step. One whose holder gives no sign of
        life is waited for until it expires, or (`wait=False`) left alone.

        Raises:
            ReleaseInProgress: another run holds it, or has taken it over meanwhile.
        """
        self._take(wait=wait)
        with self.renewed():
            yield
        self._renew(WORKING_S if RENEWED_VARIABLE in os.environ else BETWEEN_STEPS_S)

    @contextlib.contextmanager
    def renewed(self) -> Iterator[None]:
        """Renews the Lease every few seconds while the block runs, whenever the run holds it."""
        ended = threading.Event()
        renewing = threading.Thread(target=self._keep_renewing, args=(ended,), daemon=True)
        renewing.start()
        try:
            yield
        finally:
            ended.set()
            renewing.join()

    def give_up(self) -> None:
        """Lets the next run begin at once."""
        found = self.connection.get(LEASES, self.name)
        if found is not None and _holder(found) == self.run_id:
            self.connection.delete(LEASES, self.name)

    def _take(self, *, wait: bool) -> None:
        began, waiting_for = time.monotonic(), None
        while True:
            found = self.connection.get(LEASES, self.name)
            if self._try_to_take(found, watched_s=time.monotonic() - began):
                return
            if found is None or _holder(found) == self.run_id:
                continue  # another run has created it just now, or this one's engine has renewed it
            sign_of_life = found["spec"].get("renewTime")
            if not wait or (waiting_for is not None and sign_of_life != waiting_for):
                raise self._held_by(found)
            if waiting_for is None:
                log.info("%s is held by another run: waiting whether that one still works", self.name)
            waiting_for = sign_of_life
            time.sleep(_POLL_S)

    def _try_to_take(self, found: Object | None, *, watched_s: float) -> bool:
        """Creates it, goes on with the run's own, or takes over an expired one."""
        try:
            if found is None:
                return self.connection.create(LEASES, self._body(WORKING_S, acquired=True))
            if _holder(found) != self.run_id and _left_s(found, watched_s=watched_s) > 0:
                return False
            self._write(found, self._body(WORKING_S, acquired=_holder(found) != self.run_id))
        except Changed:
            return False
        return True

    def _keep_renewing(self, ended: threading.Event) -> None:
        while not ended.wait(RENEW_S):
            try:
                self._renew(WORKING_S)
            except ServingFailed as error:  # also where it went just now
                log.info("the Lease is renewed later: %s", error)
            except ReleaseInProgress:
                log.debug("not held")  # a step that does hold it says so at its end

    def _renew(self, duration_s: int) -> None:
        while True:
            found = self.connection.get(LEASES, self.name)
            if found is None or _holder(found) != self.run_id:
                raise self._held_by(found)
            with contextlib.suppress(Changed):
                return self._write(found, self._body(duration_s))

    def _write(self, found: Object, body: Object) -> None:
        version = {"resourceVersion": found["metadata"]["resourceVersion"]}
        self.connection.patch(LEASES, self.name, {"metadata": version, "spec": body["spec"]})

    def _body(self, duration_s: int, *, acquired: bool = False) -> Object:
        spec = {"holderIdentity": self.run_id, "leaseDurationSeconds": duration_s, "renewTime": _now()}
        return {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {"name": self.name},
            "spec": {**spec, "acquireTime": _now()} if acquired else spec,
        }

    def _held_by(self, found: Object | None) -> ReleaseInProgress:
        spec = found["spec"] if found else {}
        since = (
            f"run {spec.get('holderIdentity')}, since {spec.get('acquireTime')}" if found else "that somebody ended it"
        )
        return ReleaseInProgress(
            expected=f"run {self.run_id} to be the only one that releases {self.model_name}",
            found=since,
            where=f"Lease {self.connection.namespace}/{self.name}",
            do="Start this run again when that one has ended. Nothing of its work was touched.",
        )


def _holder(found: Object) -> str:
    return str(found["spec"].get("holderIdentity") or "")


def _left_s(found: Object, *, watched_s: float) -> float:
    """Seconds for which it is still held; a Lease without times or holder is free. watched_s: for so long it has been
    seen without a sign of life, whatever times and durations stand in it."""
    spec = found["spec"]
    if not spec.get("renewTime") or not spec.get("holderIdentity"):
        return 0.0
    renewed = datetime.fromisoformat(spec["renewTime"].replace("Z", "+00:00"))
    age_s = (datetime.now(UTC) - renewed).total_seconds()
    held_s = min(spec.get("leaseDurationSeconds") or 0, BETWEEN_STEPS_S) + _SKEW_S
    return float(held_s - max(age_s, watched_s))


def _now() -> str:
    return datetime.now(UTC).strftime(_STAMP)
