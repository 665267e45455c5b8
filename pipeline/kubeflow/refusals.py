"""From an answer of HTTP that is not the wanted one, or none at all, to an error that its reader can act on."""

import json
import re
from collections.abc import Mapping, Sequence
from urllib.parse import urljoin, urlsplit

from urllib3 import exceptions as http_errors

from pipeline.kubeflow.errors import (
    AccessDenied,
    BackendError,
    BackendRefused,
    BackendUnavailable,
    LoginNeeded,
    NotTheBackend,
)

API = "the API of Kubeflow Pipelines"
#: The service that has API and UI; what a laptop usually goes through.
FORWARD = "kubectl -n kubeflow port-forward svc/ml-pipeline-ui 8080:80"
LOG_IN = (
    "Bring a token (--existing-token, or a file that KF_PIPELINES_SA_TOKEN_PATH names), the session cookie of Dex or "
    "oauth2-proxy (--cookies), or --iap-client-id. They expire: log in again, and take the new one."
)
_LOGIN_PLACES = re.compile(r"dex|oauth|login|signin|auth|accounts\.google", re.IGNORECASE)
#: A multi-user backend without anything in front that says who asks.
_UNKNOWN_CALLER = re.compile(r"Unauthenticated|no user identity|identity header", re.IGNORECASE)
_MOST = 600


def unreachable(error: http_errors.HTTPError | TimeoutError, *, url: str) -> BackendError:
    """No answer came. error: as urllib3 raises it, or Python for a call that took too long in all."""
    reason = getattr(error, "reason", None) or error
    where = endpoint_of(url)
    if isinstance(reason, http_errors.SSLError):
        return _untrusted(str(reason), where=where)
    if isinstance(reason, http_errors.ProxyError):
        found = f"the proxy on the way does not let us through ({reason.original_error})"
        do = "Look at HTTPS_PROXY and HTTP_PROXY, or name the endpoint's host in NO_PROXY."
    elif isinstance(reason, http_errors.NameResolutionError):
        found, do = "no host of that name", "Look at --endpoint."
    elif isinstance(reason, http_errors.NewConnectionError):
        found = f"nothing listens there ({str(reason).rpartition('] ')[2]})"
        do = f"Look at --endpoint; from outside the cluster: {FORWARD}, and --endpoint http://localhost:8080."
    elif isinstance(reason, (http_errors.TimeoutError, TimeoutError)):
        found, do = "no answer in time", f"Look at --endpoint, and whether a proxy or firewall is between; or {FORWARD}"
    else:
        found = f"the connection broke off ({reason})"
        do = "If it speaks TLS, write https:// in --endpoint; else try again."
    return BackendUnavailable(expected=API, found=found, where=where, do=do)


def _untrusted(reason: str, *, where: str) -> BackendError:
    if "WRONG_VERSION_NUMBER" in reason or "record layer" in reason:
        do = f"Write --endpoint http://{urlsplit(where).netloc}{urlsplit(where).path}."
        return NotTheBackend(expected="TLS", found="a server that speaks plain HTTP", where=where, do=do)
    do = "Give the authority that signed it with --ssl-ca-cert FILE, and the host by the name that it certifies."
    found = f"one that is not trusted ({reason.rpartition('] ')[2].partition(' (_ssl')[0]})"
    return NotTheBackend(expected="a certificate that is trusted", found=found, where=where, do=do)


def not_sent(*, url: str) -> BackendError:
    """The request could not be written down; why is not quoted, since it may be for a secret."""
    do = "Look at the token, the cookie and --endpoint: a line break or a character beyond ASCII may have come along."
    return BackendRefused(expected="a request that can be sent", found="one that cannot", where=endpoint_of(url), do=do)


def refused(
    status: int, body: str, headers: Mapping[str, str], *, url: str, secrets: Sequence[str] = ()
) -> BackendError:
    """An answer with a status other than 2xx. secrets: what of it is not repeated, as some servers do with headers."""
    where, said = endpoint_of(url), words(body, secrets=secrets)
    answer = f"HTTP {status}" + (f": {said}" if said else "")
    if 300 <= status < 400:
        return _redirected(_without(secrets, headers.get("Location", "")), url=url, status=status)
    if status == 401 or (status != 404 and _UNKNOWN_CALLER.search(said)):
        return LoginNeeded(expected="to be let in", found=answer, where=where, do=LOG_IN, status=status)
    if status == 403:
        do = "Ask whoever runs the cluster for the right, or set --namespace to one of yours."
        return AccessDenied(expected="the right to do this", found=answer, where=where, do=do, status=status)
    if status in (404, 405) and not _is_ours(body):
        return not_the_backend(answer, url=url)
    if status == 404 and url.endswith("/healthz"):
        return not_the_backend("one without v2beta1, older than Kubeflow Pipelines 2", url=url)
    if status in (408, 429) or status >= 500:
        return not_ready(answer, url=url, status=status)
    return BackendRefused(expected="the API to accept this", found=answer, where=where, status=status)


def not_ready(found: str, *, url: str, status: int = 200) -> BackendUnavailable:
    """Something answers there, and may soon do more."""
    do = "Try again; if it goes on, look at the log of the ml-pipeline Deployment."
    return BackendUnavailable(expected=API, found=found, where=endpoint_of(url), do=do, status=status)


def _redirected(location: str, *, url: str, status: int) -> BackendError:
    """What follows the path may hold a token, and is not quoted."""
    whole = urljoin(url, location)
    target = whole.partition("?")[0].partition("#")[0]
    if _LOGIN_PLACES.search(whole.removeprefix(endpoint_of(url))):
        found = f"a redirect to a login page, {target}"
        return LoginNeeded(expected=API, found=found, where=endpoint_of(url), do=LOG_IN, status=status)
    found = f"a redirect to {target or 'nowhere'}"
    do = f"If that is where Kubeflow Pipelines is, write --endpoint {endpoint_of(target) or 'URL'}."
    return NotTheBackend(expected=API, found=found, where=endpoint_of(url), do=do, status=status)


def page(body: str, *, url: str) -> BackendError:
    """A page of HTML came with status 200, as login pages do."""
    if re.search(r"password|log ?in|sign ?in|<title>dex", body, re.IGNORECASE):
        return LoginNeeded(expected=API, found="a login page", where=endpoint_of(url), do=LOG_IN, status=200)
    return not_the_backend("a web page", url=url)


def not_the_backend(found: str, *, url: str) -> NotTheBackend:
    do = (
        "Look at --endpoint: it is where the UI of Kubeflow Pipelines is; in a full Kubeflow it ends in /pipeline. "
        f"From outside the cluster: {FORWARD}, and --endpoint http://localhost:8080."
    )
    return NotTheBackend(expected=API, found=found, where=endpoint_of(url), do=do)


def endpoint_of(url: str) -> str:
    """The URL of an API call, without what belongs to the call."""
    return url.partition("/apis/")[0].partition("/k8s/pod/")[0]


def words(body: str, *, secrets: Sequence[str] = ()) -> str:
    """What the API says of an error, without the JSON around it."""
    said = _fields(body)
    text = str(said.get("message") or said.get("error_message") or said.get("error") or "")
    if not said and not body.lstrip().startswith("<"):
        text = body
    return " ".join(_without(secrets, text).split())[:_MOST]


def _without(secrets: Sequence[str], text: str) -> str:
    for secret in secrets:
        text = text.replace(secret, "…")
    return text


def _is_ours(body: str) -> bool:
    """Kubernetes, through whose API server kfp goes where no endpoint is given, has codes too."""
    said = _fields(body)
    return said.get("kind") != "Status" and any(name in said for name in ("code", "error_message", "error_details"))


def _fields(body: str) -> Mapping[str, object]:
    try:
        parsed = json.loads(body)
    except ValueError:
        return {}
    return parsed if isinstance(parsed, dict) else {}
