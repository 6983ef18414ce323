"""The page of one customer: who it is, how likely they leave, why, what may help, and what was tried."""

from typing import Any

import streamlit as st

from churn_assets.app.page import Page
from churn_assets.app.parts.header import header
from churn_assets.app.parts.words import plain, spaced
from churn_assets.app.queries.campaign import newest_campaign, plan_of
from churn_assets.app.queries.customer import SCORED, customer_row, endings, has_objected
from churn_assets.app.queries.effects import expected_of_plan
from churn_assets.app.views.campaign_requests import requests_of
from churn_assets.app.views.campaign_words import REASONS, planned_told
from churn_assets.app.views.customer_morning import morning_told
from churn_assets.app.views.customer_people import choose_customer, contact_data
from churn_assets.app.views.customer_score import score_told
from churn_assets.app.views.customer_what_if import what_if_told
from churn_assets.app.views.customer_years import contacts_told, facts_told, months_told

TITLES = {
    SCORED: "Customer",
    "former": "Former customer",
    "too_new": "Too new for a score",
    "in_notice": "Has given notice",
    "unknown": "State not known",
    "disappeared": "No longer listed",
    "merged": "Merged into another customer",
    "not_scored": "Not scored this month",
}
KINDS = {
    "voluntary": "by choice",
    "involuntary": "not by choice",
    "lapse": "the contract ran out and was not renewed",
    "inactivity": "no purchase or use for too long",
}


def show(page: Page) -> None:
    """Shows the customer that the address names."""
    header(page, "Customer", "All that we know of one customer, and what the model makes of it.")
    key = choose_customer(page)
    page.link("at_risk", "Back to the list of customers at risk")
    if key is None:
        st.info("Choose a customer from the list of those at risk, or type a customer key above.")
        return
    if has_objected(page.store, key):
        st.warning("This customer objected to profiling.")
        return
    row = customer_row(page.store, key)
    if row is None:
        st.warning(
            "There is no customer with this key. Keys have 16 letters and digits; copy one from a list."
        )
        return
    _status(page, row)
    contact_data(page, key)
    _planned(page, key)
    morning_told(page, row)
    if row["status"] == SCORED:
        score_told(page, row)
    months_told(page, row)
    facts_told(page, row)
    if row["status"] == SCORED:
        what_if_told(page, row)
    contacts_told(page, row)


def _planned(page: Page, key: str) -> None:
    """Tells what the newest campaign plans for the customer, or why nothing."""
    campaign = newest_campaign(page.store, requests_of(page))
    row = plan_of(page.store, key) if campaign else None
    if campaign is None or row is None:
        return
    told = (
        planned_told(row["arm"], row["words"])
        or f"not contacted: {REASONS.get(row['reason'], row['reason'])}"
    )
    contacted = planned_told(row["arm"], row["words"]) == row["words"]
    expected = expected_of_plan(page.store, row) if contacted else None
    st.markdown(
        plain(
            f"Campaign {campaign.campaign_id} ({campaign.state}): {told}.{f' {expected}' if expected else ''}"
        ),
        help="What the newest campaign plans for this customer. Only an approved campaign is carried out.",
    )


def _status(page: Page, row: dict[str, Any]) -> None:
    """Tells the state of a customer, and of one without a score why there is none."""
    st.subheader(f"{TITLES.get(row['status'], plain(row['status']))} · {row['customer_key']}", anchor=False)
    if row["status"] == SCORED:
        return
    st.info(plain(row["status_reason"] or "The release does not say why there is no score."))
    if row["status"] == "merged" and row["survivor_key"]:
        page.link("customer", "Open the customer into whom this one was merged", customer=row["survivor_key"])
    for ending in endings(page.store, row["customer_key"]):
        kind = KINDS.get(ending["kind"], ending["kind"])
        reason = f", reason given: {spaced(ending['reason'])}" if ending["reason"] else ""
        st.markdown(f"- Ended on {page.formats.date(ending['ended_on'])}: {plain(kind + reason)}.")
