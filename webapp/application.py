"""The web application: its routes, and how it answers."""

import contextlib
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from model.errors import PredictionFailed, ReleaseError
from webapp import pages
from webapp.access_log import AccessLog
from webapp.failures import BadField, status_of
from webapp.form_view import FormView, form_fields
from webapp.headers import SecurityHeaders
from webapp.inference import Inquirer
from webapp.model_client import ModelClient, http_client
from webapp.negotiation import answers_json, json_response, wants_json
from webapp.served_signatures import ServedSignatures, choose
from webapp.settings import Settings
from webapp.submission import Submission, read_fields, unique_fields

PATH = "/ecommerce/mlinference"

log = logging.getLogger(__name__)


def create_app(settings: Settings, *, client: httpx.AsyncClient | None = None) -> ASGIApp:
    """The ASGI application. client: what calls model servers; the application closes it when it ends.

    Raises:
        InvalidValue: the file of authorities holds none.
    """
    model_client = ModelClient(
        client or http_client(settings.access),
        access=settings.access,
        gateway=settings.gateway,
        timeout_s=settings.timeout_s,
        max_answer_bytes=settings.max_answer_bytes,
    )
    signatures = ServedSignatures(model_client, ttl_s=settings.signature_ttl_s)
    site = Site(settings, Inquirer(model_client, signatures, settings.allowed))

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        yield
        await model_client.aclose()

    routes = [
        Route("/", _to_the_form),
        Route(PATH, site.show_form, methods=["GET"]),
        Route(PATH, site.answer, methods=["POST"]),
        Route("/healthz", _alive),
        Route("/readyz", _alive),
        Mount("/static", StaticFiles(packages=[("webapp", "static")])),
    ]
    handlers = {404: _http_error, 405: _http_error, Exception: _bug}
    app = Starlette(routes=routes, lifespan=lifespan, exception_handlers=handlers)
    # Around the whole, not as Starlette's middleware: that would leave out the answer to a bug.
    return AccessLog(SecurityHeaders(app))


@dataclass(frozen=True)
class Site:
    """The page: a form made from a model's signature, and the model's answer."""

    settings: Settings
    inquirer: Inquirer

    async def show_form(self, request: Request) -> Response:
        """The form. Fields in the query fill it in, and may name another model that is allowed."""
        try:
            fields = unique_fields(request.query_params.multi_items())
            submission = Submission.from_fields(fields, default_url=self.settings.model_url.predict)
            self.inquirer.allowed_url(submission.model_url)
        except ReleaseError as error:
            empty = Submission.from_fields({}, default_url=self.settings.model_url.predict)
            return pages.form(await self._form(empty), error=error, status=status_of(error))
        return pages.form(await self._form(submission, fresh=True))

    async def answer(self, request: Request) -> Response:
        """The model's answer to a form or a JSON object, as a page or as JSON."""
        as_json = answers_json(request)
        submission = Submission.from_fields({}, default_url=self.settings.model_url.predict)
        try:
            fields = await read_fields(request, max_bytes=self.settings.max_body_bytes)
            submission = Submission.from_fields(fields, default_url=submission.model_url)
            inference = await self.inquirer.infer(submission)
        except ReleaseError as error:
            # On one line, whatever a visitor or a model server wrote.
            log.info("refused: %s", " ".join(str(error).split()))
            if as_json:
                return json_response({"error": str(error), **error.fields()}, status=status_of(error))
            return pages.form(await self._form(submission, error=error), error=error, status=status_of(error))
        if as_json:
            return json_response(inference.to_dict())
        return pages.form(await self._form(submission), inference=inference)

    async def _form(
        self, submission: Submission, *, fresh: bool = False, error: ReleaseError | None = None
    ) -> FormView:
        """The form, also where the model's signature cannot be had: then with the reason instead of fields."""
        form = FormView(
            submission.model_url,
            submission.signature_name,
            submission.call,
            invalid=error.field if isinstance(error, BadField) else "",
        )
        try:
            url = self.inquirer.allowed_url(submission.model_url)
            # A model server that has just failed is not asked again: the visitor has waited once.
            failed = isinstance(error, PredictionFailed)
            served = self.inquirer.signatures
            signatures = served.last(url) if failed else await served.of(url, fresh=fresh)
            form = replace(form, signature_names=tuple(signatures))
            signature = choose(signatures, submission.signature_name) if signatures else None
            return replace(form, fields=form_fields(signature, submission.values) if signature else ())
        except ReleaseError as trouble:
            return replace(form, trouble="" if str(trouble) == str(error) else str(trouble))


async def _to_the_form(_: Request) -> Response:
    return RedirectResponse(PATH, status_code=307)


async def _alive(_: Request) -> Response:
    """Both probes. Ready does not mean that the model answers: while it does not, the page is what says so."""
    return PlainTextResponse("ok\n")


async def _http_error(request: Request, error: Exception) -> Response:
    status = getattr(error, "status_code", 500)
    headers = getattr(error, "headers", None)
    sentence = {404: "There is no such page.", 405: "This page does not take this method."}[status]
    if wants_json(request):
        return JSONResponse({"error": sentence}, status, headers)
    return pages.problem(sentence, status=status, headers=headers)


async def _bug(request: Request, _: Exception) -> Response:
    sentence = "Something went wrong here; the log of the web application says what."
    return JSONResponse({"error": sentence}, 500) if wants_json(request) else pages.problem(sentence, status=500)
