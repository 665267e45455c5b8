"""Kubeflow Pipelines behind a proxy."""

import base64
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from urllib.parse import urlsplit

import pytest
import requests

from tests.kfp_standin.server import Standin
from tests.pipeline.kubeflow.commands import Outcome, run
from tests.servers import answering_with, free_ports, saying

SECRET = "s3cr3t-of-somebody"
FAR = "http://kubeflow.example.com/pipeline"


class Proxy:
    """Passes everything on to the stand-in, whatever host was asked for."""

    def __init__(self, standin: Standin) -> None:
        self.standin = standin
        self.hosts: list[str] = []
        self.credentials: list[str] = []

    def __call__(self, handler: BaseHTTPRequestHandler) -> None:
        asked = urlsplit(handler.path)
        self.hosts.append(asked.netloc)
        self.credentials.append(handler.headers.get("Proxy-Authorization", ""))
        path = asked.path.removeprefix("/pipeline")
        with requests.Session() as session:
            session.trust_env = False  # or it would ask itself
            answer = session.get(f"{self.standin.url}{path}?{asked.query}", timeout=30)
        saying(answer.status_code, answer.content)(handler)


@pytest.fixture
def proxy(standin: Standin) -> Proxy:
    return Proxy(standin)


@pytest.fixture
def proxy_url(proxy: Proxy) -> Iterator[str]:
    with answering_with(proxy) as url:
        yield url


def list_schedules(endpoint: str, **environment: str) -> Outcome:
    names = ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY")
    return run("schedule", "--list", endpoint=endpoint, environment={**dict.fromkeys(names), **environment})


def test_the_proxy_of_the_environment_is_asked(proxy: Proxy, proxy_url: str) -> None:
    done = list_schedules(FAR, HTTP_PROXY=proxy_url)

    assert done.status == 0, done.err
    assert set(proxy.hosts) == {"kubeflow.example.com"}


def test_with_the_credentials_of_its_url(proxy: Proxy, proxy_url: str) -> None:
    done = list_schedules(FAR, HTTP_PROXY=proxy_url.replace("://", f"://somebody:{SECRET}@"))

    assert done.status == 0, done.err
    assert set(proxy.credentials) == {"Basic " + base64.b64encode(f"somebody:{SECRET}".encode()).decode()}


def test_not_for_this_machine_nor_for_what_it_is_not_for(standin: Standin, proxy: Proxy, proxy_url: str) -> None:
    near = list_schedules(standin.url, HTTP_PROXY=proxy_url)
    excepted = list_schedules(FAR, HTTP_PROXY=proxy_url, NO_PROXY="example.com")

    assert near.status == 0, near.err
    assert excepted.err.startswith("BackendUnavailable: http://kubeflow.example.com")
    assert proxy.hosts == []


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_one_that_is_not_there_is_told_without_its_password(scheme: str) -> None:
    (port,) = free_ports(1)
    wanted = f"http://somebody:{SECRET}@127.0.0.1:{port}"

    done = list_schedules(FAR.replace("http", scheme), HTTP_PROXY=wanted, HTTPS_PROXY=wanted)

    assert done.status == 1
    assert "the proxy on the way does not let us through" in done.err
    assert "NO_PROXY" in done.err
    assert SECRET not in done.err


def test_one_of_another_kind_is_refused_without_its_password() -> None:
    done = list_schedules(FAR, HTTP_PROXY=f"socks5://somebody:{SECRET}@127.0.0.1:1080")

    assert done.status == 2
    assert "expected a proxy of HTTP" in done.err
    assert SECRET not in done.err
