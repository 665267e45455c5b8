"""Page or JSON: what the caller asked for."""

import json
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from webapp.submission import JSON


def wants_json(request: Request) -> bool:
    """Whether `Accept` prefers JSON to a page. `*/*`, as curl sends it, means a page."""
    qualities = dict(_qualities(request.headers.get("accept", "")))
    return qualities.get(JSON, 0.0) > qualities.get("text/html", 0.0)


def answers_json(request: Request) -> bool:
    """JSON is answered to those who ask for it, and to those who send it without asking for a page."""
    accept, kind = request.headers.get("accept", ""), request.headers.get("content-type", "")
    return wants_json(request) or (kind.startswith(JSON) and "text/html" not in accept)


def json_response(document: Any, *, status: int = 200) -> Response:
    """NaN and infinities are written bare, as TensorFlow Serving writes them and Python reads them."""
    # A lone surrogate, which JSON can spell and UTF-8 cannot, goes back as it came: as an escape.
    text = json.dumps(document, ensure_ascii=False) + "\n"
    return Response(text.encode("utf-8", "backslashreplace"), status, media_type=JSON)


def _qualities(accept: str) -> list[tuple[str, float]]:
    """The media types of an Accept header, each with its quality, 0 to 1 (RFC 9110, 12.5.1)."""
    found = []
    for part in accept.split(","):
        kind, *parameters = (piece.strip().lower() for piece in part.split(";"))
        quality = next((each[2:] for each in parameters if each.startswith("q=")), "1")
        found.append((kind, float(quality) if quality.replace(".", "", 1).isdecimal() and quality.isascii() else 0.0))
    return found
