"""KubernetesSpark: scoring as a SparkApplication of the Spark operator."""

import json
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

from components.contracts import ScoreReport, ScoringJob
from components.platforms.kubernetes.connection import SPARK_APPLICATIONS, ClusterUnavailable, Connection, Object
from components.platforms.kubernetes.failures import ENDED, Outlasted, Problem, pod_problems, without_growth
from components.platforms.kubernetes.lease import RunLease
from components.platforms.kubernetes.spark_application import SETTINGS, application_name, job_files, spark_application
from components.platforms.kubernetes.spark_driver import ERROR_MARK, PROGRESS_MARK, REPORT_MARK
from components.platforms.names import live_name
from model import errors
from model.endpoint import Endpoint
from model.errors import ReleaseError, ScoringFailed, ServingFailed

log = logging.getLogger(__name__)
driver_log = logging.getLogger("spark.driver")

POLL_S = 1.0
#: Seconds that the operator may take before it says anything of a new application.
OPERATOR_S = 60.0
#: What a run may take beyond the batch's own time: images, nodes, Java.
START_S = 600.0
DRIVER_CONTAINER = "spark-kubernetes-driver"


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
        name, created, deadline = application["metadata"]["name"], False, time.monotonic() + OPERATOR_S
        while time.monotonic() < deadline:
            created = self.connection.create(SPARK_APPLICATIONS, application) or created
            found = self.connection.get(SPARK_APPLICATIONS, name)
            if found is not None and "deletionTimestamp" not in found["metadata"]:
                log.info("%s SparkApplication %s", "started" if created else "going on with", name)
                return found
            time.sleep(POLL_S)
        raise ScoringFailed(
            expected="the SparkApplication of an earlier attempt to be gone",
            found=f"it is still being deleted after {OPERATOR_S:.0f} s",
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
                if final := outlasted.first(without_growth(found, self.connection.events)):
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
        found: Object = application.get("status", {}).get("applicationState", {})
        return found

    def _result(self, state: Object) -> ScoreReport:
        text = self.connection.log(self._driver, DRIVER_CONTAINER)
        for line in reversed(text.splitlines()):
            if REPORT_MARK in line:
                return ScoreReport.from_json(line.partition(REPORT_MARK)[2])
            if ERROR_MARK in line:
                raise release_error(line.partition(ERROR_MARK)[2])
        raise self._failed(cause(state.get("errorMessage", "no report in the driver's log"), log_text=text))

    def _why_not(self, state: Object) -> list[Problem]:
        """Why it may not come to an end; the operator's own state does not tell."""
        if not state.get("state"):
            wanted = "does the Spark operator run, and does it watch this namespace?"
            return [Problem(f"the operator has not taken it up: {wanted}", OPERATOR_S)]
        pods = self.connection.pods(f"sparkoperator.k8s.io/app-name={self.name}")
        executors = [pod for pod in pods if pod["metadata"]["labels"].get("spark-role") == "executor"]
        running = any(pod.get("status", {}).get("phase") == "Running" for pod in executors)
        waiting = [pod for pod in pods if not (pod in executors and running)]
        # A container that ended is no news: the operator sees the driver's end, and Spark replaces executors.
        return [each for pod in waiting for each in pod_problems(pod) if each.reason != ENDED]

    @property
    def _driver(self) -> str:
        return f"{self.name}-driver"

    def _show_log(self) -> None:
        """Passes on what the driver has written since the last look; each line comes with its time."""
        before, self._looked = self._looked, self.clock()
        since_s = int(self._looked - before) + 3
        for line in self.connection.log(self._driver, DRIVER_CONTAINER, since_s=since_s).splitlines():
            stamp, _, text = line.partition(" ")
            if stamp > self._shown:
                self._shown = stamp
                _pass_on(text[:2000])

    def _failed(self, found: str) -> ScoringFailed:
        return ScoringFailed(
            expected="the SparkApplication to come to its end",
            found=found,
            where=f"{self.connection.namespace}/{self.name}",
            do="The driver's log stands above.",
        )


def _pass_on(line: str) -> None:
    """The job's own words as ours, the report not at all, and the rest as Spark's."""
    if line.startswith(PROGRESS_MARK):
        log.info("%s", line.removeprefix(PROGRESS_MARK))
    elif not line.startswith((REPORT_MARK, ERROR_MARK)):
        driver_log.info("%s", line)


def cause(message: str, *, log_text: str) -> str:
    """The line that tells: the driver's exception, or spark-submit's; what follows them is Spark's own shutdown."""
    if "Traceback (most recent call last)" in log_text:
        trace = log_text[log_text.rindex("Traceback (most recent call last)") :].splitlines()[1:]
        last = next((line for line in trace if line and not line.startswith((" ", "\t"))), "")
        return f"{message}: {last}"
    submission = next((line for line in message.splitlines() if 'Exception in thread "main"' in line), "")
    return submission or message[:2000]


def release_error(text: str) -> ReleaseError:
    """The error that the driver wrote, as the kind that it was."""
    fields = json.loads(text)
    kind = getattr(errors, fields["kind"], ScoringFailed)
    kind = ScoringFailed if kind is errors.PredictionFailed else kind
    error: ReleaseError = kind(**{name: fields[name] for name in ("expected", "found", "where", "do")})
    return error
