"""Where a release is served: the one seam between a cluster and one machine.

A Platform knows how to serve a candidate beside the live model, how to point the live service at a release, where the
web application answers. The order of things, and what to do when one fails, stand in the steps.
"""

from contextlib import AbstractContextManager
from dataclasses import dataclass
from pkgutil import extend_path
from typing import Protocol

from components.platforms.serving import ServingSettings
from model.endpoint import Endpoint
from model.release_layout import Release

# In a step this package is the one that the YAML carries; on one machine the rest of it is found where it is installed.
__path__ = extend_path(__path__, __name__)

#: Phases of a live service: what the run named in `run_id` has done to it.
PROMOTING = "promoting"
PROMOTED = "promoted"


@dataclass(frozen=True)
class LiveService:
    """What the live service is meant to serve, and what the last run did to it.

    former: the release that `release` replaced, served again when a promotion fails; None for the first release.
    """

    release: Release
    run_id: str
    phase: str
    former: Release | None = None


class Platform(Protocol):
    """Everything is by deterministic name (`<model_name>` and `<model_name>-candidate`), created or adopted."""

    @property
    def name(self) -> str: ...

    @property
    def refused_dtypes(self) -> tuple[str, ...]:
        """Of inputs and outputs, those that the server's REST API does not speak of."""
        ...

    def holding(self, model_name: str, *, run_id: str, wait: bool = True) -> AbstractContextManager[None]:
        """Keeps other runs of the model away while the block runs, and until the run's next step, or `let_go`.

        wait: whether to wait for a run that gives no sign of life, until it counts as dead.

        Raises:
            ReleaseInProgress: another run holds the model.
        """
        ...

    def let_go(self, model_name: str, *, run_id: str) -> None:
        """Lets the next run of the model begin."""
        ...

    def live_service(self, model_name: str) -> LiveService | None:
        """The live service as it was last written, or None if there is none."""
        ...

    def write_live_service(self, service: LiveService) -> None:
        """Points the live service at `service.release`; returns before it serves it."""
        ...

    def remove_live_service(self, model_name: str) -> None:
        """Removes the live service, as after a first promotion that failed. No error if there is none."""
        ...

    def wait_until_live(self, release: Release, *, timeout_s: float) -> Endpoint:
        """Waits until the live service itself names `release.version` as what it serves.

        Raises:
            ServingFailed: it does not come to, with the server's own reason and last log lines.
        """
        ...

    def deploy_candidate(
        self, release: Release, *, run_id: str, timeout_s: float, settings: ServingSettings
    ) -> Endpoint:
        """Serves the release as `<model_name>-candidate`, in a process or pod apart from the live one, and waits.

        Raises:
            ServingFailed: it does not become ready, with the server's own reason and last log lines.
        """
        ...

    def has_candidate(self, release: Release) -> bool:
        """Whether the candidate of the model is there, and of this release."""
        ...

    def remove_candidate(self, model_name: str) -> None:
        """Removes the candidate. No error if there is none."""
        ...
