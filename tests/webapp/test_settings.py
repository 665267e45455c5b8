"""The command line and the environment."""

from pathlib import Path

import pytest

from model.endpoint_access import Access
from model.errors import InvalidValue
from webapp.settings import from_command_line


def test_loopback_alone_is_allowed_unless_hosts_are_named() -> None:
    settings = from_command_line([], {})

    assert [str(pattern) for pattern in settings.allowed.patterns] == ["127.0.0.1", "localhost", "::1"]
    assert (settings.host, settings.port) == ("127.0.0.1", 8080)


def test_the_environment_sets_what_the_command_line_does_not() -> None:
    environment = {
        "WEBAPP_MODEL_URL": "http://m.svc.cluster.local/v1/models/rpm:predict",
        "WEBAPP_ALLOW_HOSTS": "127.0.0.1, *.svc.cluster.local",
        "WEBAPP_HOST": "0.0.0.0",
        "WEBAPP_PORT": "9000",
        "WEBAPP_TIMEOUT_S": "2.5",
        "WEBAPP_LOG_FORMAT": "json",
        "WEBAPP_TOKEN_FILE": "/run/token",
        "WEBAPP_CA_FILE": "/run/ca.crt",
        "WEBAPP_MODEL_HOST_HEADER": "{model}.example.com:8080",
    }

    settings = from_command_line(["--port", "9001"], environment)

    assert settings.model_url.host == "m.svc.cluster.local"
    assert [str(pattern) for pattern in settings.allowed.patterns] == ["127.0.0.1", "*.svc.cluster.local"]
    assert settings.access == Access(Path("/run/token"), Path("/run/ca.crt"))
    assert settings.gateway.host_for("http://m.svc.cluster.local/v1/models/rpm/metadata") == "rpm.example.com:8080"
    assert (settings.host, settings.port, settings.timeout_s, settings.log_format) == ("0.0.0.0", 9001, 2.5, "json")


def test_token_and_authority_are_where_the_pipelines_steps_have_them() -> None:
    assert from_command_line([], {}).access.token_file == Path("/etc/savedmodel-release/endpoint/token")
    moved = from_command_line([], {"SAVEDMODEL_RELEASE_ENDPOINT_ACCESS": "/run/access"})
    assert moved.access == Access(Path("/run/access/token"), Path("/run/access/ca.crt"))


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--port", "http"], "--port"),
        (["--port", "65536"], "--port"),
        (["--timeout-s", "0"], "--timeout-s"),
        (["--timeout-s", "nan"], "--timeout-s"),
        (["--log-format", "xml"], "--log-format"),
        (["--model-url", "rpm"], "mlinference_host"),
        (["--allow-host", "*"], "--allow-host"),
        (["--model-host-header", "a b"], "--model-host-header"),
        (["--model-host-header", "{name}.example.com"], "--model-host-header"),
        (["--model-host-header", "http://h"], "--model-host-header"),
        (["--model-url", "http://elsewhere/v1/models/rpm:predict"], "elsewhere:80"),
    ],
)
def test_a_value_that_breaks_its_rule_is_named(arguments: list[str], named: str) -> None:
    with pytest.raises(InvalidValue, match=named):
        from_command_line(arguments, {})
