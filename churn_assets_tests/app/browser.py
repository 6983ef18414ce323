"""The Chromium of this machine, driven by the extra `browser`; its tests are skipped without either, and in CI."""

import os
import shutil
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

playwright = pytest.importorskip("playwright.sync_api", reason="the extra `browser` is not installed")
if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
needs_browser = pytest.mark.skipif(
    CHROMIUM is None or bool(os.environ.get("CI")), reason="this machine has no Chromium, or is one of CI"
)
WIDTHS = (1366, 390)
SECONDS = 60_000.0  # milliseconds, as Playwright counts


@pytest.fixture(scope="module")
def browser() -> "Iterator[Browser]":
    with playwright.sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--no-proxy-server"])
        yield started
        started.close()


@pytest.fixture
def tab(browser: "Browser") -> "Iterator[Page]":
    context = browser.new_context(
        viewport={"width": WIDTHS[0], "height": 900}, locale="en-GB", accept_downloads=True
    )
    page = context.new_page()
    page.set_default_timeout(SECONDS)
    yield page
    context.close()


def settled(tab: "Page") -> None:
    """Waits until the page has drawn everything."""
    tab.wait_for_selector("h1")
    tab.wait_for_function(
        "() => !document.querySelector('[data-testid=stStatusWidget], [data-testid=stSkeleton], [data-stale=true]')"
    )
