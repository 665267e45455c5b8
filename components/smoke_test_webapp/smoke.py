"""The smoke test: a release is asked through the web application, as its users will ask it."""

import json
from typing import Any
from urllib.parse import urlencode

import requests

from components.contracts import Expectations, SmokeReport
from components.smoke_test_webapp.answers import differences, page_differences
from components.smoke_test_webapp.page import read_page
from components.smoke_test_webapp.transcript import Transcript, describe
from model.endpoint import Endpoint

PATH = "/ecommerce/mlinference"
ROWS = 5
#: The application's own fields; an input of the same name has the prefix in the form.
RESERVED, PREFIX = ("mlinference_host", "mlinference_check", "signature_name"), "input."
JSON, HTML = "application/json", "text/html"


def smoke_test(
    webapp_url: str,
    *,
    endpoint: Endpoint,
    expectations: Expectations,
    invoke_endpoint: bool = True,
    timeout_s: float,
    session: requests.Session | None = None,
) -> SmokeReport:
    """Checks that the page is served with a field for each input, that the model's answers come through it as expected,
    and that a skipped call is skipped.

    webapp_url: scheme, host and port. timeout_s: how long the page may take to be served.
    invoke_endpoint: False leaves the model alone.

    Raises:
        SmokeTestFailed: naming the check, the request, what was expected and what was found.
    """
    with session or own_session() as used:
        test = SmokeTest(webapp_url, endpoint=endpoint, expectations=expectations, transcript=Transcript(used))
        test.run(invoke_endpoint=invoke_endpoint, timeout_s=timeout_s)
    return test.report()


def own_session() -> requests.Session:
    """A session that ignores proxies: the web application is near."""
    session = requests.Session()
    session.trust_env = False
    return session


class SmokeTest:
    """The checks in their order; `report()` tells what has been seen so far, also after a failure."""

    def __init__(
        self, webapp_url: str, *, endpoint: Endpoint, expectations: Expectations, transcript: Transcript
    ) -> None:
        self._root = webapp_url.rstrip("/")
        self._endpoint, self._expectations, self._transcript = endpoint, expectations, transcript

    @property
    def _url(self) -> str:
        return self._root + PATH

    def report(self) -> SmokeReport:
        return SmokeReport(self._root, tuple(self._transcript.exchanges))

    def run(self, *, invoke_endpoint: bool, timeout_s: float) -> None:
        self._page_is_served(invoke_endpoint=invoke_endpoint, timeout_s=timeout_s)
        if invoke_endpoint:
            for row in range(min(ROWS, self._expectations.rows)):
                self._row_is_answered(row)
            self._answer_is_shown(row=0)
        self._skip_skips(row=0)

    def _page_is_served(self, *, invoke_endpoint: bool, timeout_s: float) -> None:
        check = "the page shows a field for each input"
        query = {"mlinference_host": self._endpoint.predict_url, "signature_name": self._expectations.signature.name}
        url = f"{self._url}?{urlencode(query, safe='/:')}"
        response = self._transcript.wait_for(url, check=check, timeout_s=timeout_s)
        page = read_page(response.text)
        wanted = [*RESERVED, *map(form_field, self._input_names())]
        missing = [name for name in wanted if name not in page.fields]
        # Without the model's signature the page cannot show its inputs; that is no fault while the model is left alone.
        excused = not invoke_endpoint and bool(page.trouble)
        if response.status_code != 200 or (missing and not excused):
            found = f"status {response.status_code}, fields {', '.join(page.fields) or 'none'}. {page.trouble}"
            expected = f"a page (status 200) with the fields {', '.join(wanted)}"
            raise self._transcript.failed(check, f"GET {url}", expected=expected, found=found, response=response)
        shown = f"fields: {', '.join(page.fields)}\n{page.trouble}".strip()
        self._transcript.passed(check, f"GET {url}", response, shown=shown)

    def _row_is_answered(self, row: int) -> None:
        check = f"row {row + 1} is answered as the model itself answers"
        fields = self._fields(row, call="yes")
        response = self._transcript.post(self._url, fields, check=check, accept=JSON)
        request = describe(self._url, fields, accept=JSON)
        answer, expected = _json(response), "the model's own answer (status 200, called, predictions)"
        predictions = answer.get("predictions")
        if response.status_code != 200 or answer.get("called") is not True or not predictions:
            found = f"status {response.status_code}: {_reason(answer, response)}"
            raise self._transcript.failed(check, request, expected=expected, found=found, response=response)
        different = differences(predictions[0], self._expectations, row=row)
        if different:
            found = "; ".join(different)
            raise self._transcript.failed(check, request, expected="the same outputs", found=found, response=response)
        self._transcript.passed(check, request, response)

    def _answer_is_shown(self, *, row: int) -> None:
        check = f"the page shows the answer to row {row + 1}"
        fields = self._fields(row, call="yes")
        response = self._transcript.post(self._url, fields, check=check, accept=HTML)
        page = read_page(response.text)
        different = page_differences(page.values, self._expectations, row=row)
        request = describe(self._url, fields, accept=HTML)
        if response.status_code != 200 or different:
            found = f"status {response.status_code}; {'; '.join(different)}. {page.trouble}"
            expected = "a page (status 200) with every output's values"
            raise self._transcript.failed(check, request, expected=expected, found=found, response=response)
        self._transcript.passed(check, request, response, shown=json.dumps(page.values, indent=1, ensure_ascii=False))

    def _skip_skips(self, *, row: int) -> None:
        check = "mlinference_check=no calls nothing"
        fields = self._fields(row, call="no")
        response = self._transcript.post(self._url, fields, check=check, accept=JSON)
        request, answer = describe(self._url, fields, accept=JSON), _json(response)
        if response.status_code != 200 or answer.get("called") is not False or answer.get("predictions") is not None:
            found = f"status {response.status_code}: {_reason(answer, response)}"
            expected = 'status 200 and "called": false, without predictions'
            raise self._transcript.failed(check, request, expected=expected, found=found, response=response)
        self._transcript.passed(check, request, response)

    def _input_names(self) -> list[str]:
        return [spec.name for spec in self._expectations.signature.inputs]

    def _fields(self, row: int, *, call: str) -> dict[str, Any]:
        """The form of one row, filled in."""
        inputs = self._expectations.inputs
        fields = {form_field(name): form_value(inputs[name][row]) for name in self._input_names()}
        model = {"mlinference_host": self._endpoint.predict_url, "signature_name": self._expectations.signature.name}
        return {**fields, **model, "mlinference_check": call}


def form_field(name: str) -> str:
    """The form's field for an input."""
    return f"{PREFIX}{name}" if name in RESERVED else name


def form_value(value: Any) -> Any:
    """A value as a visitor types it: strings as they are, all else as JSON. Bytes that are no text stay an object,
    which only a JSON body can carry."""
    if isinstance(value, str) or '"b64"' in (text := json.dumps(value, ensure_ascii=False)):
        return value
    return text


def _json(response: requests.Response) -> dict[str, Any]:
    try:
        document = response.json()
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}


def _reason(answer: dict[str, Any], response: requests.Response) -> str:
    return str(answer.get("error") or response.text[:500])
