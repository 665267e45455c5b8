"""The step: its parameters, its report, and the component's own function."""

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from components.contracts import Exchange, SmokeReport
from components.reporting import RUN_DIRECTORY_VARIABLE
from components.smoke_test_webapp.component import smoke_test_webapp
from components.smoke_test_webapp.report import html_report
from components.smoke_test_webapp.step import run_step, webapp_address
from model.errors import InvalidValue, SmokeTestFailed
from tests.components.smoke_test_webapp.test_smoke import VISITS, endpoint, honest, retail
from tests.webapp.servers import FakeModelServer, reply, running_webapp, settings


@pytest.fixture
def fake() -> Iterator[FakeModelServer]:
    with FakeModelServer().running() as server:
        server.predict = honest
        yield server


@pytest.fixture
def address(fake: FakeModelServer) -> Iterator[str]:
    with running_webapp(settings(fake.url)) as url:
        yield url


def test_the_component_gives_its_report_and_its_page(fake: FakeModelServer, address: str, tmp_path: Path) -> None:
    (tmp_path / "expectations.json").write_text(retail(VISITS[:2]).to_json())

    (smoke_report,) = smoke_test_webapp(
        endpoint=endpoint(f"http://{fake.host}").to_json(),
        webapp_url=f"{address}/ecommerce/mlinference/",
        platform="local",
        invoke_endpoint="yes",
        timeout_s=10,
        expectations=SimpleNamespace(path=str(tmp_path / "expectations.json")),  # type: ignore[arg-type]
        report=SimpleNamespace(path=str(tmp_path / "report.html")),  # type: ignore[arg-type]
    )

    report = SmokeReport.from_json(smoke_report)
    assert (report.webapp_url, len(report.exchanges)) == (address, 5)
    assert "row 2 is answered" in (tmp_path / "report.html").read_text()


def test_a_failure_is_one_paragraph_and_leaves_its_transcript(
    fake: FakeModelServer, address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(RUN_DIRECTORY_VARIABLE, str(tmp_path))
    fake.predict = lambda handler, _: reply(handler, {"error": "<b>no</b>"}, status=500)
    (tmp_path / "expectations.json").write_text(retail(VISITS[:2]).to_json())

    with pytest.raises(SystemExit) as ended:
        smoke_test_webapp(
            endpoint=endpoint(f"http://{fake.host}").to_json(),
            webapp_url=address,
            platform="local",
            invoke_endpoint="yes",
            timeout_s=10,
            expectations=SimpleNamespace(path=str(tmp_path / "expectations.json")),  # type: ignore[arg-type]
            report=SimpleNamespace(path=str(tmp_path / "report.html")),  # type: ignore[arg-type]
        )

    failure = json.loads((tmp_path / "failure.json").read_text())
    assert ended.value.code == 1
    assert (failure["failed_step"], failure["error"]["kind"]) == ("smoke_test_webapp", "SmokeTestFailed")
    assert "<b>no" in failure["error"]["found"]
    assert "&lt;b&gt;no" in (tmp_path / "report.html").read_text()
    assert "<b>no" not in (tmp_path / "report.html").read_text()


def test_the_transcript_is_written_also_of_a_test_that_fails(
    fake: FakeModelServer, address: str, tmp_path: Path
) -> None:
    wrong = retail(VISITS[:1])
    outputs = {**wrong.outputs, "predicted_will_buy_on_return_visit": [["0"]]}

    with pytest.raises(SmokeTestFailed):
        run_step(
            endpoint(f"http://{fake.host}"),
            expectations=dataclasses.replace(wrong, outputs=outputs),
            webapp_url=address,
            invoke_endpoint="yes",
            timeout_s=10,
            report_path=str(tmp_path / "report.html"),
        )

    report = (tmp_path / "report.html").read_text()
    assert report.count("<details") == 2
    assert "<details open>" in report


@pytest.mark.parametrize("value", ["true", "", "Yes"])
def test_a_switch_other_than_yes_or_no_is_refused(value: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidValue, match="invoke_endpoint"):
        run_step(
            endpoint("http://127.0.0.1:1"),
            expectations=retail(VISITS),
            webapp_url="http://127.0.0.1:1",
            invoke_endpoint=value,
            timeout_s=1,
            report_path=str(tmp_path / "report.html"),
        )


@pytest.mark.parametrize(
    "value", ["127.0.0.1:8080", "ftp://host", "http://", "http://host:port", "http://host?x", "page"]
)
def test_what_is_no_address_is_refused(value: str) -> None:
    with pytest.raises(InvalidValue, match="webapp_url"):
        webapp_address(value, platform="local")


def test_an_unknown_platform_is_refused_where_no_address_is_given() -> None:
    with pytest.raises(InvalidValue, match="platform"):
        webapp_address("", platform="moon")


def test_the_report_escapes_all_that_it_shows() -> None:
    attack = "<script>alert(1)</script>"

    page = html_report(SmokeReport(attack, (Exchange(attack, attack, 200, attack, passed=True),)))

    assert "<script" not in page
    assert page.count("&lt;script&gt;") == 4
