"""The HTTP proxy on the way to Kubeflow Pipelines, from the variables that curl and requests read. kfp reads none."""

import ipaddress
from typing import Any
from urllib.parse import urlsplit

import urllib3
from requests.utils import get_auth_from_url, get_environ_proxies, select_proxy, urldefragauth

from model.errors import InvalidValue

_INSIDE = (".svc", ".local", ".localhost", ".internal")


def use_proxy(configuration: Any) -> None:
    """Sets it in a configuration of kfp_server_api, for that configuration's host. No proxy is asked for this machine
    (a port-forward) or a name that only a cluster knows, whatever `no_proxy` says.

    Raises:
        InvalidValue: it is no proxy of HTTP.
    """
    if _is_near(urlsplit(configuration.host).hostname or ""):
        return
    found = select_proxy(configuration.host, get_environ_proxies(configuration.host))
    if not found:
        return
    proxy = found if "://" in found else f"http://{found}"
    user, password = get_auth_from_url(proxy)
    configuration.proxy = urldefragauth(proxy)
    if user:
        configuration.proxy_headers = urllib3.make_headers(proxy_basic_auth=f"{user}:{password}")
    if urlsplit(proxy).scheme not in ("http", "https"):
        raise InvalidValue(
            expected="a proxy of HTTP, such as http://proxy:3128",
            found=configuration.proxy,
            where="the variable HTTPS_PROXY, HTTP_PROXY or ALL_PROXY",
            do="Set it to one, or name the endpoint's host in NO_PROXY.",
        )


def _is_near(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return "." not in host or host.endswith(_INSIDE)
