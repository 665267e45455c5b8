"""Keeping the served models in step with the configuration file and the version directories."""

import logging
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from model.errors import InvalidValue
from model.server.config import ServedModel, parse_config, takes_no_action
from model.server.served_models import ServedModels

log = logging.getLogger(__name__)

#: The configuration file and pending loads are looked at so often.
TICK_S = 0.1


class ConfigFile:
    """The configuration file, read again when it has changed."""

    def __init__(self, path: str) -> None:
        self.path = Path(path)
        self._text: str | None = None
        self._complaint = ""

    def read(self) -> tuple[ServedModel, ...] | None:
        """The models; None if the text is the one read before, or takes no action.

        Raises:
            InvalidValue: the file cannot be read, or is no configuration.
        """
        try:
            text = self.path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise InvalidValue(expected="a configuration file", found=str(error), where=str(self.path)) from error
        if text == self._text:
            return None
        self._text = text
        if takes_no_action(text, where=str(self.path)):
            log.info("%s: Taking no action for empty config.", self.path)
            return None
        return parse_config(text, where=str(self.path))

    def read_again(self) -> tuple[ServedModel, ...] | None:
        """As `read`, but what is wrong is logged once, and the former configuration stays."""
        try:
            found = self.read()
        except InvalidValue as error:
            if str(error) != self._complaint:
                log.error("The former configuration stays. %s", error)
            self._complaint = str(error)
            return None
        self._complaint = ""
        return found


@dataclass(frozen=True)
class Watch:
    """Works in a thread of its own, so loading is off the way of requests.

    base_path_poll_s: seconds between looks at the version directories; 0: only when the configuration changes.
    """

    models: ServedModels
    config: ConfigFile | None
    base_path_poll_s: float
    stopping: threading.Event

    def start(self) -> None:
        threading.Thread(target=self._run, name="watch", daemon=True).start()

    def until_served(self) -> bool:
        """Waits until each model has an available version; False if the server is told to end before.

        Raises:
            ServingFailed: a model cannot be loaded.
        """
        while not self.models.all_served():
            if self.stopping.wait(TICK_S):
                return False
        return True

    def _run(self) -> None:
        # A server that is started ahead of its first model shall be warm when that one comes.
        from model.server.servable import import_tensorflow

        import_tensorflow()
        looked = -float("inf")
        while not self.stopping.is_set():
            changed = self._configure()
            due = time.monotonic() - looked >= (self.base_path_poll_s or float("inf"))
            if changed or due or looked < 0:
                looked = time.monotonic()
                self._step()
            self.stopping.wait(TICK_S)

    def _configure(self) -> bool:
        found = self.config.read_again() if self.config is not None else None
        if found is not None:
            log.info("configuration: %s", ", ".join(model.name for model in found) or "no models")
            self.models.configure(found)
        return found is not None

    def _step(self) -> None:
        try:
            self.models.step()
        except Exception:  # a bug of ours must not end the watch in silence
            log.exception("looking for versions")
