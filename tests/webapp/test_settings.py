"""The command line and the environment."""

import pytest

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
    }

    settings = from_command_line(["--port", "9001"], environment)

    assert settings.model_url.host == "m.svc.cluster.local"
    assert [str(pattern) for pattern in settings.allowed.patterns] == ["127.0.0.1", "*.svc.cluster.local"]
    assert (settings.host, settings.port, settings.timeout_s, settings.log_format) == ("0.0.0.0", 9001, 2.5, "json")


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
        (["--model-url", "http://elsewhere/v1/models/rpm:predict"], "elsewhere:80"),
    ],
)
def test_a_value_that_breaks_its_rule_is_named(arguments: list[str], named: str) -> None:
    with pytest.raises(InvalidValue, match=named):
        from_command_line(arguments, {})
