"""What `churn-assets live` has found since the current scores of the release."""

from datetime import datetime

import pandas as pd
import streamlit as st

from churn_assets.app.page import Page
from churn_assets.app.parts.tables import TableColumn, table
from churn_assets.contracts.alerts import SUPPRESSED
from churn_assets.counts import counted
from churn_assets.operations.log.writing import event
from churn_assets.reporting.words import short, spoken
from churn_assets.serving.release.live import LiveDay, read_live
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


def show_live(page: Page) -> None:
    """Draws the alerts of today; nothing where nobody follows the events, or the release is as new."""
    day = _read(page)
    if day is None:
        return
    told = [alert for alert in day.alerts if alert["state"] != SUPPRESSED]
    st.subheader("Today, as it happens")
    st.caption(
        f"{counted(len(told), 'alert')} until {datetime.fromisoformat(day.at):%H:%M:%S} UTC, from rows that came after "
        "the scores of this morning. They join the list below tomorrow."
    )
    if not told:
        return
    rows = pd.DataFrame(told)
    rows = rows.assign(
        customer=[page.address("customer", customer=key) for key in rows["customer_key"]],
        found_at=[f"{datetime.fromisoformat(at):%H:%M:%S}" for at in rows["created_at"]],
        rule=rows["rule"].map(spoken),
        reason=rows["reason_1"].map(short, na_action="ignore"),
    )
    table(page, rows, "alerts_of_today", COLUMNS)


def _read(page: Page) -> LiveDay | None:
    morning = page.store.morning
    try:
        return read_live(page.settings.releases_uri, None if morning is None else str(morning))
    except (OSError, ReleaseBroken) as error:
        event("app.live_failed", "What was found live cannot be read.", level=40, error=error)
        return None
