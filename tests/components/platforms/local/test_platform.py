"""What the home remembers, and what becomes of it when it is damaged."""

from pathlib import Path

import pytest

from components.platforms import PROMOTED, LiveService
from components.platforms.local import servers, webapp
from components.platforms.local.home import Home
from components.platforms.local.platform import LocalPlatform
from model.errors import StorageError
from model.release_layout import Release
from model.server.config import parse_config


def release(name: str, version: int) -> Release:
    return Release(name, version, f"sha256:{version}", f"/models/{name}/releases/{version}")


def test_what_is_live_is_remembered_and_configures_the_server(tmp_path: Path) -> None:
    platform = LocalPlatform(Home.at(tmp_path))
    service = LiveService(release("a", 2), run_id="r", phase=PROMOTED, former=release("a", 1))

    platform.write_live_service(service)
    platform.write_live_service(LiveService(release("b", 7), run_id="r", phase=PROMOTED))

    assert platform.live_service("a") == service
    served = parse_config(platform.home.models_config.read_text())
    assert [(each.name, each.versions) for each in served] == [("a", (2,)), ("b", (7,))]
    platform.remove_live_service("a")
    assert [each.name for each in parse_config(platform.home.models_config.read_text())] == ["b"]


def test_a_damaged_record_of_what_is_live_is_named(tmp_path: Path) -> None:
    platform = LocalPlatform(Home.at(tmp_path))
    platform.write_live_service(LiveService(release("a", 2), run_id="r", phase=PROMOTED))
    platform.home.live("a").write_text("")

    with pytest.raises(StorageError, match=r"a\.json"):
        platform.live_service("a")


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"process": 1}'])
def test_a_damaged_record_of_a_server_is_none(tmp_path: Path, text: str) -> None:
    home = Home.at(tmp_path)
    home.serving.mkdir()
    (home.serving / "server.json").write_text(text)
    (home.serving / "webapp.json").write_text(text)

    assert servers.read_record(home.serving / "server.json") is None
    assert webapp.read_record(home) is None
