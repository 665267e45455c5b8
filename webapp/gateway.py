"""A gateway that serves many models at one address, and tells them apart by the Host header."""

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from model.errors import InvalidValue

#: Stands for the model's name as it is in the URL.
MODEL = "{model}"
_HOST = re.compile(r"[a-z0-9]([a-z0-9._-]*[a-z0-9])?(:\d{1,5})?", re.ASCII | re.IGNORECASE)


@dataclass(frozen=True)
class Gateway:
    """origin: its scheme, host and port. pattern: the Host header to send there, with MODEL in it or not; empty for
    none."""

    origin: str
    pattern: str

    @classmethod
    def parse(cls, pattern: str, *, origin: str) -> "Gateway":
        """
        Raises:
            InvalidValue: no host name comes of the pattern.
        """
        if pattern and not _HOST.fullmatch(pattern.replace(MODEL, "model")):
            expected = f"HOST or HOST:PORT, with {MODEL} in it or not, such as {MODEL}-models.example.com"
            raise InvalidValue(expected=expected, found=repr(pattern), where="--model-host-header")
        return cls(origin, pattern)

    def host_for(self, url: str) -> str:
        """The Host header of a call to a model's URL; empty where the URL's own host is right."""
        parts = urlsplit(url)
        if not self.pattern or f"{parts.scheme}://{parts.netloc}" != self.origin:
            return ""
        name = parts.path.removeprefix("/v1/models/").partition("/")[0].partition(":")[0]
        return self.pattern.replace(MODEL, name)
