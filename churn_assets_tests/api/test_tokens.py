"""Tokens of an identity provider, whose keys come over HTTP."""

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from churn_assets.access.keys import Keys, keys_file, now
from churn_assets.api import tokens as tokens_module
from churn_assets.api.problems import ApiProblem
from churn_assets.api.tokens import Issuer
from churn_assets.service_settings import ApiSettings
from churn_assets.settings import Settings
from churn_assets_tests.api.releases import SCORED, publish_release
from churn_assets_tests.api.running import running, wait_until
from churn_assets_tests.http_server import serving

CUSTOMER = f"/v1/customers/{SCORED[0]}"
AUDIENCE = "churn"


@pytest.fixture(scope="module")
def private_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


@pytest.fixture(scope="module")
def issuer(private_key: rsa.RSAPrivateKey) -> Iterator[str]:
    """The address of a provider that publishes one key."""
    published = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(private_key.public_key())) | {
        "kid": "one",
        "use": "sig",
    }

    class Provider(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            documents = {
                "/.well-known/openid-configuration": {"jwks_uri": f"{address}/keys"},
                "/keys": {"keys": [published]},
            }
            content = json.dumps(documents[self.path]).encode()
            self.send_response(200)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    with serving(Provider) as server:
        address = f"http://127.0.0.1:{server.server_port}"
        yield address


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory, issuer: str) -> Iterator[httpx.Client]:
    settings = Settings(
        home=str(tmp_path_factory.mktemp("api")), api=ApiSettings(issuer=issuer, audience=AUDIENCE)
    )
    publish_release(settings)
    with running(settings) as found:
        yield found


@pytest.fixture
def token(private_key: rsa.RSAPrivateKey, issuer: str) -> Callable[..., dict[str, str]]:
    def made(key: Any = private_key, algorithm: str = "RS256", **changes: Any) -> dict[str, str]:
        claims = {
            "iss": issuer,
            "aud": AUDIENCE,
            "sub": "crm",
            "exp": time.time() + 600,
            "scope": "scores",
        } | changes
        held = {name: value for name, value in claims.items() if value is not None}
        signed = jwt.encode(held, key, algorithm, headers={"kid": "one"})
        return {"Authorization": f"Bearer {signed}"}

    return made


def test_a_valid_token(client: httpx.Client, token: Callable[..., dict[str, str]], issuer: str) -> None:
    assert client.get(CUSTOMER, headers=token()).status_code == 200
    assert client.get(CUSTOMER, headers=token(iss=f"{issuer}/", aud=["other", AUDIENCE])).status_code == 200
    assert client.get(CUSTOMER, headers=token(scope=None, scp=["scores"])).status_code == 200


def test_a_token_has_its_scopes_only(client: httpx.Client, token: Callable[..., dict[str, str]]) -> None:
    assert client.get("/v1/monitoring", headers=token()).status_code == 403
    assert client.get("/v1/monitoring", headers=token(scope="openid monitoring")).status_code == 200
    assert client.get(CUSTOMER, headers=token(scope="")).status_code == 403
    assert client.get(CUSTOMER, headers=token(scope=7)).status_code == 403
    assert client.get(CUSTOMER, headers=token(scope=[None], scp="scores")).status_code == 403


@pytest.mark.parametrize(
    "changes",
    [
        {"exp": 1000},
        {"exp": None},
        {"aud": "another"},
        {"aud": None},
        {"iss": "http://127.0.0.1:9"},
        {"sub": None},
        {"nbf": time.time() + 6000},
    ],
    ids=lambda changes: ",".join(changes),
)
def test_a_token_that_is_not_for_us(
    client: httpx.Client, token: Callable[..., dict[str, str]], changes: dict[str, Any]
) -> None:
    assert client.get(CUSTOMER, headers=token(**changes)).status_code == 401


def test_a_token_that_another_key_has_signed(
    client: httpx.Client, token: Callable[..., dict[str, str]]
) -> None:
    assert client.get(CUSTOMER, headers=token(rsa.generate_private_key(65537, 2048))).status_code == 401


def test_a_token_without_a_signature_or_with_a_shared_secret(
    client: httpx.Client, token: Callable[..., dict[str, str]]
) -> None:
    assert client.get(CUSTOMER, headers=token(None, "none")).status_code == 401
    assert client.get(CUSTOMER, headers=token("x" * 64, "HS256")).status_code == 401


def test_no_token_is_no_caller_although_there_are_no_keys(client: httpx.Client) -> None:
    assert client.get(CUSTOMER).status_code == 401


def test_a_provider_that_is_down(
    tmp_path_factory: pytest.TempPathFactory, token: Callable[..., dict[str, str]]
) -> None:
    settings = Settings(
        home=str(tmp_path_factory.mktemp("api")),
        api=ApiSettings(issuer="http://127.0.0.1:9", audience=AUDIENCE),
    )
    publish_release(settings)
    with running(settings) as client:
        assert client.get(CUSTOMER, headers={"Authorization": "Bearer a.b.c"}).status_code == 401
        answer = client.get(CUSTOMER, headers=token())
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")


@pytest.fixture
def strange(request: pytest.FixtureRequest) -> Iterator[tuple[str, list[socket.socket], threading.Event]]:
    """A provider that answers each connection with these bytes, after the event if they are None.

    With the connections that it got.
    """
    asked: list[socket.socket] = []
    released = threading.Event()

    def close_later(wire: socket.socket) -> None:
        released.wait(120)
        wire.close()

    with socket.create_server(("127.0.0.1", 0)) as listening:

        def answer() -> None:
            while True:
                try:
                    wire, _ = listening.accept()
                except OSError:
                    return
                asked.append(wire)
                if request.param is None:
                    threading.Thread(target=close_later, args=(wire,), daemon=True).start()
                    continue
                with wire:
                    wire.recv(65536)
                    wire.sendall(request.param)

        threading.Thread(target=answer, daemon=True).start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}", asked, released
        released.set()
        listening.shutdown(socket.SHUT_RDWR)


@pytest.mark.parametrize(
    "strange",
    [b"", b"HTTP/1.1 200 OK\r\n\r\n[]", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{", b"\x16\x03"],
    indirect=True,
)
def test_a_provider_that_answers_nonsense_is_asked_once_for_a_while(
    strange: tuple[str, list[socket.socket], threading.Event], token: Callable[..., dict[str, str]]
) -> None:
    address, asked, _ = strange
    issuer = Issuer(ApiSettings(issuer=address, audience=AUDIENCE))
    given = token()["Authorization"].removeprefix("Bearer ")
    for _ in range(3):
        with pytest.raises(ApiProblem) as found:
            issuer.subject_and_scopes(given)
        assert found.value.status == 503
    assert len(asked) == 1


@pytest.mark.parametrize("strange", [None], indirect=True)
def test_tokens_do_not_hold_up_keys_while_the_provider_is_silent(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    strange: tuple[str, list[socket.socket], threading.Event],
    token: Callable[..., dict[str, str]],
) -> None:
    address, asked, released = strange
    monkeypatch.setattr(tokens_module, "PATIENCE", 120)
    settings = Settings(home=str(tmp_path), api=ApiSettings(issuer=address, audience=AUDIENCE, seconds=60))
    publish_release(settings)
    key = Keys(keys_file(settings)).create("crm", ["scores"], None, now(), lambda _: None)[1]
    with running(settings) as client, ThreadPoolExecutor(50) as pool:
        asking = [pool.submit(client.get, CUSTOMER, headers=token()) for _ in range(50)]
        wait_until(lambda: asked)
        headers = {"Authorization": f"Bearer {key}"}
        answer = client.post("/v1/score", json={"rows": [{}] * 21}, headers=headers)  # scored in a thread
        assert answer.status_code == 200
        assert not any(one.done() for one in asking)
        released.set()
        assert {one.result().status_code for one in asking} == {503}
    assert len(asked) <= 4


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"issuer": "https://id.example"}, "go together"),
        ({"issuer": "http://id.example", "audience": "a"}, "must begin with https://"),
        ({"tls_key": "key.pem"}, "go together"),
    ],
)
def test_settings_that_do_not_fit(given: dict[str, str], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        ApiSettings(**given)  # type: ignore[arg-type]
