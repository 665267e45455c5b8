"""One version of a model on the server: its state, and who is using it."""

import contextlib
import gc
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from model.errors import PredictionFailed
from model.server.servable import Servable

START, LOADING, AVAILABLE, UNLOADING, END = "START", "LOADING", "AVAILABLE", "UNLOADING", "END"


@dataclass(frozen=True)
class VersionKey:
    """What tells one version from another. The directory is part of it: a model may move to another base path that
    has a version of the same number."""

    model: str
    number: int
    directory: Path

    def __str__(self) -> str:
        return f"{self.model} version {self.number}"


@dataclass
class Version:
    """The state changes as TensorFlow Serving's does: START, LOADING, AVAILABLE, UNLOADING, END. END with an error
    code is a load that failed. A retired version is not wanted any more. Guarded by the lock of `changed`."""

    key: VersionKey
    changed: threading.Condition
    state: str = START
    error_code: str = "OK"
    error_message: str = ""
    attempts: int = 0
    next_attempt: float = 0.0
    retired: bool = False
    in_flight: int = field(default=0, repr=False)
    servable: Servable | None = field(default=None, repr=False)

    @property
    def settled(self) -> bool:
        """Whether nothing more will happen to it unless the configuration changes."""
        return self.state in (AVAILABLE, END)

    @property
    def failed(self) -> bool:
        """Whether it could not be loaded, and is not tried again."""
        return self.state == END and self.error_code != "OK"

    @contextlib.contextmanager
    def lease(self) -> Iterator[Servable]:
        """The servable, which is not unloaded before the lease ends.

        Raises:
            PredictionFailed: NOT_FOUND, where it is not, or no longer, available.
        """
        with self.changed:
            servable = self.servable
            if self.state != AVAILABLE or servable is None:
                raise not_found(f"Specific({self.key.model}, {self.key.number})")
            self.in_flight += 1
        try:
            yield servable
        finally:
            with self.changed:
                self.in_flight -= 1
                self.changed.notify_all()

    def unload(self) -> None:
        """Lets the calls under way finish, then frees the model."""
        with self.changed:
            self.changed.wait_for(lambda: self.in_flight == 0)
            servable, self.servable = self.servable, None
        if servable is not None:
            servable.close()
            del servable
            settle_heap()
        with self.changed:
            self.state = END


def settle_heap() -> None:
    """Takes what is alive out of the garbage collector's sight, after a model came or went: it would walk TensorFlow's
    hundreds of thousands of objects again and again (measured: large JSON requests take 2.3 times as long)."""
    gc.unfreeze()
    gc.collect()
    gc.freeze()


#: Where errors arise that the protocol words, not the model.
SERVER = "model server"


def refused(found: str, *, code: str = "INVALID_ARGUMENT", expected: str = "a request served here") -> PredictionFailed:
    """An error in TensorFlow Serving's own words, `found`."""
    return PredictionFailed(code=code, expected=expected, found=found, where=SERVER)


def not_found(what: str) -> PredictionFailed:
    found = f"Servable not found for request: {what}"
    return refused(found, code="NOT_FOUND", expected="a version that is AVAILABLE")


def wire_message(error: PredictionFailed) -> str:
    """What a caller is told: TensorFlow Serving's words alone, or the whole story of the model."""
    return error.found if error.where == SERVER else str(error)
