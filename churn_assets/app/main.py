"""The script that Streamlit runs for each reader and each click: who reads what, and which page."""

import sqlite3
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any

import streamlit as st

from churn_assets import trace
from churn_assets.access.visits import count
from churn_assets.app.formats import Formats
from churn_assets.app.page import Page
from churn_assets.app.people import IdentityBook
from churn_assets.app.places import HOME, PAGES
from churn_assets.app.queries.data import is_whole
from churn_assets.app.reader import Reader
from churn_assets.app.sign_in import reader_of
from churn_assets.app.store import ReleaseHolder
from churn_assets.operations.log.writing import event
from churn_assets.serving.release.manifest import ReleaseBroken
from churn_assets.serving.release.reading import read_status
from churn_assets.settings import Settings

if TYPE_CHECKING:
    from streamlit.navigation.page import Page as StreamlitPage

OPENED = "opened_page"  # in the state of a session: the page that was counted last


@st.cache_resource(show_spinner=False)
def holder(_settings: Settings, home: str) -> ReleaseHolder:
    """The holder of the release in force, one per home for all readers."""
    return ReleaseHolder(_settings)


@st.cache_resource(show_spinner=False)
def people(_settings: Settings, home: str) -> IdentityBook:
    """The identity file, one per home for all readers."""
    return IdentityBook(_settings)


def main() -> None:
    """One run of the page."""
    st.set_page_config(page_title="Churn", layout="wide")
    settings = Settings()
    places: dict[str, StreamlitPage] = {}
    for name, title in PAGES.items():
        show = partial(_show, settings, name, places)
        places[name] = st.Page(show, title=title, url_path=name, default=name == HOME)
    st.navigation(list(places.values()), position="top").run()


def _show(settings: Settings, name: str, places: Mapping[str, "StreamlitPage"]) -> None:
    with trace.within(trace.fresh()):
        try:
            _draw(settings, name, places)
        except Exception as error:  # noqa: BLE001 (a reader gets a sentence; the log gets the error)
            event("app.page_failed", f"The page {name} failed.", level=40, error=error)
            st.error(
                f"This page cannot be shown. The log has the reason under {trace.current()}; tell it to whoever looks "
                "after this software.",
                icon=":material/error:",
            )


def _draw(settings: Settings, name: str, places: Mapping[str, "StreamlitPage"]) -> None:
    reader = reader_of(settings)
    home = f"{settings.home_path} {settings.releases_uri}"
    held = holder(settings, home)
    store = held.store()
    if store is None:
        told = held.trouble or "There is no release yet. It appears here after the first month is scored."
        st.info(told, icon=":material/hourglass_empty:")
        return
    if held.trouble:
        st.warning(f"The newest release is not shown, but the one before it. {held.trouble}")
    currency = store.business.get("currency")
    page = Page(
        settings=settings,
        store=store,
        status=_status(settings),
        reader=reader,
        formats=Formats(str(st.context.locale or "en-GB"), currency),
        people=people(settings, home),
        places=places,
    )
    _count(settings, reader, name)
    show: Callable[[Page], None] = import_module(f"churn_assets.app.views.{name}").show
    show(page)


def _count(settings: Settings, reader: Reader, name: str) -> None:
    """Counts that the reader opened this page; a click on it is no opening."""
    if st.session_state.get(OPENED) == name:
        return
    st.session_state[OPENED] = name
    try:
        count(settings, reader.name, name, datetime.now(UTC).date())
    except (OSError, sqlite3.Error) as error:
        event("app.count_failed", "An opening of a page could not be counted.", level=30, error=error)


def _status(settings: Settings) -> dict[str, Any] | None:
    """What serving/status said last; None when it said nothing yet or cannot be read."""
    try:
        told = read_status(settings.releases_uri)
        if told is not None and not is_whole(told):
            raise ReleaseBroken("STATUS.json is no status. The next run of the pipeline replaces it.")
        return told
    except (OSError, ValueError, ReleaseBroken) as error:
        event("app.status_failed", "The status cannot be read.", level=40, error=error)
        return None


if __name__ == "__main__":
    main()
