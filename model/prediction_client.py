"""Calling a served model, over TensorFlow Serving's gRPC or REST; NumPy in and out, no TensorFlow.

with open_client(endpoint) as client:
    client.predict({"bounces": np.zeros(3, np.float32), …}, signature_name="serving_default")["probs"]
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol, Self

from model.arrays import Array
from model.endpoint import Endpoint
from model.errors import InvalidValue
from model.retries import Retries
from model.signature import Signature

DEFAULT_SIGNATURE = "serving_default"
PROTOCOLS = ("auto", "grpc", "rest")
MAX_IN_FLIGHT = 8


@dataclass(frozen=True)
class VersionStatus:
    """One version of a served model. `state` is TensorFlow Serving's, such as AVAILABLE; `error_code` is `OK` or the
    gRPC status name that loading ended with."""

    version: int
    state: str
    error_code: str
    error_message: str


class Transport(Protocol):
    """One way to call one endpoint, each method once, without retries. All raise PredictionFailed."""

    def predict(
        self, inputs: Mapping[str, Array], *, signature_name: str, outputs: Sequence[str], timeout_s: float
    ) -> dict[str, Array]: ...

    def status(self, *, timeout_s: float) -> tuple[VersionStatus, ...]: ...

    def metadata(self, *, timeout_s: float) -> dict[str, Signature]:
        """All signatures by name."""
        ...

    def close(self) -> None: ...


class PredictionClient:
    """Calls one endpoint over one kept connection; may be shared by threads.

    Each call ends within the client's timeout, attempts after a passing fault included. An endpoint that names a
    version is asked for that very version, so another release never answers in its place.
    """

    def __init__(self, transport: Transport, *, retries: Retries) -> None:
        self._transport = transport
        self._retries = retries
        self._threads: ThreadPoolExecutor | None = None

    def predict(
        self,
        inputs: Mapping[str, Array],
        *,
        signature_name: str = DEFAULT_SIGNATURE,
        outputs: Sequence[str] = (),
    ) -> dict[str, Array]:
        """The model's outputs, or those named only. Strings are object arrays of bytes; arrays may be read-only.

        Raises:
            PredictionFailed: the server refuses the call, or does not answer it in time. `code` says which.
        """
        return self._retries.call(
            lambda left_s: self._transport.predict(
                inputs, signature_name=signature_name, outputs=outputs, timeout_s=left_s
            )
        )

    def predict_async(
        self,
        inputs: Mapping[str, Array],
        *,
        signature_name: str = DEFAULT_SIGNATURE,
        outputs: Sequence[str] = (),
    ) -> "Future[dict[str, Array]]":
        """`predict` in the background; at most MAX_IN_FLIGHT calls are under way, further ones wait their turn."""
        if self._threads is None:
            self._threads = ThreadPoolExecutor(MAX_IN_FLIGHT, thread_name_prefix="predict")
        return self._threads.submit(self.predict, inputs, signature_name=signature_name, outputs=outputs)

    def status(self) -> tuple[VersionStatus, ...]:
        """The versions of the model that the server knows of, the highest first.

        Raises:
            PredictionFailed: the server knows no such model (NOT_FOUND), or does not answer.
        """
        found = self._retries.call(lambda left_s: self._transport.status(timeout_s=left_s))
        return tuple(sorted(found, key=lambda status: -status.version))

    def metadata(self, signature_name: str = DEFAULT_SIGNATURE) -> Signature:
        """The signature that the served version has.

        Raises:
            PredictionFailed: no such model or version (NOT_FOUND) or signature (FAILED_PRECONDITION), or no answer.
        """
        signatures = self._retries.call(lambda left_s: self._transport.metadata(timeout_s=left_s))
        if signature_name not in signatures:
            from model.call_errors import signature_missing

            raise signature_missing(signature_name, signatures)
        return signatures[signature_name]

    def close(self) -> None:
        if self._threads is not None:
            self._threads.shutdown(cancel_futures=True)
        self._transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def open_client(
    endpoint: Endpoint, *, timeout_s: float = 60.0, protocol: str = "auto", retries: Retries | None = None
) -> PredictionClient:
    """A client of the endpoint; connects with the first call.

    timeout_s: of each call, repeated attempts included.
    protocol: `grpc`, `rest` (column format), or `auto`: gRPC where the endpoint has a gRPC target.

    Raises:
        InvalidValue: there is no such protocol, or the endpoint has no address for it.
    """
    chosen = ("grpc" if endpoint.grpc_target else "rest") if protocol == "auto" else protocol
    if chosen not in PROTOCOLS:
        raise InvalidValue(expected=f"one of {', '.join(PROTOCOLS)}", found=repr(protocol), where="protocol")
    if not (endpoint.grpc_target if chosen == "grpc" else endpoint.rest_url):
        raise InvalidValue(
            expected=f"an address for {chosen}", found="none", where=f"endpoint of {endpoint.model_name}"
        )
    return PredictionClient(_transport(endpoint, chosen), retries=retries or Retries(timeout_s))


def _transport(endpoint: Endpoint, protocol: str) -> Transport:
    if protocol == "grpc":
        from model.grpc_transport import GrpcTransport

        return GrpcTransport(endpoint)
    from model.rest_transport import RestTransport

    return RestTransport(endpoint)
