"""Calling a model that is guarded: a bearer token, TLS with an authority of one's own, a gateway that goes by names.

    <directory>/token     the bearer token, sent with each call, and read anew for each, since a projected one changes
    <directory>/ca.crt    certificates (PEM) of the authorities that vouch for https servers, instead of the public ones

Either file may be missing. Secrets stand in these files only: in no parameter, log or error.
"""

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from model.call_errors import call_failed
from model.endpoint import Endpoint
from model.errors import InvalidValue, PredictionFailed

if TYPE_CHECKING:
    import requests

#: Names another directory than this one, where a cluster mounts its Secret `savedmodel-release-endpoint`.
VARIABLE = "SAVEDMODEL_RELEASE_ENDPOINT_ACCESS"
DIRECTORY = "/etc/savedmodel-release/endpoint"

_UNTRUSTED = re.compile("CERTIFICATE|Hostname Verif|security handshaker")


@dataclass(frozen=True)
class Access:
    """The two files."""

    token_file: Path
    ca_file: Path

    @classmethod
    def of_environment(cls) -> "Access":
        directory = Path(os.environ.get(VARIABLE) or DIRECTORY)
        return cls(directory / "token", directory / "ca.crt")

    def token(self) -> str:
        """Empty where there is none.

        Raises:
            InvalidValue: the file cannot be read, or no header can carry what it holds.
        """
        where = str(self.token_file)
        try:
            text = self.token_file.read_text(errors="replace").strip()
        except FileNotFoundError:
            return ""
        except OSError as error:
            raise InvalidValue(expected="a readable file", found=str(error.strerror), where=where) from error
        # Checked here, because those who would refuse it later quote it.
        if not re.fullmatch("[!-~]*", text):
            raise InvalidValue(expected="a token of visible ASCII characters", found="others among them", where=where)
        return text

    def authority(self) -> Path | None:
        return self.ca_file if self.ca_file.exists() else None

    def failed(self, code: str, message: str, *, where: str, token: str = "") -> PredictionFailed:
        """`call_failed`, but for faults of the access: those say what to do, and no further attempt is made.

        token: what was sent, and what the server may have quoted.
        """
        found = (message.replace(token, "…") if token else message).strip().rstrip(".")
        if code == "UNAVAILABLE" and _UNTRUSTED.search(found):
            code, do = (
                "UNAUTHENTICATED",
                f"Is the certificate for the host called, and its authority in {self.ca_file}?",
            )
        elif code not in ("UNAUTHENTICATED", "PERMISSION_DENIED"):
            return call_failed(code, found, where=where)
        elif token:
            do = f"Has the token in {self.token_file} expired, and may its owner call this model?"
        else:
            do = f"No token was sent: put one into {self.token_file}."
        return PredictionFailed(code=code, expected="access", found=f"{code}: {found}", where=where, do=do)


def session_for(endpoint: Endpoint) -> "requests.Session":
    """What all HTTP to the endpoint goes through. It follows no redirect, which could lead the token elsewhere."""
    import requests
    from requests.adapters import HTTPAdapter

    access = Access.of_environment()

    def authorize(request: "requests.PreparedRequest") -> "requests.PreparedRequest":
        if token := access.token():
            request.headers["Authorization"] = f"Bearer {token}"
        return request

    session = requests.Session()
    session.trust_env = False  # as over gRPC: no proxy stands before a service of the cluster
    session.auth = authorize
    session.get_redirect_target = lambda resp: None  # type: ignore[method-assign]
    session.verify = str(access.authority() or "") or True
    if endpoint.host:
        adapter = HTTPAdapter()
        adapter.poolmanager.connection_pool_kw["server_hostname"] = endpoint.host.split(":")[0]
        session.mount("https://", adapter)
        session.headers["Host"] = endpoint.host
    return session
