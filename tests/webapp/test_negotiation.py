import pytest
from starlette.requests import Request

from webapp.negotiation import json_response, wants_json


def asking(accept: str) -> Request:
    return Request({"type": "http", "headers": [(b"accept", accept.encode("latin-1"))]})


@pytest.mark.parametrize(
    ("accept", "json"),
    [
        ("application/json", True),
        ("*/*", False),
        ("text/html, application/json;q=0.5", False),
        ("text/html;q=0.1, application/json", True),
        ("application/json;q=²", False),
        ("application/json;q=", False),
    ],
)
def test_json_goes_to_those_who_prefer_it(accept: str, json: bool) -> None:
    assert wants_json(asking(accept)) is json


def test_a_lone_surrogate_goes_back_as_it_came() -> None:
    assert b"\\ud800" in json_response({"error": "no field \ud800"}).body
