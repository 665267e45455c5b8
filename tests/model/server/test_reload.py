"""Versions that come, go and fail while the server runs."""

import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import requests

from model.errors import PredictionFailed
from model.prediction_client import open_client
from model.retries import Retries
from model.server.config import ServedModel
from tests.servers import RunningServer, base_path, running_model_server


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with running_model_server(tmp_path_factory.mktemp("reload"), flags=["--max_num_load_retries=0"]) as running:
        yield running


VISIT = {"bounces": np.zeros(4, np.float32), "time_on_site": np.full(4, 7363, np.float32)}


class Caller:
    """Calls without a pause, over one protocol, until it is told to stop. A call that had to be tried again counts as
    a failure."""

    def __init__(self, server: RunningServer, model_name: str, protocol: str) -> None:
        retries = Retries(60, sleep=lambda pause_s: self.failures.append("tried again"))
        self._client = open_client(server.endpoint(model_name), protocol=protocol, retries=retries)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.answers: list[float] = []
        self.failures: list[object] = []

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                answer = self._client.predict(VISIT)
                self.answers.append(float(answer["will_buy_on_return_visit_probs"][0, 0]))
            except PredictionFailed as error:
                self.failures.append(error)

    def __enter__(self) -> "Caller":
        self._thread.start()
        return self

    def __exit__(self, *ending: object) -> None:
        self._stopping.set()
        self._thread.join()
        self._client.close()


def test_no_call_fails_while_releases_are_switched(
    server: RunningServer, retail_propensity: Path, retail_retrained: Path, tmp_path: Path
) -> None:
    releases = [
        ServedModel("switched", base_path(tmp_path / str(number), {number: export}), (number,))
        for number, export in ((36, retail_propensity), (37, retail_retrained))
    ]
    server.serve(releases[0])
    server.wait_until("switched", 36)

    with Caller(server, "switched", "grpc") as grpc, Caller(server, "switched", "rest") as rest:
        for release in (releases[1], releases[0], releases[1]):
            server.serve(release)
            server.wait_until("switched", release.versions[0])
            former = 73 - release.versions[0]
            server.wait_until("switched", former, "END")

    for caller in (grpc, rest):
        assert caller.failures == []
        assert len({round(answer, 6) for answer in caller.answers}) == 2
    assert server.states("switched") == {36: "END", 37: "AVAILABLE"}


def test_a_model_that_leaves_the_configuration_is_unloaded(
    server: RunningServer, half_plus_two: Path, no_variables: Path, tmp_path: Path
) -> None:
    stays = ServedModel("stays", base_path(tmp_path / "stays", {1: half_plus_two}))
    leaves = ServedModel("leaves", base_path(tmp_path / "leaves", {1: no_variables}))
    server.serve(stays, leaves)
    server.wait_until("leaves", 1)

    server.serve(stays)
    server.wait_until("leaves", 1, "END")

    answer = requests.post(f"{server.rest_url}/v1/models/leaves:predict", json={"instances": [2]}, timeout=30)
    assert answer.status_code == 404
    assert server.states("stays") == {1: "AVAILABLE"}


def test_a_model_that_comes_back_is_loaded_again(server: RunningServer, half_plus_two: Path, tmp_path: Path) -> None:
    model = ServedModel("returns", base_path(tmp_path / "returns", {1: half_plus_two}))
    for _ in range(2):
        server.serve(model)
        server.wait_until("returns", 1)
        server.serve()
        server.wait_until("returns", 1, "END")


def test_a_release_that_cannot_be_loaded_leaves_the_former_one_serving(
    server: RunningServer, half_plus_two: Path, truncated_variables: Path, tmp_path: Path
) -> None:
    server.serve(ServedModel("sound", base_path(tmp_path / "1", {1: half_plus_two})))
    server.wait_until("sound", 1)

    server.serve(ServedModel("sound", base_path(tmp_path / "2", {2: truncated_variables})))
    server.wait_until("sound", 2, "END")

    assert server.states("sound") == {1: "AVAILABLE", 2: "END"}
    assert "expected a SavedModel that TensorFlow loads" in server.error_message("sound", version=2)
    answer = requests.post(f"{server.rest_url}/v1/models/sound:predict", json={"instances": [1]}, timeout=30)
    assert answer.json() == {"predictions": [2.5]}


def test_a_failed_release_is_tried_anew_when_it_is_asked_for_again(
    server: RunningServer, half_plus_two: Path, truncated_variables: Path, tmp_path: Path
) -> None:
    good = ServedModel("mended", base_path(tmp_path / "good", {1: half_plus_two}))
    shutil.copytree(truncated_variables, tmp_path / "bad" / "2")
    bad = ServedModel("mended", str(tmp_path / "bad"))
    server.serve(bad)
    server.wait_until("mended", 2, "END")
    server.serve(good)
    server.wait_until("mended", 1)

    shutil.rmtree(tmp_path / "bad" / "2")
    shutil.copytree(half_plus_two, tmp_path / "bad" / "2")
    server.serve(bad)

    server.wait_until("mended", 2)


def test_the_same_version_from_another_base_path_takes_over(
    server: RunningServer, retail_propensity: Path, retail_retrained: Path, tmp_path: Path
) -> None:
    answers = []
    for name, export in (("old", retail_propensity), ("new", retail_retrained)):
        server.serve(ServedModel("moved", base_path(tmp_path / name, {1: export})))
        server.wait_until("moved", 1)
        answers.append(_probability_once_settled(server, "moved", answers))

    assert answers[0] != answers[1]


def _probability_once_settled(server: RunningServer, model_name: str, former: list[float]) -> float:
    body = {"instances": [{"bounces": 0, "time_on_site": 7363}]}
    for _ in range(1200):
        answer = requests.post(f"{server.rest_url}/v1/models/{model_name}:predict", json=body, timeout=30).json()
        probability = float(answer["predictions"][0]["will_buy_on_return_visit_probs"][0])
        if probability not in former:
            return probability
        time.sleep(0.05)
    raise TimeoutError("the former base path still answers")


def test_versions_that_appear_below_the_base_path_are_served_the_highest_first(
    server: RunningServer, half_plus_two: Path, tmp_path: Path
) -> None:
    base = Path(base_path(tmp_path / "grows", {1: half_plus_two}))
    server.serve(ServedModel("grows", str(base)))
    server.wait_until("grows", 1)

    shutil.copytree(half_plus_two, tmp_path / "copy")
    (tmp_path / "copy").rename(base / "0002")

    server.wait_until("grows", 2)
    server.wait_until("grows", 1, "END")


def test_several_versions_are_served_side_by_side(server: RunningServer, half_plus_two: Path, tmp_path: Path) -> None:
    base = base_path(tmp_path / "both", {1: half_plus_two, 2: half_plus_two, 3: half_plus_two})
    server.serve(ServedModel("both", base, (1, 2), labels={"stable": 1}))
    server.wait_until("both", 1)
    server.wait_until("both", 2)

    assert server.states("both") == {1: "AVAILABLE", 2: "AVAILABLE"}
    status = requests.get(f"{server.rest_url}/v1/models/both/labels/stable", timeout=30).json()
    assert [each["version"] for each in status["model_version_status"]] == ["1"]


def test_a_damaged_an_empty_and_a_missing_configuration_change_nothing(
    server: RunningServer, half_plus_two: Path, tmp_path: Path
) -> None:
    server.serve(ServedModel("calm", base_path(tmp_path / "calm", {1: half_plus_two})))
    server.wait_until("calm", 1)

    server.config.write_text("model_config_list {")
    _wait_for_log(server, "The former configuration stays")
    server.config.write_text("")
    _wait_for_log(server, "Taking no action for empty config")
    server.config.unlink()
    _wait_for_log(server, "No such file")

    assert server.states("calm") == {1: "AVAILABLE"}


def _wait_for_log(server: RunningServer, text: str) -> None:
    for _ in range(600):
        if text in server.log_file.read_text():
            return
        time.sleep(0.05)
    raise TimeoutError(f"{text!r} is not in the log")


def test_a_base_path_without_versions_is_waited_for(server: RunningServer, half_plus_two: Path, tmp_path: Path) -> None:
    server.serve(ServedModel("late", str(tmp_path / "late")))
    _wait_for_log(server, "late: cannot list the base path")
    assert server.states("late") == {}

    base_path(tmp_path / "late", {5: half_plus_two})

    server.wait_until("late", 5)
