"""Draws docs/app-*.png from a home with scores of the morning: `python docs/app_pictures.py CUSTOMER_KEY`.

It needs the extra `browser` and a Chromium. `churn-assets demo --days 8` makes such a home. The clock of the page
stands at the morning after the newest day with scores, so that the pictures show the page as its readers saw it then.
"""

import os
import re
import shutil
import subprocess
import sys
from datetime import UTC, date, datetime, time, timedelta
from io import BytesIO
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

from churn_assets.serving.release.reading import current_release, local_copy, open_release
from churn_assets.settings import Settings

DOCS = Path(__file__).parent
WIDTH, COLOURS, MILLISECONDS = 1366, 64, 120_000.0
STILL = 5_000  # milliseconds without a change, after which a page is taken for drawn
AT_A_TIME = """
import sys
from datetime import datetime
from churn_assets.access import keys
keys.now = lambda: datetime.fromisoformat(sys.argv[1])
from churn_assets.cli.main import cli
cli(["app", "--port", "0"])
"""
DRAWN = """() => !document.querySelector('[data-testid=stSkeleton], [data-testid=stStatusWidget], [data-stale=true]')
    && [...document.querySelectorAll('[data-testid=stVegaLiteChart]')].every(e => e.querySelector('canvas, svg'))"""


def morning_after(settings: Settings) -> datetime:
    """Six in the morning after the newest day with scores, UTC."""
    pointer = current_release(settings.releases_uri)
    if pointer is None:
        raise SystemExit(f"{settings.releases_uri} holds no release: run churn-assets demo --days 8")
    about = open_release(local_copy(settings.releases_uri, pointer, settings.home_path)).manifest.about
    newest = about.current.as_of_date if about.current else about.as_of_date
    return datetime.combine(date.fromisoformat(newest) + timedelta(days=1), time(6), UTC)


def picture(tab: Page, address: str, name: str, height: int) -> None:
    """Writes one picture of the page, with few colours."""
    tab.set_viewport_size({"width": WIDTH, "height": height})
    tab.goto(address)
    tab.wait_for_selector("h1")
    tab.wait_for_load_state("networkidle")
    before, shown = b"", tab.screenshot()
    while before != shown:  # charts and tables grow into their places, slowly on a busy machine
        tab.wait_for_function(DRAWN)
        tab.wait_for_timeout(STILL)
        tab.wait_for_load_state("networkidle")
        before, shown = shown, tab.screenshot()
    drawn = Image.open(BytesIO(shown)).convert("RGB")
    drawn.quantize(COLOURS, dither=Image.Dither.NONE).save(DOCS / f"app-{name}.png", optimize=True)


def main(customer_key: str) -> None:
    """Starts the page and draws it."""
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if chromium is None:
        raise SystemExit("There is no Chromium on this machine: install one.")
    command = [sys.executable, "-c", AT_A_TIME, morning_after(Settings()).isoformat()]
    environment = os.environ | {"CHURN_APP_ROLE": "agent"}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as page:
        try:
            assert page.stdout is not None  # noqa: S101 (it is a pipe)
            address = next(found[1] for line in page.stdout if (found := re.match(r"The page: (\S+)", line)))
            with sync_playwright() as driver:
                arguments = ["--no-sandbox", "--no-proxy-server"]
                browser = driver.chromium.launch(executable_path=chromium, args=arguments)
                tab = browser.new_context(locale="en-GB").new_page()
                tab.set_default_timeout(MILLISECONDS)
                picture(tab, address, "overview", 1780)
                picture(tab, f"{address}/at_risk", "at-risk", 1080)
                picture(tab, f"{address}/campaign", "campaign", 1500)
                picture(tab, f"{address}/customer?customer={customer_key}", "customer", 2000)
        finally:
            page.terminate()


main(sys.argv[1])
