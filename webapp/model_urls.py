"""Predict URLs that a visitor may name, and the hosts that may be called.

A URL is not repaired but refused unless it is plain: every part is checked against a narrow grammar, and the URL that
is called is put together anew from the parts, so that no other parser can read another host into it.
"""

import ipaddress
import re
from dataclasses import dataclass

from model.errors import InvalidValue
from webapp.failures import BadField, HostNotAllowed, shorten

HOST_FIELD = "mlinference_host"
EXAMPLE = "http://127.0.0.1:8000/v1/models/rpm:predict"
#: Allowed where the operator names no host.
LOOPBACK_HOSTS = ("127.0.0.1", "localhost", "::1")

_DEFAULT_PORTS = {"http": 80, "https": 443}
_URL = re.compile(
    r"(?P<scheme>https?)://(?P<host>\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::(?P<port>\d{1,5}))?(?P<path>/\S*)",
    re.ASCII | re.IGNORECASE,
)
_PATH = re.compile(r"(?P<model>/v1/models/[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}(?:/versions/\d{1,19})?):predict", re.ASCII)
_PATTERN = re.compile(r"(?P<host>\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::(?P<port>\d{1,5}))?", re.ASCII | re.IGNORECASE)
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?", re.ASCII)


@dataclass(frozen=True)
class ModelUrl:
    """A checked predict URL. `host` is in its canonical spelling; `model_path` is `/v1/models/NAME[/versions/N]`."""

    scheme: str
    host: str
    port: int
    model_path: str

    @classmethod
    def parse(cls, text: str) -> "ModelUrl":
        """
        Raises:
            BadField: not a predict URL; with the rule that it breaks.
        """
        match = _URL.fullmatch(text)
        if match is None:
            raise _bad(text, expected=f"a predict URL such as {EXAMPLE}, without user, query or fragment")
        path = _PATH.fullmatch(match["path"])
        if path is None:
            raise _bad(text, expected="a path /v1/models/NAME:predict or /v1/models/NAME/versions/N:predict")
        scheme = match["scheme"].lower()
        host, port = _canonical_host(match["host"]), _port(match["port"], default=_DEFAULT_PORTS[scheme])
        if host is None:
            raise _bad(text, expected="a host name, or an IP address in its usual spelling")
        if port is None:
            raise _bad(text, expected="a port from 1 to 65535")
        return cls(scheme, host, port, path["model"])

    @property
    def predict(self) -> str:
        return f"{self._model}:predict"

    @property
    def metadata(self) -> str:
        return f"{self._model}/metadata"

    @property
    def origin(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port == _DEFAULT_PORTS[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{host}{port}"

    @property
    def _model(self) -> str:
        return f"{self.origin}{self.model_path}"


@dataclass(frozen=True)
class HostPattern:
    """`host`, `host:port`, `*.suffix` or `*.suffix:port`. port: None for any. subdomains: whether `*.` stood first."""

    host: str
    port: int | None = None
    subdomains: bool = False

    @classmethod
    def parse(cls, text: str) -> "HostPattern":
        """
        Raises:
            InvalidValue: not a pattern.
        """
        wildcard = text.startswith("*.")
        rest = text[2:] if wildcard else text
        # A bare IPv6 address has no port: its colons are its own.
        match = _PATTERN.fullmatch(f"[{rest}]" if rest.count(":") > 1 and not rest.startswith("[") else rest)
        host = _canonical_host(match["host"]) if match else None
        port = _port(match["port"], default=0) if match else None
        if host is None or port is None or (wildcard and _is_address(host)):
            raise InvalidValue(
                expected="HOST, HOST:PORT or *.SUFFIX, such as 127.0.0.1 or *.svc.cluster.local",
                found=repr(shorten(text)),
                where="allowed hosts",
                do="Set --allow-host or WEBAPP_ALLOW_HOSTS.",
            )
        return cls(host, port or None, wildcard)

    def matches(self, url: ModelUrl) -> bool:
        if self.port is not None and self.port != url.port:
            return False
        if self.subdomains:
            return url.host.endswith(f".{self.host}") and not _is_address(url.host)
        return url.host == self.host

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host and self.port else self.host
        return f"{'*.' if self.subdomains else ''}{host}{f':{self.port}' if self.port else ''}"


@dataclass(frozen=True)
class AllowList:
    """The only hosts that are ever called."""

    patterns: tuple[HostPattern, ...]

    @classmethod
    def parse(cls, texts: tuple[str, ...]) -> "AllowList":
        return cls(tuple(HostPattern.parse(text) for text in texts))

    def check(self, url: ModelUrl) -> ModelUrl:
        """
        Raises:
            HostNotAllowed: no pattern matches.
        """
        if not any(pattern.matches(url) for pattern in self.patterns):
            raise HostNotAllowed(
                expected=f"a host on the allow list ({', '.join(map(str, self.patterns))})",
                found=f"{url.host}:{url.port}",
                where=f"field {HOST_FIELD}",
                do="Whoever runs this web application can allow it with --allow-host.",
            )
        return url


def _canonical_host(text: str) -> str | None:
    """Lower case, without a closing dot; addresses as `ipaddress` spells them. None for what is no plain host.

    Octal, hexadecimal, decimal and shortened IPv4 addresses (0177.1, 2130706433) are read differently by different
    resolvers: a host whose last label is a number must be a dotted quad (as the URL standard's "ends in a number").
    """
    if text.startswith("["):
        return _address(text[1:-1], version=6)
    host = text.lower().removesuffix(".")
    labels = host.split(".")
    if re.fullmatch(r"\d+|0x[0-9a-f]*", labels[-1]):
        return _address(host, version=4)
    if len(host) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        return None
    return host


def _address(text: str, *, version: int) -> str | None:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    return str(address) if address.version == version else None


def _is_address(host: str) -> bool:
    return ":" in host or _address(host, version=4) is not None


def _port(text: str | None, *, default: int) -> int | None:
    if text is None:
        return default
    return int(text) if 1 <= int(text) <= 65535 else None


def _bad(text: str, *, expected: str) -> BadField:
    return BadField(field=HOST_FIELD, expected=expected, found=repr(shorten(text)))
