"""KubernetesSpark: scoring as a SparkApplication of the Spark operator."""

import logging
import re
import time
from collections.abc import Callable
from dataclasses import dataclass

from components.contracts import ScoreReport, ScoringJob
from components.platforms.kubernetes.connection import SPARK_APPLICATIONS, ClusterUnavailable, Connection, Object
from components.platforms.kubernetes.failures import ENDED, Outlasted, Problem, pod_problems, with_events
from components.platforms.kubernetes.lease import RunLease
from components.platforms.kubernetes.spark_application import (
    MOUNT,
    SETTINGS,
    application_name,
    job_files,
    spark_application,
)
from components.platforms.kubernetes.spark_driver import ERROR_MARK, PROGRESS_MARK, REPORT_MARK
from components.platforms.kubernetes.spark_log import advice, cause, report_in
from components.platforms.names import live_name
from model.endpoint import Endpoint
from model.errors import ScoringFailed, ServingFailed

log = logging.getLogger(__name__)
driver_log = logging.getLogger("spark.driver")

POLL_S = 1.0
#: Seconds that the operator may take before it says anything of a new application: it starts a Java for each, and only
#: a few at a time.
OPERATOR_S = 180.0
#: Seconds in which a deleted application is gone.
DELETION_S = 60.0
#: Seconds in which a running driver asks for its first executor.
EXECUTORS_S = 120.0
#: What a run may take beyond the batch's own time: images, nodes, Java.
START_S = 600.0
DRIVER_CONTAINER = "spark-kubernetes-driver"
#: What the driver writes of executors that the cluster does not let it make.
_REFUSAL = re.compile("forbidden|exceeded quota|admission webhook")


@dataclass(frozen=True)
class KubernetesSpark:
    connection: Connection

    @classmethod
    def from_environment(cls) -> "KubernetesSpark":
        return cls(Connection.from_environment())

    def run(self, job: ScoringJob, *, run_id: str) -> ScoreReport:
        """Runs the job, or goes on with the one that this run has started before, and removes it.

        Raises:
            RowsMismatch: the rows do not fit the signature.
            ScoringFailed: Spark failed, with the cause.
        """
        model_name = live_name(Endpoint.from_json(job.endpoint_json).model_name)
        with RunLease(self.connection, model_name, run_id).held():
            try:
                return self._run(job, name=application_name(run_id), model_name=model_name)
            except ServingFailed as error:
                raise ScoringFailed(**error.fields()) from error

    def _run(self, job: ScoringJob, *, name: str, model_name: str) -> ScoreReport:
        settings = self.connection.config_map(SETTINGS).get("spec.yaml", "")
        application = spark_application(
            name, namespace=self.connection.namespace, model_name=model_name, wanted=job.spark, settings=settings
        )
        try:
            owner = self._submitted(application)
            texts, binaries = job_files(job)
            self.connection.write_config_map(name, data=texts, binary=binaries, owner=owner)
            return Execution(self.connection, name, timeout_s=job.timeout_s + START_S).until_done()
        finally:
            self.connection.delete(SPARK_APPLICATIONS, name)

    def _submitted(self, application: Object) -> Object:
        """The application as it stands there: a new one, or the one that this run has started before. One that is being
        deleted is waited for."""
        name, created, deadline = application["metadata"]["name"], False, time.monotonic() + DELETION_S
        while time.monotonic() < deadline:
            created = self.connection.create(SPARK_APPLICATIONS, application) or created
            found = self.connection.get(SPARK_APPLICATIONS, name)
            if found is not None and "deletionTimestamp" not in found["metadata"]:
                log.info("%s SparkApplication %s", "started" if created else "going on with", name)
                return found
            time.sleep(POLL_S)
        raise ScoringFailed(
            expected="the SparkApplication of an earlier attempt to be gone",
            found=f"it is still being deleted after {DELETION_S:.0f} s",
            where=f"{self.connection.namespace}/{name}",
            do="See its finalizers and pods.",
        )


@dataclass
class Execution:
    """One SparkApplication on its way; its driver's log goes to ours."""

    connection: Connection
    name: str
    timeout_s: float
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    _shown: str = ""
    _looked: float = 0.0
    _driver: str = ""
    _had_executors: bool = False
    _refusal: str = ""

    def until_done(self) -> ScoreReport:
        started, outlasted = self.clock(), Outlasted(self.clock)
        found: list[Problem] = []
        while True:
            try:
                state = self._state()
                self._show_log()
                if state.get("state") in ("COMPLETED", "FAILED"):
                    return self._result(state)
                found = self._why_not(state)
                if final := outlasted.first(with_events(found, self.connection.events)):
                    raise self._failed(final.found)
            except ClusterUnavailable as error:
                log.info("looking again: %s", error)
            if self.clock() - started > self.timeout_s:
                seen = [each.found for each in found]
                raise self._failed("; ".join([f"no end after {self.timeout_s:.0f} s", *seen]))
            self.sleep(POLL_S)

    def _state(self) -> Object:
        application = self.connection.get(SPARK_APPLICATIONS, self.name)
        if application is None:
            raise self._failed("it is gone: somebody deleted it")
        status = application.get("status", {})
        self._driver = status.get("driverInfo", {}).get("podName") or f"{self.name}-driver"
        self._had_executors |= bool(status.get("executorState"))
        found: Object = status.get("applicationState", {})
        return found

    def _result(self, state: Object) -> ScoreReport:
        text = self.connection.log(self._driver, DRIVER_CONTAINER)
        try:
            report = report_in(text)
        except ValueError as error:
            raise self._failed("the driver's log holds no whole report") from error
        if report is not None:
            return report
        self._check_webhook(_of_role("driver", self._pods()))
        raise self._failed(cause(state.get("errorMessage", "no report in the driver's log"), log_text=text))

    def _pods(self) -> list[Object]:
        return self.connection.pods(f"sparkoperator.k8s.io/app-name={self.name}")

    def _why_not(self, state: Object) -> list[Problem]:
        """Why it may not come to an end; the operator's own state does not tell."""
        pods = self._pods()
        drivers, executors = _of_role("driver", pods), _of_role("executor", pods)
        if not state.get("state") and not drivers:
            wanted = "does the Spark operator run, and does it watch this namespace?"
            return [Problem(f"the operator has not taken it up: {wanted}", OPERATOR_S)]
        self._check_webhook(drivers)
        self._had_executors |= bool(executors)
        running = any(pod.get("status", {}).get("phase") == "Running" for pod in executors)
        waiting = [pod for pod in pods if not (pod in executors and running)]
        # A container that ended is no news: the operator sees the driver's end, and Spark replaces executors.
        found = [each for pod in waiting for each in pod_problems(pod) if each.reason != ENDED]
        if not self._had_executors and any(_runs(driver) for driver in drivers):
            why = f"no executor could be made: {self._refusal or 'the driver does not say why'}"
            found.append(Problem(why, EXECUTORS_S, "no executor", self._driver))
        return found

    def _check_webhook(self, drivers: list[Object]) -> None:
        if all(mounts_its_job(driver) for driver in drivers):
            return
        raise ScoringFailed(
            expected=f"the driver's pod to mount its job at {MOUNT}",
            found="the Spark operator's webhook did not change that pod",
            where=f"{self.connection.namespace}/{self._driver}",
            do="Enable it (helm upgrade ... --set webhook.enable=true), and let it see this namespace.",
        )

    def _show_log(self) -> None:
        """Passes on what the driver has written since the last look; each line comes with its time."""
        before, self._looked = self._looked, self.clock()
        since_s = int(self._looked - before) + 3
        for line in self.connection.log(self._driver, DRIVER_CONTAINER, since_s=since_s).splitlines():
            stamp, _, text = line.partition(" ")
            if stamp > self._shown:
                self._shown = stamp
                if _REFUSAL.search(text):
                    self._refusal = text.strip().partition(". Received status:")[0][:500]  # which says it again
                _pass_on(text[:2000])

    def _failed(self, found: str) -> ScoringFailed:
        return ScoringFailed(
            expected="the SparkApplication to come to its end",
            found=found,
            where=f"{self.connection.namespace}/{self.name}",
            do=advice(found, otherwise="The driver's log stands above."),
        )


def _pass_on(line: str) -> None:
    """The job's own words as ours, the report not at all, and the rest as Spark's."""
    if line.startswith(PROGRESS_MARK):
        log.info("%s", line.removeprefix(PROGRESS_MARK))
    elif not line.startswith((REPORT_MARK, ERROR_MARK)):
        driver_log.info("%s", line)


def mounts_its_job(driver: Object) -> bool:
    """Whether the driver's pod has the ConfigMap, which the operator's webhook adds."""
    containers = driver["spec"]["containers"]
    return any(mount["mountPath"] == MOUNT for each in containers for mount in each.get("volumeMounts", []))


def _runs(driver: Object) -> bool:
    containers = driver.get("status", {}).get("containerStatuses", [])
    return any(each["name"] == DRIVER_CONTAINER and "running" in each.get("state", {}) for each in containers)


def _of_role(role: str, pods: list[Object]) -> list[Object]:
    return [pod for pod in pods if pod["metadata"]["labels"].get("spark-role") == role]
