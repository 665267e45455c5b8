"""Where a served model answers."""

from dataclasses import dataclass

from model import json_codec


@dataclass(frozen=True)
class Endpoint:
    """One model behind one server.

    rest_url: scheme, host and port without a path, such as `http://127.0.0.1:8501`.
    grpc_target: `host:port`, or empty where the service exposes REST only.
    model_name: the served name, as it stands in request URLs.
    version: the release's version that answers there.
    host: what to call the service (Host header, gRPC authority) where the address is a gateway's; else empty.
    """

    rest_url: str
    grpc_target: str
    model_name: str
    version: int
    host: str = ""

    @property
    def predict_url(self) -> str:
        return f"{self.rest_url}/v1/models/{self.model_name}:predict"

    def to_json(self) -> str:
        return json_codec.to_json(self)

    @classmethod
    def from_json(cls, text: str | bytes) -> "Endpoint":
        return json_codec.from_json(cls, text)
