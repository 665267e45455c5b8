"""One run at a time for each model, against an API server that keeps Leases as the real one does."""

import itertools
import json
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

import pytest
from kubernetes import client

from components.platforms.kubernetes import lease
from components.platforms.kubernetes.connection import Connection
from components.platforms.kubernetes.lease import RunLease
from model.errors import ReleaseInProgress

Object = dict[str, Any]
STAMP = "%Y-%m-%dT%H:%M:%S.%fZ"
#: Too short for a person, long enough for a test.
TIMES = {"RENEW_S": 0.25, "WORKING_S": 1, "BETWEEN_STEPS_S": 30, "_SKEW_S": 0.25, "_POLL_S": 0.05}


class Leases(BaseHTTPRequestHandler):
    """Objects by name. A write that names a resourceVersion must name the object's own."""

    objects: ClassVar[dict[str, Object]]
    versions: ClassVar[Iterator[int]]
    lock: ClassVar[threading.Lock]
    url: ClassVar[str]
    disable_nagle_algorithm, wbufsize = True, 1 << 16

    def answer(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or b"{}")
        name = self.path.partition("?")[0].rpartition("/")[2]
        with self.lock:
            status, answer = getattr(self, self.command.lower())(name, body)
        data = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = do_PATCH = do_DELETE = answer  # noqa: N815

    def get(self, name: str, _: Object) -> tuple[int, Object]:
        found = self.objects.get(name)
        return (200, found) if found else (404, {"message": f'leases "{name}" not found'})

    def post(self, _: str, body: Object) -> tuple[int, Object]:
        name = body["metadata"]["name"]
        return (409, {"message": "exists"}) if name in self.objects else (201, self.keep(name, body))

    def patch(self, name: str, body: Object) -> tuple[int, Object]:
        found = self.objects[name]
        if body["metadata"]["resourceVersion"] != found["metadata"]["resourceVersion"]:
            return 409, {"message": "the object has been modified"}
        return 200, self.keep(name, {**found, "spec": {**found["spec"], **body["spec"]}})

    def delete(self, name: str, _: Object) -> tuple[int, Object]:
        return (200, {}) if self.objects.pop(name, None) else (404, {"message": "not found"})

    def keep(self, name: str, body: Object) -> Object:
        version = str(next(self.versions))
        self.objects[name] = {**body, "metadata": {**body["metadata"], "resourceVersion": version}}
        return self.objects[name]

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Leases]]:
    """Its class keeps the Leases; `objects` are all that stand there."""
    for name, value in {
        "RENEW_S": 0.25,
        "WORKING_S": 1,
        "BETWEEN_STEPS_S": 30,
        "_SKEW_S": 0.25,
        "_POLL_S": 0.05,
    }.items():
        monkeypatch.setattr(lease, name, value)

    class Handler(Leases):
        objects: ClassVar[dict[str, Object]] = {}
        versions, lock = itertools.count(1), threading.Lock()

    listening = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Handler.url = f"http://127.0.0.1:{listening.server_address[1]}"
    thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    yield Handler
    listening.shutdown()
    listening.server_close()
    thread.join()


Run = Callable[[str], RunLease]


@pytest.fixture
def run(server: type[Leases]) -> Run:
    """The Lease of the model `rpm`, for a run of that id, which has a connection of its own."""

    def of(run_id: str) -> RunLease:
        settings = client.Configuration()
        settings.host, settings.retries = server.url, False
        return RunLease(Connection(client.ApiClient(settings), "mlops"), "rpm", run_id)

    return of


def keep(server: type[Leases], **spec: Any) -> None:
    """A Lease as another run has left it."""
    server.objects["rpm-release"] = {"metadata": {"name": "rpm-release", "resourceVersion": "0"}, "spec": spec}


def stamp(ago_s: float) -> str:
    return datetime.fromtimestamp(time.time() - ago_s, UTC).strftime(STAMP)


def holder(server: type[Leases]) -> str:
    return str(server.objects["rpm-release"]["spec"]["holderIdentity"])


def test_a_step_leaves_the_lease_to_the_runs_next_one(server: type[Leases], run: Run) -> None:
    with run("run-1").held():
        at_work = dict(server.objects["rpm-release"]["spec"])
    between = dict(server.objects["rpm-release"]["spec"])
    with run("run-1").held():
        again = dict(server.objects["rpm-release"]["spec"])

    assert [each["holderIdentity"] for each in (at_work, between, again)] == ["run-1"] * 3
    assert [each["leaseDurationSeconds"] for each in (at_work, between, again)] == [1, 30, 1]
    assert at_work["acquireTime"] == between["acquireTime"] == again["acquireTime"] < again["renewTime"]


def test_an_engine_that_renews_it_between_the_steps_is_noticed_as_soon_when_it_is_killed(
    server: type[Leases], run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(lease.RENEWED_VARIABLE, "yes")
    with run("run-1").renewed():
        with run("run-1").held():
            pass
        left_s = server.objects["rpm-release"]["spec"]["leaseDurationSeconds"]
        time.sleep(2.0)
        with pytest.raises(ReleaseInProgress), run("run-2").held():
            pytest.fail("two runs are at work")
    started = time.monotonic()
    with run("run-2").held():
        waited_s = time.monotonic() - started

    assert left_s == 1
    assert waited_s < 2.5


def test_an_engine_and_its_step_that_renew_it_at_once_are_not_in_each_others_way(
    server: type[Leases], run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lease, "RENEW_S", 0.0)
    with run("run-1").renewed():
        for _ in range(100):
            with run("run-1").held(wait=False):
                pass
        run("run-1").give_up()

    assert server.objects == {}


def test_a_step_that_lasts_gives_signs_of_life(server: type[Leases], run: Run) -> None:
    with run("run-1").held():
        signs = set()
        for _ in range(15):
            signs.add(server.objects["rpm-release"]["spec"]["renewTime"])
            time.sleep(0.1)

    assert len(signs) >= 4


def test_a_step_that_fails_leaves_no_more_time_than_it_had(server: type[Leases], run: Run) -> None:
    with pytest.raises(RuntimeError, match="the step fails"), run("run-1").held():
        raise RuntimeError("the step fails")

    assert server.objects["rpm-release"]["spec"]["leaseDurationSeconds"] == 1


def test_a_run_at_work_is_named_to_whoever_comes(server: type[Leases], run: Run) -> None:
    with run("run-1").held():
        since = server.objects["rpm-release"]["spec"]["acquireTime"]
        with pytest.raises(ReleaseInProgress) as caught, run("run-2").held():
            pytest.fail("two runs are at work")

    assert caught.value.found == f"run run-1, since {since}"
    assert caught.value.where == "Lease mlops/rpm-release"
    assert holder(server) == "run-1"


def test_who_may_not_wait_is_refused_at_once(server: type[Leases], run: Run) -> None:
    keep(server, holderIdentity="run-1", renewTime=stamp(0), leaseDurationSeconds=30)
    started = time.monotonic()

    with pytest.raises(ReleaseInProgress, match="found run run-1"), run("run-2").held(wait=False):
        pytest.fail("two runs are at work")

    assert time.monotonic() - started < 0.5


def test_who_gives_no_sign_of_life_is_waited_for(server: type[Leases], run: Run) -> None:
    keep(server, holderIdentity="run-1", renewTime=stamp(0), leaseDurationSeconds=1)
    started = time.monotonic()

    with run("run-2").held():
        waited_s = time.monotonic() - started
        assert holder(server) == "run-2"

    assert 0.9 < waited_s < 2.5


def test_who_is_taken_over_meanwhile_is_told_at_the_steps_end(server: type[Leases], run: Run) -> None:
    with pytest.raises(ReleaseInProgress, match="found run run-2"), run("run-1").held():
        keep(server, holderIdentity="run-2", renewTime=stamp(0), leaseDurationSeconds=30)

    assert holder(server) == "run-2"


def test_who_lost_takes_nothing_away_when_it_lets_go(server: type[Leases], run: Run) -> None:
    keep(server, holderIdentity="run-2", renewTime=stamp(0), leaseDurationSeconds=30)

    run("run-1").give_up()
    kept = dict(server.objects)
    run("run-2").give_up()
    run("run-2").give_up()

    assert list(kept) == ["rpm-release"]
    assert server.objects == {}


def test_of_many_that_begin_at_the_same_moment_one_wins(server: type[Leases], run: Run) -> None:
    runs = [f"run-{number}" for number in range(8)]
    begin, told = threading.Barrier(len(runs)), dict[str, str]()

    def work(run_id: str) -> None:
        begin.wait()
        try:
            with run(run_id).held(wait=False):
                time.sleep(0.6)
        except ReleaseInProgress as error:
            told[run_id] = error.found

    with ThreadPoolExecutor(len(runs)) as threads:
        list(threads.map(work, runs))

    [winner] = set(runs) - set(told)
    assert {each.partition(",")[0] for each in told.values()} == {f"run {winner}"}


LONG_AGO_S, FAR_OFF_S = 1e9, -1e9


@pytest.mark.parametrize(
    ("spec", "wait_s"),
    [
        pytest.param({}, 0.0, id="nothing"),
        pytest.param({"holderIdentity": None, "renewTime": stamp(0), "leaseDurationSeconds": 30}, 0.0, id="no holder"),
        pytest.param({"holderIdentity": "x", "leaseDurationSeconds": 30}, 0.0, id="no time"),
        pytest.param({"holderIdentity": "x", "renewTime": stamp(LONG_AGO_S)}, 0.0, id="no duration"),
        pytest.param(
            {"holderIdentity": "x", "renewTime": stamp(LONG_AGO_S), "leaseDurationSeconds": 2_000_000_000},
            0.0,
            id="for ever",
        ),
        pytest.param(
            {"holderIdentity": "x", "renewTime": stamp(FAR_OFF_S), "leaseDurationSeconds": 1}, 1.2, id="of the future"
        ),
    ],
)
def test_nonsense_keeps_nobody_away(server: type[Leases], run: Run, spec: Object, wait_s: float) -> None:
    keep(server, **spec)
    started = time.monotonic()

    with run("run-1").held():
        waited_s = time.monotonic() - started
        assert holder(server) == "run-1"

    assert wait_s <= waited_s < wait_s + 1


def test_the_real_times_let_a_dead_step_be_noticed_within_half_a_minute() -> None:
    assert 2 * lease.RENEW_S + lease._SKEW_S < lease.WORKING_S
    assert lease.WORKING_S + lease._SKEW_S + lease._POLL_S < 30
