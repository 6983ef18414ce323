"""The first part of Overview: this morning, who rose most, and what waits."""

import streamlit as st

from churn_assets.app.page import Page
from churn_assets.app.parts.figures import figure, signed
from churn_assets.app.parts.tables import TableColumn, table
from churn_assets.app.parts.words import plain
from churn_assets.app.queries.alerts import counts_of
from churn_assets.app.queries.model import outcome_days
from churn_assets.app.queries.morning import Morning, risers, this_morning, why_not
from churn_assets.app.views.acknowledged import fresh_acknowledgements

SHOWN_RISERS = 8
CALL_FIRST = "Whom do I call first this morning? Open the list: it begins with them."


def show_morning(page: Page) -> None:
    """The figures of the current scores; without any, a sentence that says why."""
    found = this_morning(page.store)
    if found is None:
        st.caption(plain(why_not(page.store)))
        return
    st.subheader("This morning", anchor=False)
    _figures(page, found)
    number = page.formats.number
    for told, customers in found.behind.items():
        st.warning(
            plain(f"Of {number(customers)} customers not everything is known: {told}."),
            icon=":material/schedule:",
        )
    with st.container(border=True):
        page.link("at_risk", CALL_FIRST)
    _risers(page, found)


def _figures(page: Page, found: Morning) -> None:
    formats, day = page.formats, page.formats.date(found.day)
    expected, rose, entered, waiting = st.columns(4)
    first, last = outcome_days(page.store, found.day)
    low, high = found.interval
    moved = None
    if found.compared and found.moved is not None:
        size = formats.number(abs(round(found.moved, 1)), 1)
        moved = f"{signed(round(found.moved, 1), size)} since {formats.date(found.month_end_before)}"
    figure(
        expected,
        "Expected to leave now (customers)",
        formats.number(found.expected, 0),
        f"How many of the {formats.number(found.scored)} customers scored as of {day} leave from "
        f"{formats.date(first)} to {formats.date(last)} if the probabilities are right: their sum. The change is that "
        f"of the {formats.number(found.compared)} customers whom the same model scores on that day, too.",
        delta=moved,
        more_is_worse=True,
        interval=(formats.number(low, 0), formats.number(high, 0)),
    )
    points = f"{100 * found.rise:.0f} points"
    figure(
        rose,
        f"Rose by {points} or more in 7 days",
        formats.number(found.rose) if found.compared_week else None,
        f"Customers whose probability is {points} or more above that of 7 days before, by the same model. "
        f"{formats.number(found.fell)} fell as far. Of {formats.number(found.compared_week)} customers both are known.",
    )
    figure(
        entered,
        "New at high risk since the month end",
        None if found.entered is None else formats.number(found.entered),
        "This morning is the day of the month end itself, so there is nothing to compare with."
        if found.entered is None
        else "Customers at high risk this morning who were not at the month end. High risk is a rank: as many left "
        "it, or are no longer scored.",
    )
    counts = counts_of(page.store, fresh_acknowledgements(page))
    figure(
        waiting,
        "Alerts that wait",
        None if counts is None else formats.number(counts.waiting),
        "Alerts that nobody has acknowledged yet."
        if counts is not None
        else f"Not known: {page.store.why_absent('risk_alerts')}.",
        delta=None if counts is None else f"{formats.number(counts.of_today)} as of {day}",
    )
    page.link("alerts", "Open the alerts")


def _risers(page: Page, found: Morning) -> None:
    rows = risers(page.store, SHOWN_RISERS)
    if rows.empty:
        st.caption(
            "Nobody's probability rose in the last 7 days."
            if found.compared_week
            else "Nobody has a score of 7 days before by the same model, so it is not known who rose."
        )
        return
    st.markdown("**Who rose most in 7 days?** Choose a row to open the customer.")
    rows = rows.assign(points=100 * rows["rise"])
    columns = {
        "customer_key": TableColumn("Customer", "The key of the customer; it is random and tells nothing."),
        "before": TableColumn("7 days before", "The probability then, by the same model.", "percent", 1),
        "probability": TableColumn("This morning", "The probability now.", "percent", 1),
        "points": TableColumn("Change (points)", "Percentage points between both.", "change", 1),
        "moved_reason": TableColumn(
            "What moved it", "The reason whose part in the probability changed most.", width="large"
        ),
        "action": TableColumn("What to do", "The action that the segment recommends.", width="large"),
    }
    chosen = table(page, rows, "risers", columns, selection="one")
    if chosen:
        page.go("customer", customer=str(rows.iloc[chosen[0]]["customer_key"]))
