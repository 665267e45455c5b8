"""How the web application is set up, from its command line and its environment."""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from model.endpoint_access import DIRECTORY, VARIABLE, Access
from model.errors import InvalidValue
from webapp.gateway import Gateway
from webapp.model_urls import EXAMPLE, LOOPBACK_HOSTS, AllowList, ModelUrl

MEBIBYTE = 1024 * 1024
LOG_FORMATS = ("text", "json")

_EPILOG = f"""example:
  python -m webapp --port 8080 --model-url {EXAMPLE} --allow-host 127.0.0.1 --allow-host '*.svc.cluster.local'

Each setting can be given in the environment instead: WEBAPP_HOST, WEBAPP_PORT, WEBAPP_MODEL_URL, WEBAPP_ALLOW_HOSTS
(separated by commas), WEBAPP_TIMEOUT_S, WEBAPP_LOG_FORMAT, WEBAPP_TOKEN_FILE, WEBAPP_CA_FILE,
WEBAPP_MODEL_HOST_HEADER.

Every allowed host is sent the token, so allow none that you would not tell it. The token is read anew for each call.
Token file and CA file may be missing: then no token is sent, and the system's authorities count.
"""


@dataclass(frozen=True)
class Settings:
    """timeout_s: for a whole call of the model. The limits are in bytes. access: what is shown to model servers."""

    model_url: ModelUrl
    allowed: AllowList
    access: Access
    gateway: Gateway
    host: str = "127.0.0.1"
    port: int = 8080
    timeout_s: float = 10.0
    log_format: str = "text"
    max_body_bytes: int = MEBIBYTE
    max_answer_bytes: int = 8 * MEBIBYTE
    signature_ttl_s: float = 5.0


def from_command_line(arguments: Sequence[str], environment: Mapping[str, str]) -> Settings:
    """Ends the process with status 0 for --help, and 2 for what argparse itself refuses.

    Raises:
        InvalidValue: a value breaks its rule.
    """
    given = _parser(environment).parse_args(arguments)
    named = tuple(name.strip() for name in environment.get("WEBAPP_ALLOW_HOSTS", "").split(",") if name.strip())
    model_url = ModelUrl.parse(given.model_url)
    settings = Settings(
        model_url=model_url,
        access=Access(Path(given.token_file), Path(given.ca_file)),
        gateway=Gateway.parse(given.model_host_header, origin=model_url.origin),
        allowed=AllowList.parse(tuple(given.allow_host or named or LOOPBACK_HOSTS)),
        host=given.host,
        port=int(_number("port", given.port, low=0, high=65535, whole=True)),
        timeout_s=_number("timeout-s", given.timeout_s, low=0.1, high=3600),
        log_format=_one_of("log-format", given.log_format, LOG_FORMATS),
    )
    settings.allowed.check(settings.model_url)
    return settings


def _parser(environment: Mapping[str, str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m webapp",
        description="A web page from which a served model can be asked: its form is made from the model's signature.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )

    def add(name: str, default: str, text: str) -> None:
        variable = f"WEBAPP_{name.upper().replace('-', '_')}"
        shown = text.replace("%", "%%")
        parser.add_argument(f"--{name}", default=environment.get(variable) or default, metavar="VALUE", help=shown)

    add("host", "127.0.0.1", "address to listen on (127.0.0.1; 0.0.0.0 for all)")
    add("port", "8080", "port to listen on (8080; 0 for any that is free)")
    add("model-url", EXAMPLE, "predict URL of the model that the form starts with")
    add("timeout-s", "10", "seconds that one call of the model may take (10)")
    add("log-format", "text", "text or json")
    directory = environment.get(VARIABLE) or DIRECTORY
    add("token-file", f"{directory}/token", f"bearer token for model servers ({directory}/token)")
    add("ca-file", f"{directory}/ca.crt", f"authorities that vouch for https model servers ({directory}/ca.crt)")
    add(
        "model-host-header",
        "",
        "Host header for calls to the address in --model-url; {model} stands for a model's name",
    )
    parser.add_argument(
        "--allow-host",
        action="append",
        metavar="HOST",
        help="a model server that may be called: HOST, HOST:PORT or *.SUFFIX; may be repeated (loopback only)",
    )
    return parser


def _number(name: str, text: str, *, low: float, high: float, whole: bool = False) -> float:
    try:
        value = float(int(text)) if whole else float(text)
    except ValueError:
        value = float("nan")
    if not low <= value <= high:
        expected = f"a {'whole ' if whole else ''}number from {low:g} to {high:g}"
        raise InvalidValue(expected=expected, found=repr(text), where=f"--{name}")
    return value


def _one_of(name: str, text: str, choices: tuple[str, ...]) -> str:
    if text not in choices:
        raise InvalidValue(expected=f"one of {', '.join(choices)}", found=repr(text), where=f"--{name}")
    return text
