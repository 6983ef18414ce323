"""Which customer the page shows: by the key of the address."""

import streamlit as st

from churn_assets.app.page import Page
from churn_assets.app.parts.filters import chosen


def choose_customer(page: Page) -> str | None:
    """The customer key of the address or of the field; None if there is none."""
    typed = chosen(
        st.text_input,
        "Customer key",
        name="customer",
        help="The key that stands in all lists. It names a customer without telling who it is.",
    )
    return str(typed).strip() or None
