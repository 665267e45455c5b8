"""Where Spark runs: the second half of the seam between a cluster and one machine, apart from the first so that only
score_batch carries Spark's code."""

from typing import Protocol

from components.contracts import ScoreReport, ScoringJob
from components.platform_names import unknown_platform


class ScoringBackend(Protocol):
    def run(self, job: ScoringJob, *, run_id: str) -> ScoreReport:
        """Runs the job on Spark to its end.

        Raises:
            RowsMismatch: the rows do not fit the signature.
            ScoringFailed: Spark failed, with the cause.
        """
        ...


def open_scoring(platform: str) -> ScoringBackend:
    """Spark on the platform of that name.

    Raises:
        InvalidValue: there is no such platform.
    """
    if platform == "local":
        from components.platforms.local.spark import LocalSpark

        return LocalSpark()
    if platform == "kubernetes":
        from components.platforms.kubernetes.spark import KubernetesSpark

        return KubernetesSpark.from_environment()
    raise unknown_platform(platform)
