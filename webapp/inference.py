"""One question to a model: the predict request made from a submission, and its answer."""

import time
from dataclasses import dataclass
from typing import Any

from model.errors import PredictionFailed
from model.signature import Signature
from webapp.fields import instance
from webapp.model_client import ModelClient
from webapp.model_urls import AllowList, ModelUrl
from webapp.served_signatures import ServedSignatures, choose
from webapp.submission import Submission

SKIPPED = "mlinference_check is no: the model was not called."


@dataclass(frozen=True)
class Inference:
    """What was asked and answered.

    called: whether the predict request was sent; if not, `predictions` is None and `note` says why.
    request: the predict request; None where nothing was sent and the signature is not known either.
    predictions: one per row, as the model server wrote them.
    """

    called: bool
    model_url: str
    request: dict[str, Any] | None
    predictions: list[Any] | None = None
    seconds: float = 0.0
    note: str = ""
    signature: Signature | None = None

    def to_dict(self) -> dict[str, Any]:
        """What a caller gets who asks for JSON."""
        document = {name: getattr(self, name) for name in ("called", "model_url", "request", "predictions", "seconds")}
        return {**document, "note": self.note} if self.note else document


@dataclass(frozen=True)
class Inquirer:
    """Asks allowed model servers."""

    client: ModelClient
    signatures: ServedSignatures
    allowed: AllowList

    def allowed_url(self, text: str) -> ModelUrl:
        """
        Raises:
            BadField: not a predict URL.
            HostNotAllowed: not one that may be called.
        """
        return self.allowed.check(ModelUrl.parse(text))

    async def infer(self, submission: Submission) -> Inference:
        """
        Raises:
            InvalidValue: a field breaks its rule.
            SignatureNotFound: the model has no such signature.
            PredictionFailed: the model server refused or did not answer.
        """
        url = self.allowed_url(submission.model_url)
        if not submission.call:
            return await self._skip(submission, url)
        signature = choose(await self.signatures.of(url), submission.signature_name)
        request = predict_request(signature, submission)
        started = time.perf_counter()
        answer = await self.client.post(url.predict, request)
        seconds = round(time.perf_counter() - started, 6)
        return Inference(True, url.predict, request, _predictions(answer, url=url), seconds, signature=signature)

    async def _skip(self, submission: Submission, url: ModelUrl) -> Inference:
        """Says what would be sent, if the model server tells the signature. It need not: the switch is there to find
        out what else works while the model does not."""
        try:
            signatures = await self.signatures.of(url)
        except PredictionFailed as error:
            return Inference(False, url.predict, None, note=f"{SKIPPED} Its signature could not be read. {error}")
        signature = choose(signatures, submission.signature_name)
        request = predict_request(signature, submission)
        return Inference(False, url.predict, request, note=SKIPPED, signature=signature)


def predict_request(signature: Signature, submission: Submission) -> dict[str, Any]:
    """
    Raises:
        BadField: a value does not fit the signature.
    """
    return {"signature_name": signature.name, "instances": [instance(signature, submission.values)]}


def _predictions(answer: Any, *, url: ModelUrl) -> list[Any]:
    predictions = answer.get("predictions") if isinstance(answer, dict) else None
    if not isinstance(predictions, list) or len(predictions) != 1:
        found = f"{len(predictions)} predictions" if isinstance(predictions, list) else "no list of predictions"
        raise PredictionFailed(code="INTERNAL", expected="one prediction for one row", found=found, where=url.predict)
    return predictions
