"""The application over a real socket, before a model server that does as it is told."""

import json
import time
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest
import requests

from tests.webapp.servers import FakeModelServer, free_port, reply, running_webapp, settings

FORM = "/ecommerce/mlinference"
ROW = {"bounces": "0", "time_on_site": "7363"}
PREDICTION = {
    "predicted_will_buy_on_return_visit": ["1"],
    "will_buy_on_return_visit_probs": [0.7752109068235462, 0.2247890931764538],
    "will_buy_on_return_visit_values": ["1", "0"],
}


def answering(*predictions: Any) -> Any:
    return lambda handler, _: reply(handler, {"predictions": list(predictions)})


def ask(url: str, fields: Any, **options: Any) -> requests.Response:
    headers = {"Accept": "application/json", **options.pop("headers", {})}
    return requests.post(url + FORM, data=fields, headers=headers, timeout=20, **options)


def test_the_root_leads_to_the_form(webapp_url: str) -> None:
    response = requests.get(webapp_url, timeout=20)

    assert response.url == webapp_url + FORM
    assert 'name="bounces"' in response.text
    assert 'name="time_on_site"' in response.text
    assert "float32 (-1)" in response.text


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_the_probes_answer_without_asking_the_model(webapp_url: str, fake_model: FakeModelServer, path: str) -> None:
    assert requests.get(webapp_url + path, timeout=20).status_code == 200
    assert fake_model.metadata_calls == 0


def test_a_form_is_answered_in_json(webapp_url: str, fake_model: FakeModelServer) -> None:
    fake_model.predict = answering(PREDICTION)

    response = ask(webapp_url, {**ROW, "mlinference_host": fake_model.url, "mlinference_check": "yes"})

    answer = response.json()
    request = {"signature_name": "serving_default", "instances": [{"bounces": 0, "time_on_site": 7363}]}
    assert response.status_code == 200
    assert {**answer, "seconds": 0} == {
        "called": True,
        "model_url": fake_model.url,
        "request": request,
        "predictions": [PREDICTION],
        "seconds": 0,
    }
    assert 0 < answer["seconds"] < 20
    assert fake_model.calls == [request]


def test_a_json_body_is_answered_in_json_without_asking(webapp_url: str, fake_model: FakeModelServer) -> None:
    fake_model.predict = answering(PREDICTION)

    response = requests.post(webapp_url + FORM, json={"bounces": [0], "time_on_site": 7363.5}, timeout=20)

    assert response.json()["predictions"] == [PREDICTION]
    assert fake_model.calls[0]["instances"] == [{"bounces": [0], "time_on_site": 7363.5}]


def test_a_page_is_answered_where_no_json_is_asked_for(webapp_url: str, fake_model: FakeModelServer) -> None:
    fake_model.predict = answering(PREDICTION)

    response = ask(webapp_url, ROW, headers={"Accept": "*/*"})

    assert response.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "with probability 0.775" in response.text
    assert "0.7752109068235462" in response.text
    assert 'value="7363"' in response.text


def test_no_skips_the_call_and_says_so(webapp_url: str, fake_model: FakeModelServer) -> None:
    as_json = ask(webapp_url, {**ROW, "mlinference_check": "no"}).json()
    page = ask(webapp_url, {**ROW, "mlinference_check": "no"}, headers={"Accept": "text/html"})

    assert as_json["called"] is False
    assert as_json["predictions"] is None
    assert as_json["request"]["instances"] == [{"bounces": 0, "time_on_site": 7363}]
    assert "was not called" in page.text
    assert fake_model.calls == []


def test_no_skips_the_call_also_where_no_model_answers(webapp_url: str) -> None:
    nobody = f"http://127.0.0.1:{free_port()}/v1/models/rpm:predict"

    response = ask(webapp_url, {**ROW, "mlinference_host": nobody, "mlinference_check": "no"})

    assert response.status_code == 200
    assert response.json()["called"] is False
    assert "could not be read" in response.json()["note"]


def test_the_form_comes_also_where_no_model_answers(webapp_url: str) -> None:
    nobody = f"http://127.0.0.1:{free_port()}/v1/models/rpm:predict"

    response = requests.get(webapp_url + FORM, params={"mlinference_host": nobody}, timeout=20)

    assert response.status_code == 200
    assert "The fields cannot be shown" in response.text
    assert nobody in response.text


def test_a_form_is_filled_in_from_its_address(webapp_url: str) -> None:
    response = requests.get(webapp_url + FORM, params={"bounces": "12.5", "mlinference_check": "no"}, timeout=20)

    assert 'value="12.5"' in response.text
    assert 'value="no" checked' in response.text


@pytest.mark.parametrize(
    ("fields", "status", "named"),
    [
        ({"bounces": "many"}, 400, "field bounces"),
        ({"bounces": ["1", "2"]}, 400, "field bounces"),
        ({"pageviews": "1"}, 400, "field pageviews"),
        ({"mlinference_check": "maybe"}, 400, "field mlinference_check"),
        ({"signature_name": "predict"}, 400, "field signature_name"),
        ({"mlinference_host": "http://127.0.0.1:1/admin"}, 400, "field mlinference_host"),
        ({"mlinference_host": "http://2130706433/v1/models/rpm:predict"}, 400, "field mlinference_host"),
        ({"mlinference_host": "http://169.254.169.254/v1/models/rpm:predict"}, 403, "allow list (127.0.0.1)"),
        ({"mlinference_host": "http://localhost:1/v1/models/rpm:predict"}, 403, "localhost:1"),
        ({"mlinference_host": "http://[::1]:1/v1/models/rpm:predict", "mlinference_check": "no"}, 403, "::1"),
    ],
)
def test_a_field_that_breaks_its_rule_is_refused(
    webapp_url: str, fake_model: FakeModelServer, fields: dict[str, Any], status: int, named: str
) -> None:
    as_json = ask(webapp_url, {**ROW, **fields})
    page = ask(webapp_url, {**ROW, **fields}, headers={"Accept": "text/html"})

    assert (as_json.status_code, page.status_code) == (status, status)
    assert named in as_json.json()["error"]
    assert f'role="alert">{named.split(" ")[0]}' in page.text or named in page.text
    assert fake_model.calls == []


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"{", "application/json", 400),
        (b"[]", "application/json", 400),
        (b'{"bounces": 1, "bounces": 2}', "application/json", 400),
        (b"[" * 100_000, "application/json", 400),
        (b"1" * 10_000, "application/json", 400),
        (b"\xff\xfe", "application/json", 400),
        (b"bounces=%ff&time_on_site=1", "application/x-www-form-urlencoded", 400),
        (b"bounces", "application/x-www-form-urlencoded", 400),
        (b"a=1&" * 2000, "application/x-www-form-urlencoded", 400),
        (b"x", "text/plain", 415),
        (b"x", "multipart/form-data; boundary=x", 415),
        (b"a=" + b"1" * 3_000_000, "application/x-www-form-urlencoded", 413),
        (b"", "application/x-www-form-urlencoded", 400),
    ],
)
def test_a_body_that_is_no_form_is_refused(webapp_url: str, body: bytes, kind: str, status: int) -> None:
    response = ask(webapp_url, body, headers={"Content-Type": kind})

    assert response.status_code == status
    assert len(response.json()["error"]) < 1000


def test_what_a_visitor_sends_is_escaped(webapp_url: str) -> None:
    attack = '"><script>alert(1)</script>'

    for fields in ({"bounces": attack}, {attack: "1"}, {"mlinference_host": attack}, {"signature_name": attack}):
        posted = ask(webapp_url, {**ROW, **fields}, headers={"Accept": "text/html"})
        shown = requests.get(webapp_url + FORM, params=fields, timeout=20)

        assert "<script" not in posted.text
        assert "<script" not in shown.text
        assert "&lt;script&gt;" in posted.text


def test_what_a_model_server_answers_is_escaped(webapp_url: str, fake_model: FakeModelServer) -> None:
    attack = "<script>alert(1)</script>"
    fake_model.predict = answering({attack: [attack], f"{attack}_probs": [0.5], f"{attack}_values": [attack]})
    answered = ask(webapp_url, ROW, headers={"Accept": "text/html"})
    fake_model.predict = lambda handler, _: reply(handler, {"error": attack}, status=400)
    refused = ask(webapp_url, ROW, headers={"Accept": "text/html"})

    assert answered.status_code == 200
    assert refused.status_code == 502
    assert "<script" not in answered.text + refused.text
    assert "&lt;script&gt;" in refused.text


def test_a_model_servers_own_error_is_passed_on(webapp_url: str, fake_model: FakeModelServer) -> None:
    fake_model.predict = lambda handler, _: reply(handler, {"error": "indices[0] = 5 is not in [0, 5)"}, status=400)

    response = ask(webapp_url, ROW)

    assert response.status_code == 502
    assert "status 400: indices[0] = 5 is not in [0, 5)" in response.json()["error"]


def dripping(handler: BaseHTTPRequestHandler, _: Any) -> None:
    handler.send_response(200)
    handler.end_headers()
    try:
        for _ in range(100):
            handler.wfile.write(b" ")
            time.sleep(0.05)
    except OSError:
        return


@pytest.mark.parametrize("slow", [lambda handler, _: time.sleep(1.5), dripping])
def test_a_model_server_that_takes_too_long_is_a_gateway_timeout(
    webapp_url: str, fake_model: FakeModelServer, slow: Any
) -> None:
    fake_model.predict = slow

    response = ask(webapp_url, ROW)

    assert response.status_code == 504
    assert "within 0.5 s" in response.json()["error"]


def test_a_redirect_is_not_followed(webapp_url: str, fake_model: FakeModelServer) -> None:
    with FakeModelServer().running() as elsewhere:
        fake_model.predict = lambda handler, _: reply(handler, {}, status=307, location=elsewhere.url)

        response = ask(webapp_url, ROW)

    assert response.status_code == 502
    assert "redirect" in response.json()["error"]
    assert (elsewhere.calls, elsewhere.metadata_calls) == ([], 0)


@pytest.mark.parametrize(
    "answer",
    [
        b"<html>",
        b"",
        b"null",
        b"[]",
        b"{}",
        b'{"predictions": []}',
        b'{"predictions": [1, 2]}',
        b'{"predictions": ' + b"[" * 100_000,
        b'{"predictions": ["' + b"x" * 9_000_000 + b'"]}',
    ],
)
def test_an_answer_that_is_none_is_a_bad_gateway(webapp_url: str, fake_model: FakeModelServer, answer: bytes) -> None:
    fake_model.predict = lambda handler, _: reply(handler, answer)

    response = ask(webapp_url, ROW)

    assert response.status_code == 502
    assert len(response.json()["error"]) < 1000


def test_not_a_number_is_shown(webapp_url: str, fake_model: FakeModelServer) -> None:
    fake_model.predict = answering({"y": [float("nan"), float("-inf")]})

    page = ask(webapp_url, {"bounces": "nan", "time_on_site": "inf"}, headers={"Accept": "text/html"})
    answer = json.loads(ask(webapp_url, {"bounces": "nan", "time_on_site": "inf"}).text)

    assert "nan" in page.text
    assert "-Infinity" in page.text
    assert str(answer["predictions"]) == "[{'y': [nan, -inf]}]"


def test_a_failed_model_is_not_asked_again_for_the_form(webapp_url: str, fake_model: FakeModelServer) -> None:
    requests.get(webapp_url + FORM, timeout=20)
    fake_model.predict = lambda handler, _: reply(handler, {"error": "no"}, status=500)
    asked = fake_model.metadata_calls

    page = ask(webapp_url, ROW, headers={"Accept": "text/html"})

    assert fake_model.metadata_calls == asked
    assert "The model did not answer" in page.text
    assert 'name="bounces"' in page.text
    assert 'value="7363"' in page.text


def test_pages_carry_headers_that_let_a_browser_do_no_more_than_show_them(webapp_url: str) -> None:
    for path in (FORM, "/nowhere", "/static/style.css"):
        headers = requests.get(webapp_url + path, timeout=20).headers
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert "unsafe" not in headers["Content-Security-Policy"]
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "no-referrer"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/nowhere", 404), ("DELETE", FORM, 405), ("GET", "/static/../settings.py", 404)],
)
def test_other_paths_and_methods_are_refused_in_words(webapp_url: str, method: str, path: str, status: int) -> None:
    page = requests.request(method, webapp_url + path, timeout=20)
    as_json = requests.request(method, webapp_url + path, headers={"Accept": "application/json"}, timeout=20)

    assert (page.status_code, as_json.status_code) == (status, status)
    assert "<h1>" in page.text
    assert "error" in as_json.json()


def test_a_bug_is_answered_without_its_trace(monkeypatch: pytest.MonkeyPatch, fake_model: FakeModelServer) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise ZeroDivisionError("secret")

    monkeypatch.setattr("webapp.application.pages.form", broken)
    with running_webapp(settings(fake_model.url)) as url:
        response = requests.get(url + FORM, timeout=20)

    assert response.status_code == 500
    assert "secret" not in response.text
    assert "Traceback" not in response.text
    assert "default-src 'none'" in response.headers["Content-Security-Policy"]


def test_proxies_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch, fake_model: FakeModelServer) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{free_port()}")
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{free_port()}")
    fake_model.predict = answering(PREDICTION)
    with running_webapp(settings(fake_model.url)) as url, requests.Session() as session:
        session.trust_env = False
        response = session.post(url + FORM, data=ROW, headers={"Accept": "application/json"}, timeout=20)

    assert response.status_code == 200
