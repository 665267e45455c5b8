"""The one place where HTTP to Kubeflow Pipelines happens.

kfp_server_api waits for ever, follows redirects to login pages, and takes whatever is no JSON for an empty answer.
"""

import json
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future, wait
from typing import Any

import click
import urllib3
from kfp_server_api import ApiException
from kfp_server_api.rest import RESTClientObject

from pipeline.kubeflow import refusals
from pipeline.kubeflow.address import check_header

CONNECT_TIMEOUT_S = 10.0
#: Without a byte of the answer. An upload of the pipeline is the longest call.
READ_TIMEOUT_S, CHANGE_TIMEOUT_S = 20.0, 60.0
#: For a call with all that is tried again, also where the answer comes drop by drop.
CALL_TIMEOUT_S = 90.0
TOLD_AFTER_S = 5.0
#: What has no secret in it.
_PLAIN_HEADERS = frozenset({"accept", "content-type", "user-agent"})
#: A shorter one would be found in other words too.
_LEAST_SECRET = 4


class _Retry(urllib3.Retry):
    """What was silent for the whole of a timeout is not asked again."""

    def increment(self, *args: Any, **kwargs: Any) -> "_Retry":
        if isinstance(error := kwargs.get("error"), urllib3.exceptions.ReadTimeoutError):
            raise error
        return super().increment(*args, **kwargs)


class Transport(RESTClientObject):  # type: ignore[misc]
    """kfp_server_api's own client, with deadlines and errors that say what to do.

    Reading is tried again after a passing fault, and connecting always; what changes something is sent once.
    """

    def __init__(self, configuration: Any) -> None:
        configuration.retries = _Retry(
            total=3,
            connect=2,
            other=0,  # a certificate will not be better the next time
            redirect=0,
            backoff_factor=0.2,
            status_forcelist=(502, 503, 504),
            allowed_methods=("GET",),
            raise_on_redirect=False,
            raise_on_status=False,
            respect_retry_after_header=False,  # it may ask for minutes
        )
        super().__init__(configuration)

    def request(self, method: str, url: str, **kwargs: Any) -> Any:
        """As the base class's. The answer is a JSON object, except where `_preload_content` is False: there it may be
        anything, and has been read as well.

        Raises:
            BackendError
            InvalidValue: a token or cookie cannot stand in a header.
        """
        headers = kwargs.get("headers") or {}
        for name in headers:
            if name.lower() in ("authorization", "cookie"):
                check_header(headers[name], where=f"the header {name.title()}, for {refusals.endpoint_of(url)}")
        read_s = READ_TIMEOUT_S if method.upper() == "GET" else CHANGE_TIMEOUT_S
        asked = {**kwargs, "_request_timeout": (CONNECT_TIMEOUT_S, read_s)}
        secrets = _secrets(headers)  # before they are sent: the base class takes some headers out
        try:
            answer = _in_time(lambda: self._answer(method, url, asked), where=refusals.endpoint_of(url))
        except ApiException as error:
            body = error.body.decode("utf-8", "replace") if error.body else ""
            told = dict(error.headers or {})
            raise refusals.refused(error.status, body, told, url=url, secrets=secrets) from error
        except (urllib3.exceptions.HTTPError, TimeoutError) as error:
            raise refusals.unreachable(error, url=url) from error
        except (ValueError, TypeError):
            raise refusals.not_sent(url=url) from None
        _check(answer, url=url, is_json=kwargs.get("_preload_content", True))
        return answer

    def _answer(self, method: str, url: str, asked: Mapping[str, Any]) -> Any:
        answer = super().request(method, url, **asked)
        _ = answer.data  # reads it, where that has not been done
        return answer

    def close(self) -> None:
        self.pool_manager.clear()


def _in_time(call: Callable[[], Any], *, where: str) -> Any:
    """In a thread, for the deadlines of sockets begin anew with each byte. A long wait is told on standard error.

    Raises:
        TimeoutError: it has not come to an end; nobody waits for it any more.
    """
    done: Future[Any] = Future()

    def run() -> None:
        try:
            done.set_result(call())
        except BaseException as error:  # noqa: BLE001 - is raised again where somebody waits
            done.set_exception(error)

    threading.Thread(target=run, daemon=True, name="call to Kubeflow Pipelines").start()
    wait([done], TOLD_AFTER_S)
    if not done.done():
        click.echo(f"  waiting for an answer of {where}", err=True)
    return done.result(CALL_TIMEOUT_S - TOLD_AFTER_S)


def _check(answer: Any, *, url: str, is_json: bool) -> None:
    headers = getattr(answer, "urllib3_response", answer).headers
    if headers.get("Content-Type", "").startswith("text/html"):
        raise refusals.page(answer.data.decode("utf-8", "replace"), url=url)
    if not is_json:
        return
    try:
        fits = isinstance(json.loads(answer.data), dict)
    except (ValueError, RecursionError):
        fits = False
    if not fits:
        raise refusals.not_the_backend("an answer that is no JSON object", url=url)


def _secrets(headers: Mapping[str, Any]) -> list[str]:
    """What the headers hold that no message may repeat; the longest first."""
    values = [str(value) for name, value in headers.items() if name.lower() not in _PLAIN_HEADERS]
    cookies = [part.strip() for value in values for part in value.split(";")]
    words = [word for value in values for word in value.split()[1:]]  # not that it is a Bearer
    named = [cookie.partition("=")[2] for cookie in cookies]
    return sorted({each for each in (*values, *cookies, *words, *named) if len(each) >= _LEAST_SECRET}, key=len)[::-1]
