"""What the web application refuses, and the HTTP status that says so.

InvalidValue
├── BadField           400  a field of the form
├── HostNotAllowed     403  a model server off the allow list
├── BodyTimedOut       408
├── BodyTooLarge       413
└── UnsupportedBody    415
SignatureNotFound      400
PredictionFailed       502  the model server refused, or does not answer; 504 where it took too long
"""

from model.errors import InvalidValue, PredictionFailed, ReleaseError, SignatureNotFound

DEADLINE_EXCEEDED = "DEADLINE_EXCEEDED"


class BadField(InvalidValue):
    """One field's value breaks its rule. `field` is its name in the form."""

    def __init__(self, *, field: str, expected: str, found: str, do: str = "") -> None:
        super().__init__(expected=expected, found=found, where=f"field {shorten(field)}", do=do)
        self.field = field


class HostNotAllowed(InvalidValue):
    """The model server is not on the allow list."""


class BodyTimedOut(InvalidValue):
    """The client did not send its body in time."""


class BodyTooLarge(InvalidValue):
    """The body is longer than the limit."""


class UnsupportedBody(InvalidValue):
    """The body is neither a form nor JSON."""


_STATUSES: tuple[tuple[type[ReleaseError], int], ...] = (
    (HostNotAllowed, 403),
    (BodyTimedOut, 408),
    (BodyTooLarge, 413),
    (UnsupportedBody, 415),
    (InvalidValue, 400),
    (SignatureNotFound, 400),
)


def status_of(error: ReleaseError) -> int:
    """The HTTP status of an answer that carries this error."""
    if isinstance(error, PredictionFailed) and error.code == DEADLINE_EXCEEDED:
        return 504
    return next((status for kind, status in _STATUSES if isinstance(error, kind)), 502)


def shorten(text: str, *, limit: int = 200) -> str:
    """At most `limit` characters: an error quotes what it found, and must not be as long as that may be."""
    return text if len(text) <= limit else f"{text[:limit]}… ({len(text)} characters)"
