"""What a model server says of its model's signatures, kept for a few seconds."""

import time
from collections.abc import Callable, Mapping
from typing import Any

from model.errors import PredictionFailed, SignatureNotFound
from model.serving_metadata import signature_from_json
from model.signature import Signature
from model.signature_messages import INTERNAL_PREFIX
from webapp.failures import shorten
from webapp.model_client import ModelClient
from webapp.model_urls import ModelUrl

_MAX_KEPT = 64

Signatures = Mapping[str, Signature]


class ServedSignatures:
    """Asks for a model's metadata, at most once in `ttl_s` seconds for each URL unless told to ask anew."""

    def __init__(self, client: ModelClient, *, ttl_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._client, self._ttl_s, self._clock = client, ttl_s, clock
        self._kept: dict[str, tuple[float, Signatures]] = {}

    async def of(self, url: ModelUrl, *, fresh: bool = False) -> Signatures:
        """Signatures by name, never empty.

        Raises:
            PredictionFailed: the model server does not tell.
        """
        asked, signatures = self._kept.get(url.metadata, (0.0, {}))
        if not fresh and signatures and self._clock() - asked < self._ttl_s:
            return signatures
        signatures = parse_metadata(await self._client.get(url.metadata), where=url.metadata)
        if len(self._kept) >= _MAX_KEPT:
            self._kept.clear()
        self._kept[url.metadata] = (self._clock(), signatures)
        return signatures

    def last(self, url: ModelUrl) -> Signatures:
        """What the model server told last, however long ago; empty if it was never asked."""
        return self._kept.get(url.metadata, (0.0, {}))[1]


def choose(signatures: Signatures, name: str) -> Signature:
    """
    Raises:
        SignatureNotFound: the model has no such signature.
    """
    if name not in signatures:
        raise SignatureNotFound(
            expected=f"one of the served model's signatures ({', '.join(signatures)})",
            found=repr(shorten(name)),
            where="field signature_name",
        )
    return signatures[name]


def parse_metadata(document: Any, *, where: str) -> Signatures:
    """Reads TensorFlow Serving's `GET …/metadata`.

    The signatures are nested twice and sizes are strings, as protobuf's JSON writes them
    (tensorflow_serving/servables/tensorflow/get_model_metadata_impl.cc).

    Raises:
        PredictionFailed: it is something else, or holds no signature that can be called.
    """
    try:
        definitions = document["metadata"]["signature_def"]["signature_def"]
        signatures = {
            name: signature_from_json(name, definitions[name])
            for name in sorted(definitions)
            if not name.startswith(INTERNAL_PREFIX)
        }
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise _not_metadata(where, found=shorten(repr(document))) from error
    if not signatures:
        raise _not_metadata(where, found="no signature")
    return signatures


def _not_metadata(where: str, *, found: str) -> PredictionFailed:
    expected = "the metadata of a model, with its signatures"
    return PredictionFailed(code="INTERNAL", expected=expected, found=found, where=where)
