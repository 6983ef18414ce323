"""Opens a page of a home as Streamlit does, in this process and without a browser."""

import os
from functools import cache
from pathlib import Path

import streamlit as st
from streamlit.components.v2 import manifest_scanner
from streamlit.runtime.state.common import user_key_from_element_id
from streamlit.testing.v1 import AppTest
from streamlit.util import calc_hash

import churn_assets.app.main
from churn_assets.settings import Settings

SCRIPT = Path(churn_assets.app.main.__file__)
SECONDS = 60.0  # a machine under load
# For each opened page Streamlit reads the metadata of all installed packages, four fifths of the time; now once.
manifest_scanner.scan_component_manifests = cache(manifest_scanner.scan_component_manifests)


def open_page(settings: Settings, name: str, **filters: str | list[str]) -> AppTest:
    """The page after its first run, with filters in its address. A failure of the page is a sentence in `.error`."""
    os.environ["CHURN_HOME"] = str(settings.home_path)
    st.cache_resource.clear()
    page = AppTest.from_file(str(SCRIPT), default_timeout=SECONDS)
    if name != churn_assets.app.main.HOME:
        page._page_hash = calc_hash(name)  # switch_page of the harness knows files only
    for parameter, value in filters.items():
        page.query_params[parameter] = value
    return page.run()


def choose_rows(page: AppTest, table: int, *rows: int) -> AppTest:
    """The page after a click on these rows of its table of that number."""
    key = user_key_from_element_id(page.dataframe[table].proto.id)
    assert key is not None
    page.session_state[key] = {"selection": {"rows": list(rows), "columns": [], "cells": []}}
    return page.run()
