"""Where Kubeflow Pipelines is, and who asks."""

from dataclasses import dataclass, field, replace
from urllib.parse import urlsplit

from model.errors import InvalidValue


@dataclass(frozen=True)
class Address:
    """How to reach Kubeflow Pipelines; all as kfp.Client means it. Empty: kfp's own default."""

    endpoint: str = ""
    namespace: str = ""
    existing_token: str = field(default="", repr=False)
    cookies: str = field(default="", repr=False)
    iap_client_id: str = ""
    other_client_id: str = ""
    other_client_secret: str = field(default="", repr=False)
    ssl_ca_cert: str = ""

    def checked(self) -> "Address":
        """With what browsers and shells add taken off.

        Raises:
            InvalidValue: the endpoint is no URL, or a secret cannot stand in a header.
        """
        token = self.existing_token.strip().removeprefix("Bearer ")
        check_token(token, where="--existing-token")
        check_header(self.cookies.strip(), where="--cookies")
        return replace(self, endpoint=_endpoint(self.endpoint), existing_token=token, cookies=self.cookies.strip())

    def arguments(self) -> str:
        """As options of a command line, to be repeated; without what is secret."""
        given = {"endpoint": self.endpoint, "namespace": self.namespace, "ssl-ca-cert": self.ssl_ca_cert}
        return "".join(f" --{name} {value}" for name, value in given.items() if value)


def check_header(secret: object, *, where: str) -> None:
    """
    Raises:
        InvalidValue: it cannot stand in a header. It is not quoted.
    """
    if not (isinstance(secret, str) and secret.isascii() and secret.isprintable()):
        do = "Take it again; a line break or a quotation mark may have come along."
        expected = "what can stand in a header: printable ASCII on one line"
        raise InvalidValue(expected=expected, found="something else", where=where, do=do)


def check_token(token: str, *, where: str) -> None:
    """As `check_header`, and it is one word."""
    check_header(token if " " not in token else None, where=where)


def check_no_login(url: str, *, where: str) -> None:
    """url: without query.

    Raises:
        InvalidValue: the URL holds a user's name or password, which would stand in every link. It is not quoted.
    """
    if "@" in url.partition("://")[2]:
        do = "Leave out what stands before the @; who asks is told by --existing-token or --cookies."
        raise InvalidValue(expected="a URL without user and password", found="one with an @", where=where, do=do)


def _endpoint(given: str) -> str:
    """A URL as it stands in a browser, or a bare host, made the endpoint that kfp takes."""
    url = given.strip().partition("#")[0].partition("?")[0]
    url = f"https://{url}" if url and "://" not in url else url
    url = url.rstrip("/").replace("/_/pipeline", "/pipeline")
    try:
        parts = urlsplit(url)
        fits = not url or (parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0)
    except ValueError:
        fits = False
    check_no_login(url, where="--endpoint")
    if not fits:
        found = repr(given) if "@" not in given else "something else"
        do = "Write --endpoint http://localhost:8080, or https://kubeflow.example.com/pipeline."
        raise InvalidValue(expected="a URL of Kubeflow Pipelines", found=found, where="--endpoint", do=do)
    return url
