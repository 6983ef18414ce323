"""Acknowledgements that were given on the page and that the release does not hold yet."""

import streamlit as st

from churn_assets.app.page import Page
from churn_assets.operations.acknowledgements.files import (
    Acknowledgement,
    AcknowledgementError,
    acknowledgements,
)
from churn_assets.operations.log.writing import event


def fresh_acknowledgements(page: Page) -> dict[str, Acknowledgement]:
    """alert_id -> acknowledgement; none, and a sentence, while they cannot be read."""
    try:
        return acknowledgements(page.settings)
    except AcknowledgementError as error:
        event("app.acknowledgements_failed", "Acknowledgements cannot be read.", level=40, error=error)
        st.warning(f"Alerts that were acknowledged here lately are shown as waiting. {error}")
        return {}
