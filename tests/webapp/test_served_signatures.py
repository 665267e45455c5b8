"""Signatures as a model server tells them."""

from typing import Any

import pytest

from model.errors import PredictionFailed, SignatureNotFound
from model.server.signature_answers import signature_json
from tests.webapp.servers import RETAIL
from webapp.model_urls import ModelUrl
from webapp.served_signatures import ServedSignatures, choose, parse_metadata

URL = ModelUrl.parse("http://h/v1/models/rpm:predict")


def metadata(**signatures: Any) -> dict[str, Any]:
    return {"metadata": {"signature_def": {"signature_def": signatures}}}


class Served:
    def __init__(self) -> None:
        self.asked = 0

    async def get(self, _: str) -> Any:
        self.asked += 1
        return metadata(serving_default=signature_json(RETAIL))


def test_signatures_are_read_and_the_init_operation_is_left_out() -> None:
    document = metadata(serving_default=signature_json(RETAIL), __saved_model_init_op={"outputs": {}})

    assert parse_metadata(document, where="x") == {"serving_default": RETAIL}


@pytest.mark.parametrize(
    "document",
    [
        None,
        [],
        {},
        "x",
        metadata(),
        metadata(a=5),
        metadata(a={"inputs": {"x": {}}}),
        {"metadata": {"signature_def": 3}},
    ],
)
def test_what_is_no_metadata_is_refused(document: Any) -> None:
    with pytest.raises(PredictionFailed, match="metadata of a model"):
        parse_metadata(document, where="http://h/metadata")


def test_an_unknown_signature_is_refused_with_the_known_ones() -> None:
    with pytest.raises(SignatureNotFound, match=r"serving_default.*'predict'"):
        choose({"serving_default": RETAIL}, "predict")


async def _ask_thrice(now: list[float]) -> int:
    served = Served()
    signatures = ServedSignatures(served, ttl_s=5, clock=lambda: now[0])  # type: ignore[arg-type]
    await signatures.of(URL)
    now[0] += 4
    await signatures.of(URL)
    now[0] += 2
    await signatures.of(URL)
    return served.asked


def test_a_server_is_asked_once_in_five_seconds() -> None:
    import asyncio

    assert asyncio.run(_ask_thrice([100.0])) == 2
