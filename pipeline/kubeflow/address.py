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
        for name, secret in (("--existing-token", token), ("--cookies", self.cookies.strip())):
            if not (secret.isascii() and secret.isprintable()) or (" " in secret and name == "--existing-token"):
                do = "Take it again; a line break or a quotation mark may have come along."
                expected = "what can stand in a header: printable ASCII on one line"
                raise InvalidValue(expected=expected, found="something else", where=name, do=do)
        return replace(self, endpoint=_endpoint(self.endpoint), existing_token=token, cookies=self.cookies.strip())

    def arguments(self) -> str:
        """As options of a command line, to be repeated; without what is secret."""
        given = {"endpoint": self.endpoint, "namespace": self.namespace, "ssl-ca-cert": self.ssl_ca_cert}
        return "".join(f" --{name} {value}" for name, value in given.items() if value)


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
    if not fits:
        do = "Write --endpoint http://localhost:8080, or https://kubeflow.example.com/pipeline."
        raise InvalidValue(expected="a URL of Kubeflow Pipelines", found=repr(given), where="--endpoint", do=do)
    return url
