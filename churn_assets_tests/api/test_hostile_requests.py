"""Requests that are too large, too slow or none at all, and those that try to reach files or to forge headers."""

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from urllib.parse import urlsplit

import httpx
import pytest

from churn_assets.access.keys import Keys, keys_file, now
from churn_assets.service_settings import ApiSettings
from churn_assets.settings import Settings
from churn_assets_tests.api.asking import CUSTOMER, LIMITS, bearer, ignore, logged, raw_answer
from churn_assets_tests.api.releases import publish_identities, publish_release
from churn_assets_tests.api.running import running


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return Settings(home=str(tmp_path_factory.mktemp("api")), api=LIMITS)


@pytest.fixture(scope="module")
def client(settings: Settings, make: Callable[..., str]) -> Iterator[httpx.Client]:
    publish_release(settings)
    publish_identities(settings)
    make("scores")
    with running(settings) as found:
        yield found


def test_ten_megabytes(client: httpx.Client, make: Callable[..., str]) -> None:
    headers = bearer(make("scores")) | {"Content-Type": "application/json"}
    answer = client.post("/v1/score", content=b" " * 10_000_000, headers=headers)
    assert answer.status_code == 413


def test_a_body_without_a_length_is_counted(client: httpx.Client, make: Callable[..., str]) -> None:
    def pieces() -> Iterator[bytes]:
        for _ in range(100):
            yield b" " * 4096

    headers = bearer(make("scores")) | {"Content-Type": "application/json"}
    with suppress(httpx.WriteError, httpx.ReadError):  # the connection was closed while the client still sent
        assert client.post("/v1/score", content=pieces(), headers=headers).status_code == 413
    assert client.get(CUSTOMER, headers=headers).status_code == 200


def test_ten_thousand_rows(client: httpx.Client, make: Callable[..., str]) -> None:
    key = bearer(make("scores"))
    answer = client.post("/v1/score", json={"rows": [{}] * 10_000}, headers=key)
    assert (answer.status_code, answer.json()["detail"]) == (
        413,
        "10000 rows are too many; 100 are allowed at once.",
    )
    tensor = {"name": "tenure_days", "datatype": "FP64", "shape": [10_000], "data": [1] * 10_000}
    assert client.post("/v2/models/churn/infer", json={"inputs": [tensor]}, headers=key).status_code == 413


def test_more_ids_than_allowed(client: httpx.Client, make: Callable[..., str]) -> None:
    answer = client.post("/v1/customers/lookup", json={"ids": ["a"] * 1001}, headers=bearer(make("identity")))
    assert answer.status_code == 422


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b'{"rows": [{"tenure_days": NaN}]}',
        b'{"rows": ' + b"[" * 20_000,
        b"\xff\xfe",
        b'"x"',
    ],
)
def test_what_is_no_request(client: httpx.Client, make: Callable[..., str], body: bytes) -> None:
    headers = bearer(make("scores")) | {"Content-Type": "application/json"}
    answer = client.post("/v1/score", content=body, headers=headers)
    assert answer.status_code in (400, 422)
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_form_is_no_json(client: httpx.Client, make: Callable[..., str]) -> None:
    """A page of another site can send forms without asking the browser's leave, but no JSON."""
    answer = client.post(
        "/v1/score",
        content=b'{"rows": [{}]}',
        headers=bearer(make("scores")) | {"Content-Type": "text/plain"},
    )
    assert answer.status_code == 400


@pytest.mark.parametrize(
    "path",
    [
        "/v1/customers/../../etc/passwd",
        "/v1/customers/%2e%2e%2f%2e%2e%2fetc%2fpasswd",
        "/v1/customers/..%00",
        "/docs/assets/../../../api/keys.json",
        "/docs/assets/%2e%2e/%2e%2e/%2e%2e/etc/passwd",
        "//etc/passwd",
        "/v1/customers/" + "a" * 5000,
    ],
)
def test_paths_lead_to_no_file(client: httpx.Client, make: Callable[..., str], path: str) -> None:
    head = (
        f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {make('scores')}\r\n"
        "Connection: close\r\n\r\n"
    )
    answer = raw_answer(client, head.encode(), whole=True)
    assert answer.split(b" ")[1] in (b"400", b"404", b"422")
    assert b"root:" not in answer


@pytest.mark.parametrize("ends", [b"", b"\r\n\r\n"])
def test_large_headers_end_the_connection(client: httpx.Client, ends: bytes) -> None:
    head = b"GET /v2/health/live HTTP/1.1\r\nHost: localhost\r\nX-A: " + b"a" * 70_000
    answer = raw_answer(client, head + ends)
    assert answer.startswith(b"HTTP/1.1 400 ") or not answer, "the end may overtake the answer"
    small = b"GET /v2/health/live HTTP/1.1\r\nHost: localhost\r\nX-A: " + b"a" * 30_000 + b"\r\n\r\n"
    assert raw_answer(client, small * 3).startswith(b"HTTP/1.1 200 "), "each request has its own limit"


def test_who_hangs_up_while_sending_is_no_defect(client: httpx.Client, settings: Settings) -> None:
    place = urlsplit(str(client.base_url))
    key = Keys(keys_file(settings)).create("phone", ["scores", "monitoring"], None, now(), ignore)[1]
    head = (
        f"POST /v1/score HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {key}\r\nX-Request-Id: gone\r\n"
        "Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{"
    )
    with socket.create_connection((str(place.hostname), int(place.port or 0)), 60) as wire:
        wire.sendall(head.encode())
    [record] = logged(settings, "gone")
    assert record["attributes"]["churn.status"] == 499  # type: ignore[index]
    assert 'route="/v1/score",status="500"' not in client.get("/metrics", headers=bearer(key)).text


def test_headers_are_not_injected(client: httpx.Client, make: Callable[..., str]) -> None:
    head = (
        f"GET {CUSTOMER} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {make('scores')}\r\n"
        "X-Request-Id: a%0d%0aSet-Cookie: b=c\r\n\r\n"
    )
    answer = raw_answer(client, head.encode()).lower()
    assert b"set-cookie" not in answer
    plain = client.get(CUSTOMER, headers=bearer(make("scores")) | {"X-Request-Id": "order-17"})
    assert plain.headers["x-request-id"] == "order-17"


def test_a_slow_body(tmp_path_factory: pytest.TempPathFactory) -> None:
    settings = Settings(home=str(tmp_path_factory.mktemp("api")), api=ApiSettings(seconds=1))
    publish_release(settings)
    head = "POST /v1/score HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{"
    with running(settings) as client:
        began = time.monotonic()
        assert raw_answer(client, head.encode()).startswith(b"HTTP/1.1 408 ")
        assert time.monotonic() - began >= 1
