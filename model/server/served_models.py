"""All models of the server: what is wanted, what is loaded, and who answers a request.

New versions are loaded before old ones are unloaded, and a version stays until one that is wanted instead has come to
be available, or until its model leaves the configuration.
"""

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from model.errors import PredictionFailed, ServingFailed
from model.server.config import ServedModel
from model.server.loading import (
    AVAILABLE,
    END,
    LOADING,
    UNLOADING,
    Version,
    VersionKey,
    not_found,
    refused,
    settle_heap,
)
from model.server.servable import Servable
from model.server.version_directories import find_versions, wanted_versions
from model.server.warmup import replay

log = logging.getLogger(__name__)

#: So many versions that are served no more are told in a model's status.
ENDED_KEPT = 5


@dataclass(frozen=True)
class ModelRequest:
    """Which version of which model a request asks for; the highest available one if it names none."""

    model: str
    version: int | None = None
    label: str = ""


@dataclass(frozen=True)
class LoadPolicy:
    """max_retries: further attempts to load a version that failed, `retry_interval_s` seconds apart."""

    max_retries: int = 5
    retry_interval_s: float = 60.0
    warmup: bool = True


class ServedModels:
    """`configure` says what is wanted, `step` works towards it, and the others read; all from any thread, but `step`
    from one only."""

    def __init__(self, *, policy: LoadPolicy, clock: Callable[[], float] = time.monotonic) -> None:
        self.changed = threading.Condition()
        self._policy = policy
        self._clock = clock
        self._models: dict[str, ServedModel] = {}
        self._versions: dict[VersionKey, Version] = {}
        self._complaints: dict[str, str] = {}

    def configure(self, models: Sequence[ServedModel]) -> None:
        with self.changed:
            self._models = {model.name: model for model in models}

    def step(self) -> None:
        """Looks for versions, loads those that are missing, and lets those go that are not wanted."""
        wanted = self.look()
        for keys in wanted.values():
            for key in keys:
                self._load_if_due(self._versions[key])
        for version in list(self._versions.values()):
            if version.key not in wanted.get(version.key.model, ()):
                self._retire(version, replaced_by=wanted.get(version.key.model))
        self._forget_ended()

    def look(self) -> dict[str, list[VersionKey]]:
        """The versions wanted by model, as they stand below the base paths; new ones are in state START."""
        with self.changed:
            models = list(self._models.values())
        wanted = {model.name: self._wanted(model) for model in models}
        for keys in wanted.values():
            for key in keys:
                self._note(key)
        return wanted

    def _wanted(self, model: ServedModel) -> list[VersionKey]:
        try:
            found = wanted_versions(model, find_versions(model.base_path))
        except OSError as error:
            self._complain(model, f"cannot list the base path {model.base_path}: {error.strerror}")
            return [key for key, version in self._versions.items() if key.model == model.name and not version.retired]
        missing = sorted(set(model.versions) - set(found))
        if missing or not found:
            what = f"version {', '.join(map(str, missing))}" if missing else "version"
            self._complain(model, f"no {what} below the base path {model.base_path}")
        else:
            self._complaints.pop(model.name, None)
        return [VersionKey(model.name, number, path) for number, path in sorted(found.items())]

    def _complain(self, model: ServedModel, text: str) -> None:
        if self._complaints.get(model.name) != text:
            log.warning("%s: %s", model.name, text)
            self._complaints[model.name] = text

    def _note(self, key: VersionKey) -> None:
        with self.changed:
            version = self._versions.get(key)
            if version is None or (version.retired and version.state == END):
                self._versions.pop(key, None)  # it goes to the end: the newest
                self._versions[key] = Version(key, self.changed)

    def _load_if_due(self, version: Version) -> None:
        if version.settled or version.state == UNLOADING or version.next_attempt > self._clock():
            return
        with self.changed:
            version.state = LOADING
        version.attempts += 1
        started = self._clock()
        log.info("%s: LOADING from %s", version.key, version.key.directory)
        try:
            servable = Servable.load(version.key.directory, warm_up=replay if self._policy.warmup else None)
        except ServingFailed as error:
            self._note_failure(version, error)
            return
        settle_heap()
        with self.changed:
            version.servable, version.state = servable, AVAILABLE
            version.error_code, version.error_message = "OK", ""
        log.info("%s: AVAILABLE after %.1f s", version.key, self._clock() - started)

    def _note_failure(self, version: Version, error: ServingFailed) -> None:
        again = version.attempts <= self._policy.max_retries
        with self.changed:
            version.error_code = error.code if isinstance(error, PredictionFailed) else "UNKNOWN"
            version.error_message = str(error)
            version.next_attempt = self._clock() + self._policy.retry_interval_s
            if not again:
                version.state = END
        outcome = f"tried again in {self._policy.retry_interval_s:g} s" if again else "END"
        log.error("%s: cannot be loaded (attempt %d; %s). %s", version.key, version.attempts, outcome, error)

    def _retire(self, version: Version, *, replaced_by: Sequence[VersionKey] | None) -> None:
        """Unloads it, unless its model is still to be served and nothing else is available in its place.

        replaced_by: None where the model left the configuration.
        """
        with self.changed:
            if version.state != AVAILABLE:
                if version.state != UNLOADING:  # failed, or waiting for another attempt
                    version.state, version.retired = END, True
                return
            successors = [self._versions[key] for key in replaced_by or ()]
            ready = any(each.state == AVAILABLE for each in successors) and all(each.settled for each in successors)
            if replaced_by is not None and not ready:
                return
            version.state, version.retired = UNLOADING, True
        log.info("%s: UNLOADING", version.key)
        threading.Thread(target=self._unload, args=(version,), name=f"unload {version.key}", daemon=True).start()

    def _unload(self, version: Version) -> None:
        version.unload()
        log.info("%s: END", version.key)

    def _forget_ended(self) -> None:
        with self.changed:
            for name in {key.model for key in self._versions}:
                ended = [
                    key
                    for key, each in self._versions.items()
                    if key.model == name and each.retired and each.state == END
                ]
                for key in ended[:-ENDED_KEPT]:
                    del self._versions[key]

    def all_served(self) -> bool:
        """Whether each configured model has an available version.

        Raises:
            ServingFailed: a model has versions, and none of them can be loaded.
        """
        with self.changed:
            known = [[each for key, each in self._versions.items() if key.model == name] for name in self._models]
        for failed in (versions for versions in known if versions and all(each.failed for each in versions)):
            found = failed[-1].error_message
            raise ServingFailed(expected=f"{failed[-1].key} to load", found=found.rstrip("."), where="model server")
        return all(any(each.state == AVAILABLE for each in versions) for versions in known)

    @contextlib.contextmanager
    def lease(self, request: ModelRequest) -> Iterator[tuple[VersionKey, Servable]]:
        """The version that answers, kept loaded for as long as the lease is held.

        Raises:
            PredictionFailed: NOT_FOUND; INVALID_ARGUMENT for an unknown label.
        """
        with contextlib.ExitStack() as held:
            with self.changed:
                version = self._choose(request)
                servable = held.enter_context(version.lease())
            yield version.key, servable

    def _choose(self, request: ModelRequest) -> Version:
        number = self.resolve(request)
        of_model = [version for key, version in self._versions.items() if key.model == request.model]
        fitting = [each for each in of_model if each.state == AVAILABLE and number in (None, each.key.number)]
        if not fitting:
            kind = f"Latest({request.model})" if number is None else f"Specific({request.model}, {number})"
            raise not_found(kind)
        # Of two with the same number, from different base paths, the one that was wanted last.
        return max(reversed(fitting), key=lambda each: each.key.number)

    def resolve(self, request: ModelRequest) -> int | None:
        """The number of the version asked for; None for the highest.

        Raises:
            PredictionFailed: INVALID_ARGUMENT for an unknown label.
        """
        if not request.label:
            return request.version
        with self.changed:
            model = self._models.get(request.model)
        if model is None or request.label not in model.labels:
            found = f"Unrecognized servable version label: {request.label}"
            raise refused(found, expected="a label of the model")
        return model.labels[request.label]

    def statuses(self, request: ModelRequest) -> list[Version]:
        """The versions of the model that the server knows of, or the one asked for; the highest first.

        Raises:
            PredictionFailed: NOT_FOUND where there are none.
        """
        number = self.resolve(request)
        with self.changed:
            newest = {key.number: version for key, version in self._versions.items() if key.model == request.model}
        found = [newest[each] for each in sorted(newest, reverse=True) if number in (None, each)]
        if not found:
            what = "any versions" if number is None else f"version {number}"
            raise refused(f"Could not find {what} of model {request.model}", code="NOT_FOUND", expected="a known model")
        return found
