"""LocalPlatform: what components.platforms.Platform asks, on one machine."""

import logging
import os
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from components.platforms import LiveService
from components.platforms.local import servers, webapp
from components.platforms.local.home import Home, write_whole
from components.platforms.local.locks import FileLock
from components.platforms.local.processes import OWNER_VARIABLE, Owner, stop
from components.platforms.names import candidate_name
from components.platforms.serving import ServingSettings
from model import json_codec
from model.endpoint import Endpoint
from model.errors import StorageError
from model.release_layout import Release

log = logging.getLogger(__name__)

NOTHING_SET = ServingSettings()


@dataclass(frozen=True)
class LocalPlatform:
    """Serves what stands in the home's `serving/` directory. `run_id` marks the processes that it starts."""

    home: Home
    run_id: str = ""
    name: str = "local"
    refused_dtypes: tuple[str, ...] = ()

    @classmethod
    def from_environment(cls) -> "LocalPlatform":
        owner = Owner.parse(os.environ.get(OWNER_VARIABLE, ""))
        return cls(Home.from_environment(), run_id=owner.run_id if owner else "")

    def holding(self, model_name: str, *, run_id: str, wait: bool = True) -> AbstractContextManager[None]:
        """Nothing: whoever runs the pipeline here holds the model for the whole run (session.py)."""
        return nullcontext()

    def let_go(self, model_name: str, *, run_id: str) -> None:
        """Nothing: the lock ends with the run."""

    def live_service(self, model_name: str) -> LiveService | None:
        path = self.home.live(model_name)
        return _read(path) if path.exists() else None

    def write_live_service(self, service: LiveService) -> None:
        write_whole(self.home.live(service.release.model_name), json_codec.to_json(service))
        self.write_models_config()

    def remove_live_service(self, model_name: str) -> None:
        self.home.live(model_name).unlink(missing_ok=True)
        self.write_models_config()

    def live_services(self) -> list[LiveService]:
        paths = sorted((self.home.serving / "live").glob("*.json"))
        return [_read(path) for path in paths]

    def write_models_config(self) -> None:
        """Derives models.config from the live services; a crash before it is made good by the next write or start."""
        with FileLock(self.home.lock("models-config")):
            releases = [(service.release.model_name, service.release) for service in self.live_services()]
            servers.write_config(self.home.models_config, releases)

    def wait_until_live(self, release: Release, *, timeout_s: float) -> Endpoint:
        server = servers.ensure_live_server(self.home, run_id=self.run_id)
        return servers.wait_until_served(server, release.model_name, version=release.version, timeout_s=timeout_s)

    def deploy_candidate(
        self, release: Release, *, run_id: str, timeout_s: float, settings: ServingSettings = NOTHING_SET
    ) -> Endpoint:
        """`settings` are for the pods of a cluster, and mean nothing to a process here."""
        served_name = candidate_name(release.model_name)
        server = servers.ensure_candidate_server(self.home, release.model_name, run_id=self.run_id)
        servers.write_config(self.home.candidate_config(release.model_name), [(served_name, release)])
        return servers.wait_until_served(server, served_name, version=release.version, timeout_s=timeout_s)

    def has_candidate(self, release: Release) -> bool:
        """It is this run's, which holds the model."""
        return servers.read_record(self.home.candidate(release.model_name)) is not None

    def remove_candidate(self, model_name: str) -> None:
        record = servers.read_record(self.home.candidate(model_name))
        process = record.process.process() if record else None
        if process is not None:
            stop([process])
            log.debug("candidate of %s stopped", model_name)
        self.home.candidate(model_name).unlink(missing_ok=True)
        self.home.candidate_config(model_name).unlink(missing_ok=True)

    def webapp_url(self) -> str:
        record = self.ensure_webapp()
        return webapp.wait_until_serving(self.home, record)

    def ensure_webapp(self, model_name: str = "") -> webapp.WebappRecord:
        server = servers.ensure_live_server(self.home, run_id=self.run_id)
        name = model_name or next((service.release.model_name for service in self.live_services()), "model")
        url = server.endpoint(name, version=0).predict_url
        return webapp.ensure_webapp(self.home, run_id=self.run_id, default_model_url=url)


def _read(path: Path) -> LiveService:
    """
    Raises:
        StorageError: the record is damaged; which release was live cannot be known from it.
    """
    try:
        return json_codec.from_json(LiveService, path.read_text(encoding="utf-8"))
    except ValueError as error:
        do = "Remove the file, and release the model that should be live again."
        raise StorageError(expected="the record of what is live", found=str(error), where=str(path), do=do) from error
