"""Rolling back and cleaning up by hand, on this machine's real model server."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from components.inspect_signature.inspection import inspect
from components.platforms import PROMOTED, PROMOTING, LiveService
from components.platforms.local.home import Home
from components.platforms.local.locks import FileLock
from components.platforms.local.platform import LocalPlatform
from components.stage_release.staging import stage
from model.endpoint import Endpoint
from model.release_layout import Release
from pipeline.rollback import serve
from tests.pipeline.runs import CLI, probability, serving

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return Home.at(tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="module")
def server(home: Home) -> Iterator[str]:
    with serving(home.root) as url:
        yield url


def staged(export: Path, home: Home) -> Release:
    inspection, _ = inspect(str(export))
    return stage(inspection, models_root=str(home.models), model_name="rpm", run_id="run-1")


@pytest.fixture(scope="module")
def releases(home: Home, retail_propensity: Path, retail_retrained: Path) -> tuple[Release, Release]:
    return staged(retail_propensity, home), staged(retail_retrained, home)


def command(*words: str, home: Home) -> subprocess.CompletedProcess[str]:
    line = [CLI, *words, "--model-name", "rpm", "--home", str(home.root), "--json"]
    return subprocess.run(line, capture_output=True, text=True, timeout=120, check=False)


def make_live(service: LiveService, home: Home) -> None:
    LocalPlatform(home).write_live_service(service)
    LocalPlatform(home).wait_until_live(service.release, timeout_s=60)


def live(home: Home) -> LiveService:
    found = LocalPlatform(home).live_service("rpm")
    assert found is not None
    return found


def test_the_former_release_answers_again(home: Home, server: str, releases: tuple[Release, Release]) -> None:
    first, second = releases
    make_live(LiveService(second, "run-2", PROMOTED, former=first), home)

    done = command("rollback", home=home)

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {"before": second.version, "now": first.version}
    assert live(home).release == first
    assert probability(server) == 0.775


def test_any_staged_release_can_be_named(home: Home, server: str, releases: tuple[Release, Release]) -> None:
    first, second = releases
    make_live(LiveService(first, "run-1", PROMOTED), home)

    done = command("rollback", "--version", str(second.version), home=home)

    assert done.returncode == 0, done.stderr
    assert live(home).release == second
    assert probability(server) == 0.781


def test_without_a_former_release_it_says_what_to_name(home: Home, releases: tuple[Release, Release]) -> None:
    LocalPlatform(home).write_live_service(LiveService(releases[0], "run-1", PROMOTED))

    done = command("rollback", home=home)
    missing = command("rollback", "--version", "99", home=home)

    assert done.returncode == missing.returncode == 2
    assert f"--version: {releases[1].version}." in done.stderr
    assert "releases/99" in missing.stderr
    assert f"--version: {releases[1].version}." in missing.stderr
    assert live(home).release == releases[0]


def test_a_release_that_cannot_be_served_is_not_left_live(
    home: Home, server: str, releases: tuple[Release, Release]
) -> None:
    first, second = releases
    make_live(LiveService(second, "run-2", PROMOTED, former=first), home)
    model = Path(first.uri, str(first.version), "saved_model.pb")
    content = model.read_bytes()
    model.unlink()

    done = command("rollback", "--timeout-s", "20", home=home)
    model.write_bytes(content)

    assert done.returncode == 1
    assert f"Put back: release {second.version} is live again" in done.stderr
    assert live(home).release == second


class Interrupted(LocalPlatform):
    """Is interrupted while the live service comes to serve the release."""

    def wait_until_live(self, release: Release, *, timeout_s: float) -> Endpoint:
        raise KeyboardInterrupt


def test_an_interrupted_rollback_leaves_live_what_was_live(home: Home, releases: tuple[Release, Release]) -> None:
    first, second = releases
    LocalPlatform(home).write_live_service(LiveService(second, "run-2", PROMOTED, former=first))

    with pytest.raises(KeyboardInterrupt):
        serve(first, live(home), platform=Interrupted(home), run_id="run-3", timeout_s=60)

    assert (live(home).release, live(home).phase) == (second, PROMOTED)


def test_an_unfinished_promotion_is_undone_by_either(home: Home, releases: tuple[Release, Release]) -> None:
    first, second = releases
    for word in ("rollback", "clean"):
        LocalPlatform(home).write_live_service(LiveService(second, "run-2", PROMOTING, former=first))

        done = command(word, home=home)

        assert done.returncode == 0, done.stderr
        assert live(home).release == first
        assert live(home).phase == PROMOTED


def test_a_run_at_work_is_named_and_left_alone(home: Home, releases: tuple[Release, Release]) -> None:
    service = LiveService(releases[1], "run-2", PROMOTING, former=releases[0])
    LocalPlatform(home).write_live_service(service)
    lock = FileLock(home.lock("model-rpm"))
    assert lock.try_acquire(note="run 7")

    told = [command(word, home=home) for word in ("rollback", "clean")]
    lock.release()

    assert [done.returncode for done in told] == [1, 1]
    assert all("ReleaseInProgress" in done.stderr and "run 7" in done.stderr for done in told)
    assert live(home) == service


def test_with_nothing_live_there_is_nothing_to_roll_back(tmp_path: Path) -> None:
    done = command("rollback", home=Home.at(tmp_path))

    assert done.returncode == 2
    assert "nothing to roll back" in done.stderr
