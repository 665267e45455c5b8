"""Pages from templates; all that is shown is escaped by Jinja."""

import functools
import json
import shlex
from collections.abc import Mapping
from typing import Any

import jinja2
from starlette.responses import HTMLResponse

from model.errors import ReleaseError
from webapp.answer_view import view
from webapp.form_view import FormView
from webapp.inference import Inference


@functools.cache
def _templates() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.PackageLoader("webapp"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def form(
    form: FormView, *, inference: Inference | None = None, error: ReleaseError | None = None, status: int = 200
) -> HTMLResponse:
    """The form, and above it what came of the last one: an answer, or an error."""
    context: dict[str, Any] = {
        "form": form,
        "error": error,
        "inference": inference,
        "answer": None,
        "request_json": "",
        "curl": "",
    }
    if inference is not None and inference.request is not None:
        context["request_json"] = json.dumps(inference.request, indent=2, ensure_ascii=False)
        context["curl"] = _curl(inference.model_url, inference.request)
    if inference is not None and inference.predictions and inference.signature is not None:
        context["answer"] = view(inference.predictions[0], inference.signature)
    return _page("inference.html", context, status=status)


def problem(sentence: str, *, status: int, headers: Mapping[str, str] | None = None) -> HTMLResponse:
    return _page("problem.html", {"sentence": sentence, "status": status}, status=status, headers=headers)


def _page(
    template: str, context: dict[str, Any], *, status: int, headers: Mapping[str, str] | None = None
) -> HTMLResponse:
    # A lone surrogate, which JSON can carry, has no bytes in UTF-8.
    text = _templates().get_template(template).render(context).encode("utf-8", "replace")
    return HTMLResponse(text, status, headers)


def _curl(url: str, request: Mapping[str, Any]) -> str:
    """The same call from a shell."""
    return f"curl -X POST {shlex.quote(url)} --data {shlex.quote(json.dumps(request, ensure_ascii=False))}"
