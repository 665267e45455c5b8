"""A trial object is deleted however the look at it ends."""

from typing import Any

import pytest

from components.platforms.kubernetes.connection import INFERENCE_SERVICES
from model.errors import ServingFailed
from pipeline.cluster_check import throwaway as module
from pipeline.cluster_check.throwaway import throwaway, unique_name
from tests.pipeline.cluster_check.fake_cluster import SERVICES, Cluster, asked, complete, failure, forbidden

BODY = {"metadata": {"name": "check-1"}}
PATH = f"{SERVICES}/check-1"


class Breaking(Cluster):
    """Answers `broken` times to a DELETE with a fault."""

    broken = 0

    def _delete(self, path: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        self.broken -= 1
        return (503, failure(503, "later")) if self.broken >= 0 else super()._delete(path, body)


def breaking(times: int) -> Breaking:
    cluster = Breaking(objects=complete().objects)
    cluster.broken = times
    return cluster


def test_it_stands_while_the_block_runs() -> None:
    cluster = complete()

    with asked(cluster) as server, throwaway(server, INFERENCE_SERVICES, BODY) as created:
        during = cluster.left

    assert created.ok
    assert (during, cluster.left) == ([PATH], [])


@pytest.mark.parametrize("end", [KeyboardInterrupt, ServingFailed(expected="", found="", where="")])
def test_it_goes_when_the_block_is_left_by_an_exception(end: BaseException) -> None:
    cluster = complete()

    with asked(cluster) as server, pytest.raises(type(end) if isinstance(end, Exception) else KeyboardInterrupt):  # noqa: SIM117
        with throwaway(server, INFERENCE_SERVICES, BODY):
            raise end

    assert cluster.left == []


def test_a_fault_of_the_api_server_while_deleting_is_waited_out() -> None:
    cluster = breaking(2)

    with asked(cluster) as server, throwaway(server, INFERENCE_SERVICES, BODY):
        pass

    assert cluster.left == []


def test_one_that_cannot_be_deleted_is_named_with_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_REMOVAL_S", 0.1)
    cluster = breaking(1000)

    with (
        asked(cluster) as server,
        pytest.raises(ServingFailed, match=r"kubectl -n mlops delete inferenceservices\.serving\.kserve\.io check-1"),
        throwaway(server, INFERENCE_SERVICES, BODY),
    ):
        pass


def test_after_an_interrupt_one_that_cannot_be_deleted_is_logged_and_the_interrupt_goes_on(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "_REMOVAL_S", 0.1)

    with asked(breaking(1000)) as server, pytest.raises(KeyboardInterrupt):  # noqa: SIM117
        with throwaway(server, INFERENCE_SERVICES, BODY):
            raise KeyboardInterrupt

    assert "kubectl -n mlops delete" in caplog.text


def test_an_interrupt_while_deleting_deletes_again() -> None:
    cluster = complete()
    interrupts = [KeyboardInterrupt()]

    with asked(cluster) as server:
        ask = type(server).ask

        class Interrupted(type(server)):  # type: ignore[misc]
            def ask(self, method: str, path: str, **options: Any) -> Any:
                if method == "DELETE" and interrupts:
                    raise interrupts.pop()
                return ask(self, method, path, **options)

        with pytest.raises(KeyboardInterrupt), throwaway(Interrupted(server.connection), INFERENCE_SERVICES, BODY):
            pass

    assert cluster.left == []


def test_what_was_refused_is_not_deleted() -> None:
    cluster = complete()
    cluster.answers[SERVICES] = forbidden("create", "inferenceservices")

    with asked(cluster) as server, throwaway(server, INFERENCE_SERVICES, BODY) as created:
        pass

    assert created.forbidden
    assert [method for method, _ in cluster.asked] == ["POST"]


def test_names_leave_room_for_what_kserve_adds() -> None:
    long = "n" * 40

    name = unique_name("flower-sample-check", long)

    assert len(f"{name}-predictor-{long}") <= 63
    assert name[0].isalpha()
    assert unique_name("flower-sample-check", "mlops").startswith("flower-sample-check-")
    assert name != unique_name("flower-sample-check", long)
