"""The login with an OpenID Connect provider, in a real browser."""

import socket
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from churn_assets.settings import Settings
from churn_assets_tests.app.browser import browser, needs_browser, settled, tab
from churn_assets_tests.app.openid_provider import CLIENT, SECRET, Provider, provider
from churn_assets_tests.app.running import running_page
from churn_assets_tests.app.told import publish_told

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = needs_browser
__all__ = ["browser", "tab"]  # fixtures


@pytest.fixture(scope="module")
def login(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Provider]]:
    """The address of a page with a login, and its provider."""
    home = tmp_path_factory.mktemp("login")
    publish_told(home / "serving")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    address = f"http://localhost:{port}"
    with provider() as found:
        variables = {
            "CHURN_APP_ISSUER": found.issuer,
            "CHURN_APP_CLIENT_ID": CLIENT,
            "CHURN_APP_CLIENT_SECRET": SECRET,
            "CHURN_APP_ADDRESS": address,
            "CHURN_APP_GROUPS": '{"retention": "agent", "heads": "manager"}',
            "NO_PROXY": "127.0.0.1,localhost",
            "no_proxy": "127.0.0.1,localhost",
        }
        with running_page(Settings(home=str(home)), port=port, **variables):
            yield address, found


@pytest.mark.parametrize(
    ("claims", "told"),
    [
        ({"sub": "1", "email": "anna@example.com", "groups": ["retention"]}, "anna@example.com (agent)"),
        (
            {"sub": "2", "email": "bo@example.com", "groups": ["retention", "heads"]},
            "bo@example.com (manager)",
        ),
        (
            {"sub": "3", "email": "eve@example.com", "email_verified": False, "groups": ["heads"]},
            "3 (manager)",
        ),
        (
            {"sub": "4", "email": "cook@example.com", "groups": ["cooks"]},
            "no group of yours may read this page",
        ),
    ],
)
def test_the_page_opens_for_the_groups_that_may_read_it(
    tab: "Page", login: tuple[str, Provider], claims: dict[str, object], told: str
) -> None:
    address, found = login
    found.claims = claims
    tab.goto(address)
    button = tab.get_by_role("button", name="Log in")
    button.wait_for()
    assert "Customers at high risk" not in tab.inner_text("body")
    button.click()
    tab.get_by_text(told).first.wait_for()
    may_read = "groups" in claims and "cooks" not in str(claims["groups"])
    if may_read:
        settled(tab)
    assert ("As of" in tab.inner_text("body")) == may_read
    assert tab.url.startswith(address), "the provider leads back"
