"""Errors in the words and the JSON of the real API."""

from typing import Any

_GRPC = {400: 3, 401: 16, 403: 7, 404: 5, 409: 6, 500: 13, 503: 14}


class Refusal(Exception):
    """An answer other than 200."""

    def __init__(self, status: int, body: Any, **headers: str) -> None:
        super().__init__(status, body)
        self.status, self.body, self.headers = status, body, headers


def said(status: int, message: str, *, external: str = "") -> Refusal:
    """As the gateway to the API server words it."""
    detail = {
        "@type": "type.googleapis.com/google.rpc.Status",
        "code": _GRPC[status],
        "message": external or message,
    }
    return Refusal(status, {"error": message, "code": _GRPC[status], "message": message, "details": [detail]})


def invalid(message: str, *, doing: str) -> Refusal:
    return said(400, f"{doing}: Invalid input error: {message}", external=message)


def missing(kind: str, identifier: str, *, doing: str) -> Refusal:
    found = f"{kind} {identifier} not found."
    return said(404, f"{doing}: ResourceNotFoundError: {found}", external=found)


def exists(kind: str, name: str, *, doing: str) -> Refusal:
    found = f"The {kind} name {name} already exists. Please specify a new name."
    return said(409, f"{doing}: Already exist error: {found}", external=found)


def plain(status: int, message: str) -> Refusal:
    """As handlers outside the gateway (uploads, logs) word it."""
    return Refusal(status, {"error_message": message, "error_details": message})


def no_rpc() -> Refusal:
    """For what the gateway does not know."""
    return Refusal(404, {"code": 5, "message": "Not Found", "details": []})
