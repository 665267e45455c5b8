"""The errors of a prediction call that both transports raise."""

from collections.abc import Iterable

from model.errors import PredictionFailed

_ADVICE = {
    "UNAVAILABLE": "Is the server up, and the address right?",
    "DEADLINE_EXCEEDED": "Send fewer rows at once, or allow more time.",
    "RESOURCE_EXHAUSTED": "Send fewer rows at once, or give the server more replicas.",
    "NOT_FOUND": "See which models and versions the server has at /v1/models/MODEL.",
    "INVALID_ARGUMENT": "Compare the inputs with the model's signature.",
    "FAILED_PRECONDITION": "Compare the call with the model's signature.",
}


def call_failed(code: str, message: str, *, where: str) -> PredictionFailed:
    """The server's, or the connection's, own word as an error."""
    found = f"{code}: {message.strip().rstrip('.')}"
    return PredictionFailed(code=code, expected="an answer", found=found, where=where, do=_ADVICE.get(code, ""))


def signature_missing(name: str, found: Iterable[str]) -> PredictionFailed:
    return PredictionFailed(
        code="FAILED_PRECONDITION",
        expected=f"a signature {name!r}",
        found=f"{sorted(found)}",
        where="served model",
        do="Set signature_name.",
    )


def outputs_missing(names: Iterable[str], found: Iterable[str], *, where: str) -> PredictionFailed:
    return PredictionFailed(
        code="INVALID_ARGUMENT",
        expected=f"outputs {sorted(names)}",
        found=f"a signature with the outputs {sorted(found)}",
        where=where,
    )


def unsendable(error: Exception, *, where: str) -> PredictionFailed:
    """An array that no message can hold."""
    return PredictionFailed(code="INVALID_ARGUMENT", expected="arrays to send", found=str(error), where=where)


def unreadable(error: Exception, *, where: str) -> PredictionFailed:
    """An answer that is none of TensorFlow Serving's."""
    found = f"another: {type(error).__name__}: {error}"
    return PredictionFailed(
        code="INTERNAL", expected="an answer as TensorFlow Serving gives it", found=found, where=where
    )
