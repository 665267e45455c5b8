"""The step around the smoke test: where the web application is, and a report also of a test that fails."""

import logging
from pathlib import Path
from urllib.parse import urlsplit

from components.contracts import Expectations, SmokeReport
from components.parameters import check_parameters
from components.platforms import webapps
from components.smoke_test_webapp.report import html_report
from components.smoke_test_webapp.smoke import PATH, SmokeTest, own_session
from components.smoke_test_webapp.transcript import Transcript
from model.endpoint import Endpoint
from model.errors import InvalidValue

log = logging.getLogger(__name__)


def run_step(
    endpoint: Endpoint,
    *,
    expectations: Expectations,
    webapp_url: str,
    invoke_endpoint: str,
    timeout_s: float,
    report_path: str,
) -> SmokeReport:
    """Runs the smoke test and writes its transcript to `report_path`, also where it fails.

    invoke_endpoint: yes or no.

    Raises:
        InvalidValue: a value breaks its rule.
        SmokeTestFailed: a check failed.
    """
    check_parameters({"invoke_endpoint": invoke_endpoint})
    with own_session() as session:
        test = SmokeTest(webapp_url, endpoint=endpoint, expectations=expectations, transcript=Transcript(session))
        try:
            test.run(invoke_endpoint=invoke_endpoint == "yes", timeout_s=timeout_s)
        finally:
            Path(report_path).write_text(html_report(test.report()), encoding="utf-8")
    report = test.report()
    log.info("%d checks of %s passed", len(report.exchanges), webapp_url)
    return report


def webapp_address(webapp_url: str, *, platform: str) -> str:
    """The given address, or the platform's own where it is empty.

    Raises:
        InvalidValue: not the address of a web application.
    """
    if not webapp_url.strip():
        return webapps.webapp_url(platform)
    address = webapp_url.strip().rstrip("/").removesuffix(PATH)
    try:
        parts = urlsplit(address)
        plain = parts.scheme in ("http", "https") and bool(parts.hostname) and not parts.query and not parts.fragment
        plain = plain and parts.port != 0
    except ValueError:
        plain = False
    if not plain:
        raise InvalidValue(
            expected="an address such as http://127.0.0.1:8080",
            found=repr(webapp_url),
            where="parameter webapp_url",
            do="Set it to the web application's address, or leave it empty for the platform's own.",
        )
    return address
