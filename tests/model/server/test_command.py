"""Starting and ending."""

import contextlib
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import requests

from model.prediction_client import PredictionClient, open_client
from model.server.config import ServedModel
from tests.exports import save_v1
from tests.servers import base_path, free_ports, running_model_server, start_server, wait_until_answering, write_config


def _run(flags: list[str], log_file: Path) -> tuple[int, str]:
    """Exit status and log of a server that does not come to serve."""
    process = start_server(flags, log_file=log_file)
    try:
        return process.wait(60), log_file.read_text()
    finally:
        process.kill()


@pytest.mark.parametrize("what", ["REST", "gRPC"])
def test_a_busy_port_is_one_sentence_and_status_1(what: str, tmp_path: Path) -> None:
    config = tmp_path / "models.config"
    write_config(config, [])
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        flags = {"REST": ["--port=0", f"--rest_api_port={port}"], "gRPC": [f"--port={port}"]}[what]

        status, log = _run([*flags, f"--model_config_file={config}"], tmp_path / "log")

    assert status == 1
    (line,) = log.splitlines()
    assert f"{what}: expected to listen on 127.0.0.1 port {port}; found Address already in use." in line


def test_two_servers_do_not_share_a_grpc_port(tmp_path: Path) -> None:
    with running_model_server(tmp_path) as server:
        port = server.grpc_target.split(":")[1]

        status, log = _run([f"--port={port}", f"--model_config_file={server.config}"], tmp_path / "log")

    assert status == 1
    assert "Address already in use" in log


@pytest.mark.parametrize(
    ("text", "found"), [(None, "No such file"), ("nonsense", "ModelServerConfig"), (b"\xff\xfe", "utf-8")]
)
def test_a_configuration_that_is_none_is_one_sentence_and_status_1(
    text: str | bytes | None, found: str, tmp_path: Path
) -> None:
    config = tmp_path / "models.config"
    if text is not None:
        config.write_bytes(text.encode() if isinstance(text, str) else text)

    status, log = _run([f"--port={free_ports(1)[0]}", f"--model_config_file={config}"], tmp_path / "log")

    assert status == 1
    (line,) = log.splitlines()
    assert found in line
    assert str(config) in line


def test_a_flag_that_is_none_ends_with_status_2(tmp_path: Path) -> None:
    status, log = _run(["--modle_name=x"], tmp_path / "log")

    assert status == 2
    assert "unrecognized arguments: --modle_name=x" in log


def test_help_has_an_example(tmp_path: Path) -> None:
    status, log = _run(["--help"], tmp_path / "log")

    assert status == 0
    assert "--model_base_path=/models/rpm" in log


def test_ports_are_open_before_tensorflow_is_there(tmp_path: Path, half_plus_two: Path) -> None:
    rest_port, grpc_port = free_ports(2)
    rest_url, log_file = f"http://127.0.0.1:{rest_port}", tmp_path / "log"
    base = base_path(tmp_path / "early", {1: half_plus_two})
    flags = [f"--port={grpc_port}", f"--rest_api_port={rest_port}", "--model_name=early", f"--model_base_path={base}"]
    process = start_server(flags, log_file=log_file)
    try:
        assert wait_until_answering(process, rest_url)
        status = requests.get(f"{rest_url}/v1/models/early", timeout=30)

        assert "AVAILABLE" not in log_file.read_text()
        assert status.json()["model_version_status"][0]["state"] in ("START", "LOADING")
    finally:
        process.kill()
        process.wait()


def _waiting(directory: Path, export: Path | None) -> tuple[list[str], str]:
    """Flags of a server that waits for its model, and its REST address."""
    rest_port, grpc_port = free_ports(2)
    base = base_path(directory / "late", {1: export} if export else {})
    flags = ["--wait_for_models", "--max_num_load_retries=0", "--model_name=late", f"--model_base_path={base}"]
    return [*flags, f"--port={grpc_port}", f"--rest_api_port={rest_port}"], f"http://127.0.0.1:{rest_port}"


def test_a_server_that_waits_for_its_models_opens_its_ports_when_they_answer(
    tmp_path: Path, half_plus_two: Path
) -> None:
    flags, rest_url = _waiting(tmp_path, half_plus_two)
    process = start_server(flags, log_file=tmp_path / "log")
    try:
        answered = False
        while not answered and process.poll() is None:
            with contextlib.suppress(requests.ConnectionError):
                first = requests.post(f"{rest_url}/v1/models/late:predict", json={"instances": [1.0]}, timeout=30)
                answered = True

        assert first.json() == {"predictions": [2.5]}
    finally:
        process.kill()
        process.wait()


def test_a_server_that_waits_for_a_model_that_does_not_load_ends_with_status_1(
    tmp_path: Path, truncated_variables: Path
) -> None:
    flags, _ = _waiting(tmp_path, truncated_variables)

    status, log = _run(flags, tmp_path / "log")

    assert status == 1
    assert "expected late version 1 to load" in log.splitlines()[-1]
    assert "REST on" not in log


def test_a_server_that_waits_for_a_version_to_appear_can_be_ended(tmp_path: Path) -> None:
    flags, _ = _waiting(tmp_path, None)
    process = start_server(flags, log_file=tmp_path / "log")
    try:
        while "no version below" not in (tmp_path / "log").read_text():
            time.sleep(0.02)
        process.send_signal(signal.SIGTERM)

        assert process.wait(30) == 0
    finally:
        process.kill()
        process.wait()


def test_its_version_can_be_asked_for(tmp_path: Path) -> None:
    status, log = _run(["--version"], tmp_path / "log")

    assert (status, log) == (0, "savedmodel-release model server, for TensorFlow ModelServer\n")


def slow_model(directory: Path) -> Path:
    """steps int64 () -> total int64 (): counts to `steps`, which takes its time."""

    def graph(tf: Any) -> Any:
        steps = tf.compat.v1.placeholder(tf.int64, (), "steps")
        total = tf.while_loop(lambda i: i < steps, lambda i: i + 1, [tf.constant(0, tf.int64)], parallel_iterations=1)
        return {"serving_default": ({"steps": steps}, {"total": tf.identity(total)})}

    return save_v1(directory, graph)


@pytest.mark.parametrize("protocol", ["grpc", "rest"])
def test_a_request_under_way_is_answered_before_the_server_ends(protocol: str, tmp_path: Path) -> None:
    model = ServedModel("slow", base_path(tmp_path / "slow", {1: slow_model(tmp_path / "export")}))
    with (
        running_model_server(tmp_path, [model]) as server,
        open_client(server.endpoint("slow"), protocol=protocol, timeout_s=30) as client,
    ):
        steps = _steps_of_about(0.4, client)

        future = client.predict_async({"steps": steps})
        time.sleep(0.1)  # until the call has come in
        server.process.send_signal(signal.SIGTERM)

        assert future.result(30)["total"] == steps
        assert server.process.wait(30) == 0


def _steps_of_about(seconds: float, client: PredictionClient) -> np.ndarray:
    measured = 2000
    client.predict({"steps": np.array(measured)})  # the first call prepares the graph
    started = time.perf_counter()
    client.predict({"steps": np.array(measured)})
    return np.array(int(measured * seconds / (time.perf_counter() - started)))


def test_a_server_that_is_still_importing_ends_too(tmp_path: Path) -> None:
    rest_port, grpc_port = free_ports(2)
    config = tmp_path / "models.config"
    write_config(config, [])
    flags = [f"--port={grpc_port}", f"--rest_api_port={rest_port}", f"--model_config_file={config}"]
    process: subprocess.Popen[bytes] = start_server(flags, log_file=tmp_path / "log")
    try:
        assert wait_until_answering(process, f"http://127.0.0.1:{rest_port}")
        process.send_signal(signal.SIGTERM)

        assert process.wait(30) == 0
    finally:
        process.kill()
        process.wait()
