"""The view of the page At risk that tells what became of those who were contacted."""

from datetime import date
from math import ceil
from typing import Any

import streamlit as st

from churn_assets.app.contacts import OUTCOMES
from churn_assets.app.page import Page
from churn_assets.app.parts.figures import figure
from churn_assets.app.parts.filters import chosen
from churn_assets.app.parts.tables import TableColumn, table
from churn_assets.app.parts.words import typed
from churn_assets.app.queries import contacts as query
from churn_assets.reporting.words import capitalised, spoken

ROWS = 50


def show_results(page: Page, found: query.Fresh) -> None:
    """Draws the view."""
    months = [f"{month:%Y-%m}" for month in query.months(page.store, found)]
    if not months:
        st.info("No contact is known yet. " + _why(page))
        return
    if (asked := st.query_params.get("month")) and asked not in months:
        st.warning(f"Nobody was contacted in {typed(asked)}.")
    newest = f"{page.store.as_of:%Y-%m}"
    first = next((position for position, month in enumerate(months) if month <= newest), 0)
    month: Any = chosen(
        st.selectbox,
        "Contacted in",
        months,
        name="month",
        index=first,
        help="The month of the contact.",
    )
    day = _first_day(month)
    rows = query.became(page.store, found, day)
    people = rows[["customers", "left", "stayed", "unknown"]].sum()
    as_of = f"known on the day of the release, after scores of {page.formats.date(page.store.as_of)}"
    for column, (name, label, what) in zip(
        st.columns(4),
        (
            ("customers", "Customers contacted", "Each counts once per source of contacts."),
            ("left", "Left since", f"Ended on or after the contact, {as_of}."),
            ("stayed", "Still here", f"No ending after the contact, {as_of}."),
            ("unknown", "Not known yet", "Marked after the release was made, or the sources do not tell."),
        ),
        strict=True,
    ):
        figure(column, label, page.formats.number(int(people[name])), what)
    shown = rows.assign(
        source=rows["source"].map(_source),
        outcome=rows["outcome"].map(OUTCOMES, na_action="ignore"),
    )
    table(
        page,
        shown,
        "became",
        {
            "source": TableColumn("Who tells", "The source of the contacts."),
            "outcome": TableColumn("Outcome", "What came of the contact, if it was marked on this page."),
            "customers": TableColumn("Customers", "Customers contacted in the month.", "number", 0),
            "left": TableColumn("Left since", "Ended on or after the contact.", "number", 0),
            "stayed": TableColumn("Still here", "No ending after the contact.", "number", 0),
            "unknown": TableColumn("Not known", "Nobody tells yet.", "number", 0),
            "share_left": TableColumn("Share left", "Of those whose state is known.", "percent", 1),
            "share_low": TableColumn("from", "Lower end of the 95 % interval of the share.", "percent", 1),
            "share_high": TableColumn("to", "Upper end of the 95 % interval of the share.", "percent", 1),
        },
    )
    st.caption(
        "This tells what happened, not what the contacts did: those who are called are more likely to leave anyway. "
        "Only a control group that is drawn at random can tell the effect."
    )
    _show_people(page, found, day)


def _show_people(page: Page, found: query.Fresh, day: date) -> None:
    number, pages = 1, ceil(query.contacts_in(page.store, found, day) / ROWS)
    if pages > 1:
        number = int(chosen(st.number_input, "Page of the contacts", 1, None, 1, name="contacts_page"))
    if number > pages:
        st.info(f"There are {page.formats.number(pages)} pages of contacts. Choose an earlier one.")
        return
    rows = query.contacted_in(page.store, found, day, ROWS, number)
    columns = {
        "customer_key": TableColumn("Customer", "The key of the customer."),
        "happened_on": TableColumn("Contacted on", "Day of the contact.", "date"),
        "source": TableColumn("Who tells", "The source of the contact."),
        "outcome": TableColumn("Outcome", "What came of it, if it was marked on this page."),
        "left_on": TableColumn(
            "Left on", "Day of the ending after the contact; empty while there is none.", "date"
        ),
        "probability": TableColumn("Probability now", "In the newest scored month.", "percent", 1),
        "segment": TableColumn("Segment now", "In the newest scored month."),
    }
    if "customer" in page.places:
        columns = {"customer": TableColumn("Story", "Opens the page of this customer.", "link")} | columns
        rows = rows.assign(customer=[page.address("customer", customer=k) for k in rows["customer_key"]])
    shown = rows.assign(
        source=rows["source"].map(_source), outcome=rows["outcome"].map(OUTCOMES, na_action="ignore")
    )
    table(page, shown, "contacted", columns)


def _source(name: str) -> str:
    return "this page" if name == "app_contacts" else capitalised(spoken(name))


def _why(page: Page) -> str:
    if page.store.has("contacts"):
        return "It appears here once somebody is marked as contacted."
    return f"The release holds no contacts: {page.store.why_absent('contacts')}."


def _first_day(month: str) -> date:
    return date.fromisoformat(f"{month}-01")
