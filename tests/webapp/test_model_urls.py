"""What counts as a predict URL, and which hosts may be called."""

import pytest

from model.errors import InvalidValue
from webapp.failures import BadField, HostNotAllowed
from webapp.model_urls import AllowList, ModelUrl

PATH = "/v1/models/rpm:predict"


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("http://127.0.0.1:8000/v1/models/rpm:predict", "http://127.0.0.1:8000/v1/models/rpm:predict"),
        ("HTTP://Model.Example.COM./v1/models/rpm:predict", "http://model.example.com/v1/models/rpm:predict"),
        (
            "https://host:443/v1/models/a.b-c_1/versions/36:predict",
            "https://host/v1/models/a.b-c_1/versions/36:predict",
        ),
        ("http://[0:0:0::1]:8000/v1/models/rpm:predict", "http://[::1]:8000/v1/models/rpm:predict"),
        ("http://rpm-predictor.my_ns.svc.cluster.local/v1/models/rpm:predict", None),
        ("http://1and1/v1/models/rpm:predict", None),
    ],
)
def test_a_predict_url_is_put_together_in_its_canonical_spelling(text: str, canonical: str | None) -> None:
    assert ModelUrl.parse(text).predict == (canonical or text)


def test_metadata_stands_beside_predict() -> None:
    assert ModelUrl.parse(f"http://h:1{PATH}").metadata == "http://h:1/v1/models/rpm/metadata"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "127.0.0.1:8000/v1/models/rpm:predict",
        f"ftp://127.0.0.1{PATH}",
        f"file://{PATH}",
        f"http:///127.0.0.1{PATH}",
        f"http://user@127.0.0.1{PATH}",
        f"http://127.0.0.1:80@evil.example{PATH}",
        f"http://evil.example\\@127.0.0.1{PATH}",
        f"http://evil.example#@127.0.0.1{PATH}",
        f"http://evil.example?@127.0.0.1{PATH}",
        f"http://127.0.0.1%2eevil.example{PATH}",
        f"http://127.0.0.1\n{PATH}",
        f"http://127.0.0.1\t.evil.example{PATH}",
        f" http://127.0.0.1{PATH}",
        f"http://127.0.0.1{PATH}\r\nHost: evil",
        f"http://2130706433{PATH}",
        f"http://0x7f000001{PATH}",
        f"http://0x7f.1{PATH}",
        f"http://0177.0.0.1{PATH}",
        f"http://127.1{PATH}",
        f"http://127.0.0.1.1{PATH}",
        f"http://127.0.0.256{PATH}",
        f"http://１２７.0.0.1{PATH}",
        f"http://ⓛocalhost{PATH}",
        f"http://[::1%25eth0]{PATH}",
        f"http://[127.0.0.1]{PATH}",
        f"http://[::1{PATH}",
        f"http://::1{PATH}",
        f"http://host..example{PATH}",
        f"http://.host{PATH}",
        f"http://-host{PATH}",
        f"http://host:0{PATH}",
        f"http://host:65536{PATH}",
        f"http://host:{PATH}",
        f"http://{'a' * 64}{PATH}",
        "http://host/v1/models/rpm",
        "http://host/v1/models/../admin:predict",
        "http://host/v1/models/a/b:predict",
        "http://host/v1/models/rpm/versions/x:predict",
        "http://host/v1/models/rpm:predict/",
        "http://host/v1/models/rpm:predict?x=1",
        "http://host/v1/models/rpm:predict#x",
        "http://host/v1/models/rpm%2f..:predict",
        "http://host/v1/models/:predict",
        "http://host/admin",
    ],
)
def test_what_is_no_plain_predict_url_is_refused(text: str) -> None:
    with pytest.raises(BadField, match="mlinference_host"):
        ModelUrl.parse(text)


@pytest.mark.parametrize(
    ("pattern", "host"),
    [
        ("127.0.0.1", "127.0.0.1:8000"),
        ("127.0.0.1:8000", "127.0.0.1:8000"),
        ("LocalHost.", "LOCALHOST:1"),
        ("*.svc.cluster.local", "rpm-candidate.models.SVC.cluster.local."),
        ("*.svc.cluster.local:80", "rpm.svc.cluster.local"),
        ("::1", "[::1]:8000"),
        ("[::1]:8000", "[0::1]:8000"),
        ("host:443", "host:443"),
    ],
)
def test_a_host_on_the_allow_list_is_allowed(pattern: str, host: str) -> None:
    url = ModelUrl.parse(f"http://{host}{PATH}")

    assert AllowList.parse((pattern,)).check(url) is url


@pytest.mark.parametrize(
    ("pattern", "host"),
    [
        ("127.0.0.1", "127.0.0.2"),
        ("127.0.0.1:8000", "127.0.0.1:8001"),
        ("127.0.0.1:8000", "127.0.0.1"),
        ("localhost", "127.0.0.1"),
        ("localhost", "localhost.evil.example"),
        ("127.0.0.1", "127.0.0.1.evil.example"),
        ("*.svc.cluster.local", "svc.cluster.local"),
        ("*.svc.cluster.local", "evilsvc.cluster.local"),
        ("*.svc.cluster.local", "x.svc.cluster.local.evil.example"),
        ("127.0.0.1", "[::ffff:127.0.0.1]"),
        ("127.0.0.1", "[::1]"),
    ],
)
def test_a_host_off_the_allow_list_is_refused(pattern: str, host: str) -> None:
    with pytest.raises(HostNotAllowed) as refused:
        AllowList.parse((pattern,)).check(ModelUrl.parse(f"http://{host}{PATH}"))

    assert pattern in refused.value.expected


@pytest.mark.parametrize(
    "text", ["", "*", "*.", "*.1.2.3.4", "http://host", "host/", "a b", "host:0", "host:x", "*.*.x", "127.1"]
)
def test_what_is_no_host_pattern_is_refused(text: str) -> None:
    with pytest.raises(InvalidValue, match="--allow-host"):
        AllowList.parse((text,))
