"""Asking a model from outside the cluster: through the API server."""

from typing import Any

from pipeline.cluster_check import flowers
from pipeline.cluster_check.asking import THROUGH_THE_API_SERVER, ask
from tests.pipeline.cluster_check.fake_cluster import NAMESPACE, Cluster, asked, complete, failure, forbidden

PROXIED = f"/api/v1/namespaces/{NAMESPACE}/services/f-predictor:80/proxy/v1/models/f:predict"


class Serving(Cluster):
    """Its model answers the last of `coming` for ever."""

    coming: list[tuple[int, dict[str, Any]]]
    questions: list[dict[str, Any]]

    def _post(self, path: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        if path != PROXIED:
            return super()._post(path, body)
        self.questions.append(body)
        return self.coming.pop(0) if len(self.coming) > 1 else self.coming[0]


def serving(*coming: tuple[int, dict[str, Any]]) -> Serving:
    cluster = Serving(objects=complete().objects)
    cluster.coming, cluster.questions = list(coming), []
    return cluster


def test_a_service_that_is_not_there_yet_is_asked_again() -> None:
    cluster = serving((503, failure(503, "no endpoints available")), (200, {"predictions": []}))

    with asked(cluster) as server:
        answer, way = ask(server, "f", flowers.question())

    assert (answer.status, answer.body, way) == (200, {"predictions": []}, THROUGH_THE_API_SERVER)
    assert cluster.questions == [flowers.question()] * 2


def test_a_refusal_is_final() -> None:
    cluster = serving(forbidden("create", "services/proxy"))

    with asked(cluster) as server:
        answer, _ = ask(server, "f", flowers.question())

    assert answer.refusal == "whoever asks may not create services/proxy"
    assert len(cluster.questions) == 1
