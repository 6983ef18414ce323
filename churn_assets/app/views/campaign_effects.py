"""Whom do offers change: whether the plan tells customers apart, who is persuadable, and who is woken up."""

from typing import Any

import streamlit as st

from churn_assets.app.page import Page
from churn_assets.app.parts.tables import TableColumn, table
from churn_assets.app.parts.words import plain
from churn_assets.app.queries.effects import groups_of, uplift_of
from churn_assets.reporting.effects_in_words import KIND, uplift_in_words, woken_in_words


def show_effects(page: Page) -> None:
    """Draws a sentence per offer and the groups of customers; nothing where no contact has a control arm."""
    offers = uplift_of(page.store)
    if not offers:
        return
    st.subheader(
        "Whom does an offer change?",
        anchor=False,
        help="An offer keeps some customers, changes nothing for most, and drives some away. Past contacts with a "
        "control arm tell whether these can be told apart.",
    )
    groups = groups_of(page.store) if page.store.has("effect_groups") else None
    rows: list[Any] = [] if groups is None else groups.to_dict("records")
    for offer in offers:
        own = [row for row in rows if row["offer"] == offer["offer"]]
        told = " ".join(filter(None, [uplift_in_words(offer), woken_in_words(own)]))
        st.markdown(f"- **{plain(offer['words'])}**: {plain(told)}")
    if groups is None or groups.empty:
        return
    words = {offer["offer"]: offer["words"] for offer in offers}
    shown = groups.assign(
        offer=groups["offer"].map(words).fillna(groups["offer"]),
        group=groups["group_value"].where(groups["grouping"] == KIND, "segment: " + groups["group_value"]),
        customers=groups["contacts"] + groups["controls"],
    )
    table(page, shown, "effect_groups", GROUPS)


GROUPS = {
    "offer": TableColumn("Offer", "What the customers were offered.", width=210),
    "group": TableColumn(
        "Customers",
        "By what the offer was expected to change: the fifth with the largest effects (persuadable), those below zero "
        "(woken up), and the others; everybody, where no difference between customers held; and by segment.",
        width=190,
    ),
    "customers": TableColumn("How many", "Later contacts and those left alone.", "number", 0),
    "estimated": TableColumn("Expected", "Fall of the chance to leave that was expected.", "percent", 2),
    "seen": TableColumn("Seen", "Fall of the share who left, against those left alone.", "percent", 2),
    "seen_low": TableColumn("from", "Lower end of its 95 % interval.", "percent", 2),
    "seen_high": TableColumn("to", "Upper end of its 95 % interval.", "percent", 2),
}
