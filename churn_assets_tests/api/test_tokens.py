"""Tokens of an identity provider, whose keys come over HTTP."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from churn_assets.settings import ApiSettings, Settings
from churn_assets_tests.api.releases import SCORED, publish_release
from churn_assets_tests.api.running import running

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

    server = ThreadingHTTPServer(("127.0.0.1", 0), Provider)
    address = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield address
    server.shutdown()
    server.server_close()


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
        answer = client.get(CUSTOMER, headers=token())
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")


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
