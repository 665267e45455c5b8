"""What a route of the stand-in is asked."""

import email.parser
import email.policy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.kfp_standin.answers import Refusal
from tests.kfp_standin.store import Store


@dataclass(frozen=True)
class Request:
    """path: with what the route's pattern found in it."""

    body: bytes
    content_type: str
    query: dict[str, str]
    path: tuple[str, ...] = ()

    def uploaded(self) -> str:
        """The file of a multipart form."""
        text = b"Content-Type: " + self.content_type.encode() + b"\r\n\r\n" + self.body
        form = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(text)
        for part in form.iter_parts():
            if part.get_param("name", header="content-disposition") == "uploadfile":
                return bytes(part.get_payload(decode=True)).decode()
        raise Refusal(400, {"error_message": "Failed to read pipeline from file"})


Route = Callable[[Store, Request], Any]
