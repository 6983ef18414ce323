"""Who gets through to the page: personal links, and this machine alone while there are none."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocket, WebSocketDisconnect

from churn_assets.access.keys import Keys, keys_file, now
from churn_assets.app.gate import COOKIE, Gate
from churn_assets.app.run import AppError, require_safe
from churn_assets.service_settings import AppSettings, Role
from churn_assets.settings import Settings

Client = Callable[..., TestClient]
STREAM = "ws://127.0.0.1:8501/_stcore/stream"


def a_key(settings: Settings, role: Role | None = "agent", expires: timedelta | None = None) -> str:
    scopes = () if role else ("scores",)
    return Keys(keys_file(settings)).create("anna", scopes, expires, now(), lambda _: None, role=role)[1]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=str(tmp_path))


@pytest.fixture
def client() -> Client:
    async def page(request: object) -> PlainTextResponse:
        return PlainTextResponse("the page")

    async def socket(connection: WebSocket) -> None:
        await connection.accept()
        await connection.send_text("the page")
        await connection.close()

    def made(settings: Settings, base: str = "http://127.0.0.1:8501") -> TestClient:
        routes = [Route("/{path:path}", page), WebSocketRoute("/_stcore/stream", socket)]
        app = Starlette(routes=routes[::-1], middleware=[Middleware(Gate, settings=settings)])
        return TestClient(app, base, follow_redirects=False)

    return made


def test_a_link_is_taken_out_of_the_address_and_opens_the_page(settings: Settings, client: Client) -> None:
    given = a_key(settings)
    browser = client(settings)
    assert browser.get("/").status_code == 401
    answer = browser.get(f"/at_risk?risk=high&access={given}&risk=low")
    assert answer.status_code == 303
    assert answer.headers["location"] == "/at_risk?risk=high&risk=low"
    kept = answer.headers["set-cookie"]
    assert f"{COOKIE}={given}" in kept
    assert "HttpOnly" in kept
    assert "SameSite=lax" in kept
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert browser.get("/at_risk").text == "the page"
    with browser.websocket_connect(STREAM) as socket:
        assert socket.receive_text() == "the page"


def test_a_link_never_leads_to_another_site(settings: Settings, client: Client) -> None:
    given = a_key(settings)
    for path in ("//evil.example/", "/\\evil.example/"):
        answer = client(settings).get(f"http://127.0.0.1:8501{path}?access={given}")
        assert answer.headers["location"].startswith("/evil.example")


@pytest.mark.parametrize(
    ("role", "expires", "told"),
    [
        (None, None, "This link is not valid"),
        ("agent", timedelta(seconds=-1), "This link is expired"),
    ],
)
def test_other_keys_open_nothing(
    settings: Settings, client: Client, role: Role | None, expires: timedelta | None, told: str
) -> None:
    a_key(settings, "viewer")  # so that the page is closed
    answer = client(settings).get(f"/?access={a_key(settings, role, expires)}")
    assert answer.status_code == 403
    assert told in answer.text
    assert "set-cookie" not in answer.headers


def test_a_revoked_link_is_refused_at_once(settings: Settings, client: Client) -> None:
    browser = client(settings)
    browser.get(f"/?access={a_key(settings)}")
    assert browser.get("/").status_code == 200
    Keys(keys_file(settings)).revoke("anna", now(), lambda _: None)
    answer = browser.get("/")
    assert answer.status_code == 401
    assert "Your link is revoked" in answer.text
    with pytest.raises(WebSocketDisconnect), browser.websocket_connect(STREAM):
        pass


def test_without_links_this_machine_alone_reads(settings: Settings, client: Client) -> None:
    here = client(settings)
    assert here.get("/").text == "the page"
    assert here.get("/", headers={"x-forwarded-for": "192.0.2.1"}).status_code == 401
    assert client(settings, "http://churn.example.com").get("/").status_code == 401
    assert client(settings, "http://churn.example.com").get("/_stcore/health").status_code == 200


def test_an_address_of_no_page_is_a_sentence(settings: Settings, client: Client) -> None:
    browser = client(settings)
    assert browser.get("/overview?risk=high").headers["location"] == "/?risk=high"
    wrong = browser.get("/at_rsik")
    assert wrong.status_code == 404
    assert "There is no such page. The pages are: /overview, /at_risk" in wrong.text
    assert browser.get("/at_risk/high").status_code == 404
    assert browser.get("/customers/7").status_code == 404
    for place in (
        "/",
        "/at_risk",
        "/data/",
        "/favicon.png",
        "/static/js/index.js",
        "/oauth2callback",
        "/auth/login",
    ):
        assert browser.get(place).status_code == 200


def test_nothing_is_loaded_from_another_website(settings: Settings, client: Client) -> None:
    told = client(settings).get("/").headers["content-security-policy"]
    assert "img-src 'self' data: blob:" in told


def test_what_an_identity_provider_sends_back_is_no_key_of_ours(settings: Settings, client: Client) -> None:
    """Some providers send a code with the shape of a token."""
    code = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmVk"
    assert client(settings).get(f"/oauth2callback?code={code}&state=x").text == "the page"
    assert client(settings).get(f"/at_risk?code={code}").status_code == 403


def test_another_website_opens_no_socket(settings: Settings, client: Client) -> None:
    browser = client(settings)
    headers = {"origin": "https://evil.example"}
    with pytest.raises(WebSocketDisconnect), browser.websocket_connect(STREAM, headers=headers):
        pass
    headers = {"origin": "http://127.0.0.1:8501", "host": "127.0.0.1:8501"}
    with browser.websocket_connect(STREAM, headers=headers) as socket:
        assert socket.receive_text() == "the page"


def test_keys_that_cannot_be_read_close_the_page(settings: Settings, client: Client) -> None:
    keys_file(settings).parent.mkdir(parents=True)
    keys_file(settings).write_text("[{]")
    assert client(settings).get("/").status_code == 503


def test_other_machines_read_by_links_or_a_login_only(tmp_path: Path) -> None:
    home = str(tmp_path)
    everywhere = Settings(home=home, app=AppSettings(host="0.0.0.0"))
    with pytest.raises(AppError, match=r"binds to loopback only, not to 0\.0\.0\.0"):
        require_safe(everywhere)
    assert "everybody on this machine reads as viewer" in require_safe(Settings(home=home))
    login = AppSettings(
        host="0.0.0.0",
        issuer="https://login.example.com",
        client_id="churn",
        client_secret="secret",
        address="https://churn.example.com",
        groups={"retention": "agent"},
    )
    assert "log in at https://login.example.com; retention may read" in require_safe(
        Settings(home=home, app=login)
    )
    a_key(everywhere)
    assert "Links travel unencrypted" in require_safe(everywhere)
