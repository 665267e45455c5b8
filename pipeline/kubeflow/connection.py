"""The client that goes to Kubeflow Pipelines."""

import contextlib
import io
import logging
import os
import socket
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kfp_server_api
import requests
from google.auth.exceptions import GoogleAuthError
from kfp import client as kfp_client

from model.errors import InvalidValue
from pipeline.kubeflow import refusals
from pipeline.kubeflow.address import Address, check_header, check_no_login, check_token
from pipeline.kubeflow.backend import Backend
from pipeline.kubeflow.errors import LoginNeeded
from pipeline.kubeflow.login import can_be_left
from pipeline.kubeflow.proxies import use_proxy
from pipeline.kubeflow.transport import Transport

#: kfp's own default for the namespace that Kubeflow Pipelines is installed in.
INSTALLED_IN = "kubeflow"
#: Where kfp_server_api goes when nothing at all says where.
_NOWHERE = "http://localhost"
#: Of its settings, those that go into headers.
_KEPT_HEADERS = frozenset(f"client_authentication_{each}" for each in ("cookie", "header_name", "header_value"))
_POD_NAMESPACE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")


class _Client(kfp_client.Client):  # type: ignore[misc]
    """kfp.Client, over our transport."""

    _context_setting: dict[str, Any]

    def get_kfp_healthz(self, sleep_duration: int = 5) -> Any:
        """Its constructor asks this five times, with tracebacks; `connect` does so once, and explains."""
        return kfp_server_api.V2beta1GetHealthzResponse(multi_user=False)

    def _load_context_setting_or_default(self) -> None:
        """What kfp keeps between its calls; it takes whatever stands there."""
        where = self._LOCAL_KFP_CONTEXT
        try:
            super()._load_context_setting_or_default()
        except (ValueError, RecursionError):
            self._context_setting = {}
            fits = False
        else:
            fits = isinstance(self._context_setting, dict)
        if not fits:
            do = "Delete it; kfp makes it anew when it keeps something."
            raise InvalidValue(expected="kfp's settings, a JSON object", found="something else", where=where, do=do)
        self._context_setting = {"namespace": "", **self._context_setting}
        for name in _KEPT_HEADERS & self._context_setting.keys():
            check_header(self._context_setting[name] or "", where=f"{name} in {where}")

    @property
    def api_client(self) -> Any:
        return self._run_api.api_client

    @property
    def link_prefix(self) -> str:
        """Where links into the UI begin, as kfp makes them."""
        return str(self._get_url_prefix()).rstrip("/")

    def use_namespace(self, namespace: str) -> None:
        """For this client alone: kfp's own setter writes into the home directory."""
        self._context_setting = {**self._context_setting, "namespace": namespace}


class _PodToken(kfp_client.ServiceAccountTokenVolumeCredentials):  # type: ignore[misc]
    """A token in a file, read before each call, and checked before it goes into a header."""

    def _get_token(self) -> str:
        try:
            token = str(super()._get_token())
        except (OSError, UnicodeDecodeError):
            token = ""
        if not token:
            do = f"Look at the file, or set {kfp_client.KF_PIPELINES_SA_TOKEN_ENV} to another one, or unset it."
            raise InvalidValue(
                expected="a token, in a file of text", found="none to read", where=str(self._token_path), do=do
            )
        check_token(token, where=str(self._token_path))
        return token


@contextlib.contextmanager
def connected(address: Address) -> Iterator[Backend]:
    """A backend that answers, and lets us in.

    Raises:
        InvalidValue: the address lacks something that only its user can say.
        BackendError: nothing answers there, or something else, or we are not let in.
    """
    backend = connect(address)
    try:
        yield backend
    finally:
        backend.close()


def connect(address: Address) -> Backend:
    """As `connected`; whoever calls it closes it."""
    client = _client(address.checked())
    configuration = client.api_client.configuration
    if "://" not in configuration.host:  # as kfp writes the Service's name, inside a pod
        configuration.host = f"http://{configuration.host}"
    check_no_login(configuration.host, where=address.endpoint or "the kubeconfig")
    check_no_login(client.link_prefix, where="KF_PIPELINES_UI_ENDPOINT")
    use_proxy(configuration)
    client.api_client.rest_client = Transport(configuration)
    # kfp_server_api sets this level itself, and so would tell of every attempt.
    logging.getLogger("urllib3").setLevel(logging.ERROR)
    backend = Backend(client, api=client.api_client, links=client.link_prefix)
    try:
        backend.namespace = _namespace(client, address) if backend.is_multi_user() else ""
    except BaseException:
        backend.close()
        raise
    client.use_namespace(backend.namespace)
    return backend


def _client(address: Address) -> _Client:
    given = {
        "host": address.endpoint or None,
        "namespace": _installed_in(address),
        "existing_token": address.existing_token or None,
        "cookies": address.cookies or None,
        "client_id": address.iap_client_id or None,
        "other_client_id": address.other_client_id or None,
        "other_client_secret": address.other_client_secret or None,
        "ssl_ca_cert": address.ssl_ca_cert or None,
        "credentials": None if address.existing_token or address.iap_client_id else _token_of_pod(),
    }
    # Its login tells what to do; of all else that it prints, ours says more.
    told = sys.stderr if address.iap_client_id else io.StringIO()
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(told), _leaving(address):
            warnings.simplefilter("ignore")
            client = _Client(**given)
    except (GoogleAuthError, requests.RequestException, ValueError, KeyError, EOFError, OSError) as error:
        do = "Log in (`gcloud auth application-default login`), or set --other-client-id and --other-client-secret."
        raise LoginNeeded(expected="a token for --iap-client-id", found=str(error), where="kfp", do=do) from error
    if client.api_client.configuration.host == _NOWHERE and not address.endpoint:
        raise InvalidValue(
            expected="the URL of Kubeflow Pipelines",
            found="none, and no kubeconfig or pod that would tell",
            where="--endpoint",
            do=f"Set it, or KF_PIPELINES_ENDPOINT; from outside the cluster: {refusals.FORWARD}, and --endpoint "
            "http://localhost:8080.",
        )
    return client


def _installed_in(address: Address) -> str:
    """Where kfp looks for the Service, if nothing says where it is. A user's own namespace has none of that name."""
    if not address.namespace or not _POD_NAMESPACE.is_file():
        return address.namespace or INSTALLED_IN
    try:
        socket.getaddrinfo(f"ml-pipeline.{address.namespace}.svc.cluster.local", None)
    except OSError:
        return INSTALLED_IN
    return address.namespace


def _leaving(address: Address) -> contextlib.AbstractContextManager[None]:
    return can_be_left() if address.iap_client_id else contextlib.nullcontext()


def _token_of_pod() -> Any:
    """kfp takes the token that a pod has for Kubeflow Pipelines only where no endpoint is given; we always do."""
    path = os.environ.get(kfp_client.KF_PIPELINES_SA_TOKEN_ENV) or kfp_client.KF_PIPELINES_SA_TOKEN_PATH
    if Path(path).is_file():
        return _PodToken(path)
    if kfp_client.KF_PIPELINES_SA_TOKEN_ENV in os.environ:
        do = "Correct or unset it."
        where = kfp_client.KF_PIPELINES_SA_TOKEN_ENV
        raise InvalidValue(expected="a file with a token", found=f"no file {path}", where=where, do=do)
    return None


def _namespace(client: _Client, address: Address) -> str:
    """The user's, in multi-user mode."""
    inside = _POD_NAMESPACE.read_text(encoding="utf-8").strip() if _POD_NAMESPACE.is_file() else ""
    namespace = address.namespace or client.get_user_namespace() or inside
    if not namespace:
        do = "Set --namespace to your profile's: the name beside the logo of the Kubeflow dashboard."
        expected = "a namespace: this Kubeflow Pipelines has several users"
        raise InvalidValue(expected=expected, found="none", where="--namespace", do=do)
    return str(namespace)
