"""Reaching Kubeflow Pipelines: what lets one in, and what is said of everything else."""

import contextlib
import json
import os
import socket
import subprocess
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from pipeline.kubeflow import connection
from pipeline.kubeflow.address import Address
from pipeline.kubeflow.connection import connected
from tests.kfp_standin.server import LOGIN_PAGE, Standin
from tests.kfp_standin.store import Store
from tests.model.certificates import Authority
from tests.pipeline.kubeflow.commands import RELEASE, Outcome, run, submit
from tests.pipeline.runs import CLI
from tests.servers import answering_by


@contextlib.contextmanager
def answering(status: int, body: str, kind: str) -> Iterator[str]:
    """A server that answers everything alike."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_: object) -> None:
            pass

    with answering_by(Handler) as url:
        yield url


def start(endpoint: str, *arguments: str, **environment: str) -> Outcome:
    return run("submit", *RELEASE, "--no-wait", *arguments, endpoint=endpoint, environment=environment)


def test_a_bearer_token_lets_one_in(standin: Standin) -> None:
    standin.bearer_tokens = {"secret"}

    assert start(standin.url, "--existing-token", "secret").status == 0
    assert start(standin.url, "--existing-token", "Bearer secret\n").status == 0
    assert start(standin.url, SAVEDMODEL_RELEASE_KFP_TOKEN="secret").status == 0


def test_the_token_that_a_pod_has_for_kubeflow_pipelines_is_used(standin: Standin, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("projected\n")
    standin.bearer_tokens = {"projected"}

    assert start(standin.url, KF_PIPELINES_SA_TOKEN_PATH=str(tmp_path / "token")).status == 0


def test_a_variable_that_names_no_token_is_told(standin: Standin) -> None:
    done = start(standin.url, KF_PIPELINES_SA_TOKEN_PATH="/no/token")

    assert done.status == 2
    assert "KF_PIPELINES_SA_TOKEN_PATH" in done.err


def test_a_cookie_of_dex_lets_one_in(standin: Standin) -> None:
    standin.cookies = {"authservice_session=abc"}

    assert start(standin.url, "--cookies", "authservice_session=abc").status == 0
    assert start(standin.url, SAVEDMODEL_RELEASE_KFP_COOKIES="authservice_session=abc").status == 0


def test_behind_kubeflows_gateway_the_endpoint_has_a_path(standin: Standin) -> None:
    standin.prefix = "/pipeline"

    as_in_the_browser = f"{standin.url}/_/pipeline/?ns=mlops#/runs"

    assert start(f"{standin.url}/pipeline").status == 0
    assert start(as_in_the_browser).status == 0
    assert "ends in /pipeline" in start(standin.url).err


def test_a_certificate_of_ones_own_authority_is_trusted_if_given(tmp_path: Path) -> None:
    authority = Authority()
    (tmp_path / "ca.crt").write_bytes(authority.pem)
    (tmp_path / "other.crt").write_bytes(Authority("another").pem)

    with Standin(certified=authority.certify("127.0.0.1")).running(tmp_path) as standin:
        trusting = start(standin.url, "--ssl-ca-cert", str(tmp_path / "ca.crt"))
        by_variable = start(standin.url, SSL_CERT_FILE=str(tmp_path / "ca.crt"))
        trusting_nobody = start(standin.url)
        trusting_another = start(standin.url, "--ssl-ca-cert", str(tmp_path / "other.crt"))
        trusting_nonsense = start(standin.url, "--ssl-ca-cert", __file__)
        as_plain = start(standin.url.replace("https", "http"))

    assert (trusting.status, by_variable.status) == (0, 0)
    for refused in (trusting_nobody, trusting_another, trusting_nonsense):
        assert refused.status == 1
        assert "--ssl-ca-cert FILE" in refused.err
    assert "If it speaks TLS, write https://" in as_plain.err


def test_a_certificate_for_another_host_is_refused(tmp_path: Path) -> None:
    authority = Authority()
    (tmp_path / "ca.crt").write_bytes(authority.pem)

    with Standin(certified=authority.certify("kubeflow.example.com")).running(tmp_path) as standin:
        done = start(standin.url, "--ssl-ca-cert", str(tmp_path / "ca.crt"))

    assert done.status == 1
    assert "the name that it certifies" in done.err


def test_in_multi_user_mode_everything_is_in_the_users_namespace() -> None:
    with Standin(Store(multi_user=True)).running() as standin:
        without = start(standin.url)
        done = start(standin.url, "--namespace", "mlops", "--json")

        assert without.status == 2
        assert "--namespace" in without.err
        assert done.status == 0
        assert [each.namespace for each in standin.store.pipelines.values()] == ["mlops"]
        assert [each.namespace for each in standin.store.experiments.values()] == ["mlops"]
        made = run("schedule", "--interval", "6h", *RELEASE, "--namespace", "mlops", endpoint=standin.url)
        listed = run("schedule", "--list", "--namespace", "mlops", endpoint=standin.url)
        elsewhere = run("schedule", "--list", "--namespace", "other", endpoint=standin.url)
        assert made.status == 0
        assert "every 6h, enabled" in listed.out
        assert "No schedules" in elsewhere.out


def test_in_single_user_mode_a_namespace_does_no_harm(standin: Standin) -> None:
    assert start(standin.url, "--namespace", "mlops").status == 0


REFUSALS = {
    "no token": ({"bearer_tokens": {"good"}}, (), "LoginNeeded", "--existing-token"),
    "a wrong token": ({"bearer_tokens": {"good"}}, ("--existing-token", "bad"), "LoginNeeded", "--existing-token"),
    "no cookie": ({"cookies": {"session=good"}}, (), "LoginNeeded", "a redirect to a login page"),
    "an old cookie": ({"cookies": {"session=good"}}, ("--cookies", "session=old"), "LoginNeeded", "--cookies"),
    "no right": ({"forbidden_tokens": {"guest"}}, ("--existing-token", "guest"), "AccessDenied", "--namespace"),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_who_is_not_let_in_is_told_what_to_bring(standin: Standin, case: str) -> None:
    settings, arguments, kind, advice = REFUSALS[case]
    for name, value in settings.items():
        setattr(standin, name, value)

    done = start(standin.url, *arguments, "--json")

    assert done.status == 1
    assert done.err.startswith(f"{kind}: {standin.url}: expected ")
    assert advice in done.err
    assert done.json["error_details"]["kind"] == kind
    assert not any(secret in done.err + done.out for secret in ("bad", "session=old", "guest"))


KUBERNETES_404 = '{"kind": "Status", "code": 404, "message": "services \\"ml-pipeline\\" not found"}'


@pytest.mark.parametrize(
    ("status", "body", "kind", "error", "says"),
    [
        (200, LOGIN_PAGE, "text/html; charset=utf-8", "LoginNeeded", "found a login page"),
        (200, "<html>It works!</html>", "text/html", "NotTheBackend", "found a web page"),
        (200, '{"status": "ok"}', "application/json", "NotTheBackend", "Look at --endpoint"),
        (200, "[]", "application/json", "NotTheBackend", "Look at --endpoint"),
        (200, "ok", "text/plain", "NotTheBackend", "Look at --endpoint"),
        (404, "404 page not found", "text/plain", "NotTheBackend", "Look at --endpoint"),
        (404, '{"detail": "Not Found"}', "application/json", "NotTheBackend", "Look at --endpoint"),
        (404, KUBERNETES_404, "application/json", "NotTheBackend", 'services "ml-pipeline" not found'),
        (404, '{"code": 5, "message": "Not Found"}', "application/json", "NotTheBackend", "older than"),
        (500, "boom", "text/plain", "BackendUnavailable", "HTTP 500: boom"),
        (
            500,
            '{"error":"Internal error: Unauthenticated: no user identity header"}',
            "application/json",
            "LoginNeeded",
            "",
        ),
        (418, "", "text/plain", "BackendRefused", "HTTP 418"),
    ],
)
def test_whatever_else_answers_is_explained(status: int, body: str, kind: str, error: str, says: str) -> None:
    with answering(status, body, kind) as url:
        done = start(url)

    assert done.status == 1
    assert done.err.startswith(f"{error}: {url}: ")
    assert says in done.err
    assert "Traceback" not in done.err


def test_a_redirect_to_elsewhere_is_told_and_not_followed() -> None:
    with contextlib.ExitStack() as stack:
        standin = stack.enter_context(Standin().running())
        standin.cookies = {"none"}
        moved = f"{standin.url}/elsewhere/apis/v2beta1/healthz"
        standin.check_caller = lambda _: _moved(moved)  # type: ignore[method-assign]
        done = start(standin.url)

    assert done.status == 1
    assert f"write --endpoint {standin.url}/elsewhere" in done.err


def _moved(target: str) -> None:
    from tests.kfp_standin.answers import Refusal

    raise Refusal(308, "", Location=target)


def test_nobody_listening_is_told_with_the_way_from_outside() -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    done = start(f"http://127.0.0.1:{port}")

    assert done.status == 1
    assert "nothing listens there (Connection refused)" in done.err
    assert "port-forward svc/ml-pipeline-ui" in done.err


def test_a_host_that_does_not_exist_is_told() -> None:
    done = start("http://no-such-host.invalid")

    assert done.status == 1
    assert "no host of that name" in done.err


def test_without_an_endpoint_it_is_said_how_to_have_one(tmp_path: Path) -> None:
    environment = {**os.environ, "KUBECONFIG": str(tmp_path / "none"), "HOME": str(tmp_path)}
    environment.pop("KF_PIPELINES_ENDPOINT", None)

    done = subprocess.run(
        [CLI, "submit", *RELEASE], env=environment, capture_output=True, text=True, timeout=60, check=False
    )

    assert done.returncode == 2
    assert done.stderr.startswith("InvalidValue: --endpoint: expected the URL of Kubeflow Pipelines")
    assert not done.stdout


@pytest.mark.parametrize("url", ["ftp://host", "http://", "http://[::1", "http://host:notaport"])
def test_what_is_no_url_is_refused(url: str) -> None:
    done = start("", "--endpoint", url)

    assert done.status == 2
    assert "--endpoint" in done.err


@pytest.mark.parametrize(
    "url",
    ["http://user:t0psecret@{host}", "user:t0psecret@{host}", "ftp://user:t0psecret@h", "http://user:t0ps#ecret@h"],
)
def test_a_password_in_the_url_is_refused_and_not_repeated(standin: Standin, url: str) -> None:
    url = url.format(host=standin.url.partition("://")[2])

    as_endpoint = start(url)
    as_ui = start(standin.url, KF_PIPELINES_UI_ENDPOINT=url)

    assert (as_endpoint.status, as_ui.status, standin.seen) == (2, 2, [])
    assert "--endpoint" in as_endpoint.err
    assert "KF_PIPELINES_UI_ENDPOINT" in as_ui.err
    assert not any("t0ps" in each.err + each.out for each in (as_endpoint, as_ui))


@pytest.mark.parametrize(("option", "secret"), [("--existing-token", "two words"), ("--cookies", "a=ü")])
def test_a_secret_that_no_header_can_hold_is_refused_and_not_repeated(option: str, secret: str) -> None:
    done = start("http://localhost:1", option, secret)

    assert done.status == 2
    assert option in done.err
    assert secret not in done.err


def test_secrets_are_in_no_representation() -> None:
    address = Address("http://h", existing_token="t0ken", cookies="c00kie", other_client_secret="s3cret")

    assert not any(secret in repr(address) + address.arguments() for secret in ("t0ken", "c00kie", "s3cret"))


def test_kfps_own_links_do_not_come_between_the_lines(standin: Standin) -> None:
    done = submit(standin, *RELEASE, "--no-wait")

    assert done.out.strip() == f"{standin.url}/#/runs/details/{next(iter(standin.store.runs))}"


def test_links_go_to_the_ui_where_kfp_is_told_of_one(standin: Standin) -> None:
    done = submit(standin, *RELEASE, "--no-wait", environment={"KF_PIPELINES_UI_ENDPOINT": "https://ui.example.com"})

    assert done.out.startswith("https://ui.example.com/#/runs/details/")


def test_inside_a_pod_a_users_namespace_is_not_where_the_service_is_looked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def resolved(name: str, *_: object) -> list[object]:
        if name != "ml-pipeline.mlpipe.svc.cluster.local":
            raise socket.gaierror("no such name")
        return []

    monkeypatch.setattr(connection, "_POD_NAMESPACE", tmp_path / "namespace")
    outside = [connection._installed_in(Address(namespace=each)) for each in ("", "jane", "mlpipe")]
    (tmp_path / "namespace").write_text("jane")
    monkeypatch.setattr(socket, "getaddrinfo", resolved)
    inside = [connection._installed_in(Address(namespace=each)) for each in ("", "jane", "mlpipe")]

    assert outside == ["kubeflow", "jane", "mlpipe"]
    assert inside == ["kubeflow", "kubeflow", "mlpipe"]


@pytest.mark.parametrize("name", ["KF_PIPELINES_ENDPOINT", "KFP_ENDPOINT"])
def test_the_endpoint_is_taken_from_either_variable_of_kfps(standin: Standin, name: str) -> None:
    done = run("schedule", "--list", environment={name: standin.url})

    assert done.status == 0, done.err


def test_nothing_is_written_into_the_home_directory(tmp_path: Path) -> None:
    with Standin(Store(multi_user=True)).running() as standin, connected(Address(standin.url, namespace="mlops")):
        pass

    assert not (tmp_path / "context.json").exists()


def test_kfps_own_settings_are_heeded(standin: Standin, tmp_path: Path) -> None:
    standin.cookies = {"authservice_session=kept"}
    kept = {"namespace": "", "client_authentication_cookie": "authservice_session=kept"}
    (tmp_path / "context.json").write_text(json.dumps(kept))

    assert start(standin.url).status == 0


@pytest.mark.parametrize(
    ("settings", "status"), [("[]", 2), ("null", 2), ("3", 2), ("{", 2), ("[" * 100_000, 2), ("{}", 0)]
)
def test_settings_of_kfps_that_are_none_are_explained(
    standin: Standin, tmp_path: Path, settings: str, status: int
) -> None:
    (tmp_path / "context.json").write_text(settings)

    done = start(standin.url)

    assert done.status == status
    assert (str(tmp_path / "context.json") in done.err) == bool(status)
