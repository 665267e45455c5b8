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
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from components.platforms.kubernetes.connection import LEASES, Changed, Connection, Object
from model.errors import ReleaseError, ReleaseInProgress, ServingFailed

log = logging.getLogger(__name__)

#: Set for the steps of an engine that renews it too, so that they leave no more time between them than within them.
RENEWED_VARIABLE = "SAVEDMODEL_RELEASE_LEASE_RENEWED"
_STAMP = "%Y-%m-%dT%H:%M:%S.%fZ"


@dataclass(frozen=True)
class RunLease:
    """The Lease `<model_name>-release`; its holder is a run.

    renew_s: how often who is at work renews it. working_s, between_steps_s: for how long it is held without that.
    skew_s: how far the clocks of two nodes may be apart. poll_s: between two looks at it. clock: seconds since 1970.
    """

    connection: Connection
    model_name: str
    run_id: str
    renew_s: float = 5.0
    working_s: int = 20
    between_steps_s: int = 600
    skew_s: float = 5.0
    poll_s: float = 1.0
    clock: Callable[[], float] = time.time
    sleep: Callable[[float], None] = time.sleep

    @property
    def name(self) -> str:
        return f"{self.model_name}-release"

    @contextlib.contextmanager
    def held(self, *, wait: bool = True) -> Iterator[None]:
        """Holds the Lease while the block runs, and leaves it to the run's next step, also where the block fails: the
        exit task comes after it. An interruption is not held up.

        wait: whether to wait until a Lease whose holder gives no sign of life expires. Without it, this is the exit
        task itself: if it fails, nothing of the run comes after it.

        Raises:
            ReleaseInProgress: another run holds it, or has taken it over meanwhile.
        """
        self._take(wait=wait)
        try:
            with self.renewed():
                yield
        except Exception:
            if wait:
                with contextlib.suppress(ReleaseError):  # the block's own failure is told
                    self._leave()
            raise
        self._leave()

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
        began, waiting_for = self.clock(), ""
        while not self._try_to_take(found := self.connection.get(LEASES, self.name), watched_since=began):
            # Without a Lease, another run has created it just now; with its own, this run's engine has renewed it.
            if found is not None and _holder(found) != self.run_id:
                sign_of_life = found["spec"].get("renewTime")
                if not wait or (waiting_for and sign_of_life != waiting_for):
                    raise self._held_by(found)
                if not waiting_for:
                    log.info("%s is held by another run: waiting whether that one still works", self.name)
                waiting_for = sign_of_life
            self.sleep(self.poll_s)

    def _try_to_take(self, found: Object | None, *, watched_since: float) -> bool:
        """Creates it, goes on with the run's own, or takes over an expired one."""
        spec = self._spec(self.working_s)
        acquired = {**spec, "acquireTime": spec["renewTime"]}
        if found is None:
            kind = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease"}
            return self.connection.create(LEASES, {**kind, "metadata": {"name": self.name}, "spec": acquired})
        taken_over = _holder(found) != self.run_id
        if taken_over and self._held_until(found, watched_since=watched_since) > self.clock():
            return False
        try:
            self._write(found, acquired if taken_over else spec)
        except Changed:
            return False
        return True

    def _held_until(self, found: Object, *, watched_since: float) -> float:
        """A Lease without times or holder is free. watched_since: since then it has been seen without a sign of life,
        whatever times and durations stand in it."""
        spec = found["spec"]
        if not spec.get("renewTime") or not spec.get("holderIdentity"):
            return 0.0
        renewed = datetime.fromisoformat(spec["renewTime"]).timestamp()
        held_s = min(spec.get("leaseDurationSeconds") or 0, self.between_steps_s)
        return min(renewed, watched_since) + float(held_s) + self.skew_s

    def _keep_renewing(self, ended: threading.Event) -> None:
        while not ended.wait(self.renew_s):
            try:
                self._renew(self.working_s)
            except (Changed, ReleaseInProgress):
                log.debug("renewed by another process, or not held")  # a step that does hold it says so at its end
            except ServingFailed as error:
                log.info("the Lease is renewed later: %s", error)

    def _leave(self) -> None:
        while True:
            with contextlib.suppress(Changed):
                return self._renew(self.working_s if RENEWED_VARIABLE in os.environ else self.between_steps_s)
            self.sleep(self.poll_s)

    def _renew(self, duration_s: int) -> None:
        found = self.connection.get(LEASES, self.name)
        if found is None or _holder(found) != self.run_id:
            raise self._held_by(found)
        self._write(found, self._spec(duration_s))

    def _write(self, found: Object, spec: Object) -> None:
        version = {"resourceVersion": found["metadata"]["resourceVersion"]}
        self.connection.patch(LEASES, self.name, {"metadata": version, "spec": spec})

    def _spec(self, duration_s: int) -> Object:
        now = datetime.fromtimestamp(self.clock(), UTC).strftime(_STAMP)
        return {"holderIdentity": self.run_id, "leaseDurationSeconds": duration_s, "renewTime": now}

    def _held_by(self, found: Object | None) -> ReleaseInProgress:
        since = f"run {_holder(found)}, since {found['spec'].get('acquireTime')}" if found else "that somebody ended it"
        return ReleaseInProgress(
            expected=f"run {self.run_id} to be the only one that releases {self.model_name}",
            found=since,
            where=f"Lease {self.connection.namespace}/{self.name}",
            do="Start this run again when that one has ended. Nothing of its work was touched.",
        )


def _holder(found: Object) -> str:
    return str(found["spec"].get("holderIdentity") or "")
