"""The alerts that `churn-assets live` has told since this morning, as a part of the page of alerts."""

import streamlit as st

from churn_assets.app.page import Page
from churn_assets.app.parts.tables import TableColumn, table
from churn_assets.app.queries.alerts_of_today import alerts_of_today
from churn_assets.counts import counted
from churn_assets.operations.log.writing import event
from churn_assets.reporting.words import spoken
from churn_assets.serving.release.manifest import ReleaseBroken

COLUMNS = {
    "customer": TableColumn("Story", "Opens the page of this customer, as of the release.", "link"),
    "found_at": TableColumn("Found (UTC)", "When the rule found the change."),
    "customer_key": TableColumn("Customer", "The key of the customer; it is random and tells nothing."),
    "rule": TableColumn("Rule", "The rule of the business that found the change."),
    "probability": TableColumn("Probability", "The chance to leave as of now.", "percent", 1),
    "reason": TableColumn("Main reason", "What raises the probability most, in short.", width="large"),
    "action": TableColumn("What to do", "The action that the segment recommends.", width="large"),
}


def show_alerts_of_today(page: Page) -> None:
    """Draws them; nothing where nobody follows the events, or the release is as new."""
    try:
        found = alerts_of_today(page.settings.releases_uri, page.store.morning)
    except (OSError, ReleaseBroken) as error:
        event("app.live_failed", "What was found live cannot be read.", level=40, error=error)
        return
    if found is None:
        return
    st.subheader("Today, as it happens")
    st.caption(
        f"{counted(len(found.rows), 'alert')} until {found.at:%H:%M:%S} UTC, from rows that came after the scores of "
        "this morning. They join the list below with the next release."
    )
    if found.rows.empty:
        return
    rows = found.rows.assign(
        customer=[page.address("customer", customer=key) for key in found.rows["customer_key"]],
        rule=found.rows["rule"].map(spoken),
    )
    table(page, rows, "alerts_of_today", COLUMNS)
