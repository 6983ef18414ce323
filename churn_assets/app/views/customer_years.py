"""What the sources tell of a customer: figures by month, facts, and contacts with what became of them."""

from datetime import date
from typing import Any

import altair as alt
import pandas as pd
import streamlit as st

from churn_assets.app.contacts import OUTCOMES, SOURCE
from churn_assets.app.page import Page
from churn_assets.app.parts.charts import COLOURS, chart
from churn_assets.app.parts.tables import TableColumn, table
from churn_assets.app.parts.words import NOT_GIVEN, plain, said, spaced, step_of
from churn_assets.app.queries.customer import (
    Measure,
    contact_columns,
    contacts,
    facts,
    measures,
    months,
)
from churn_assets.app.views.marked import fresh_contacts

COLUMNS = 3  # charts beside each other
OUTCOME = Measure("outcome", "outcome", None, "What came of the contact, as it was marked.")
FACTS = {
    "what": TableColumn("What", "What the sources tell."),
    "value": TableColumn("Value", f"As of that month; “{NOT_GIVEN}” where the sources tell nothing."),
    "meaning": TableColumn("Meaning", "What it means.", width="large"),
}
BECAME = {
    "still there": "still there",
    "merged": "merged into another customer",
    "unknown": "not known",
    "not read yet": "not known yet: marked after the release was made",
}


def months_told(page: Page, row: dict[str, Any]) -> None:
    """Small charts of the figures that the business follows by month."""
    st.subheader(
        "Month by month",
        help="What the sources told of each month. A gap is a month of which the sources tell nothing.",
    )
    known, rows = measures(page.store), months(page.store, row["customer_key"])
    if rows.empty:
        st.write("No month of this customer is known.")
        return
    for start in range(0, len(known), COLUMNS):
        for column, measure in zip(st.columns(COLUMNS), known[start : start + COLUMNS], strict=False):
            with column:
                _month_chart(rows, measure)
    with st.expander("What do these figures mean?"):
        st.markdown("\n".join(f"- **{plain(m.words.capitalize())}**: {plain(m.meaning)}" for m in known))


def _month_chart(rows: pd.DataFrame, measure: Measure) -> None:
    values = rows[measure.name]
    biggest = float(values.abs().fillna(0.0).max())
    step = step_of(measure.unit, biggest)
    scale = alt.Scale(zero=True) if biggest else alt.Scale(domain=[0, 1])  # nothing but zeros has no height
    shown = pd.DataFrame({"month": rows["month"], "value": values / step.size})
    title = measure.words.capitalize() + (f" ({step.name})" if step.name else "")
    drawn = (
        alt.Chart(shown)
        .mark_line(point=alt.OverlayMarkDef(size=30), color=COLOURS[0], invalid="break-paths-filter-domains")
        .encode(
            x=alt.X("month:T", title=None, axis=alt.Axis(format="%m/%y", labelOverlap=True)),
            y=alt.Y("value:Q", title=None, scale=scale),
            tooltip=[alt.Tooltip("month:T", format="%Y-%m"), alt.Tooltip("value:Q", format=",.1f")],
        )
        .properties(height=140)
    )
    chart(drawn, f"{title}, by month.")


def facts_told(page: Page, row: dict[str, Any]) -> None:
    """Contract and attributes as of the newest month."""
    month, found = facts(page.store, row["customer_key"])
    st.subheader("Contract and customer")
    if month is None:
        st.write("The sources tell nothing of this customer yet.")
        return
    st.caption(f"As known for {page.formats.month(date.fromisoformat(f'{month}-01'))}.")
    shown = pd.DataFrame(
        [
            (fact.measure.words, said(page.formats, fact.value, fact.measure.unit), fact.measure.meaning)
            for fact in found
        ],
        columns=list(FACTS),
    )
    table(page, shown, "facts", FACTS)


def contacts_told(page: Page, row: dict[str, Any]) -> None:
    """Contacts and what became of them."""
    st.subheader("Contacts", help="Every contact that is known, and whether the customer left afterwards.")
    found = contacts(page.store, row, fresh_contacts(page))
    if found.empty:
        if page.store.has("contacts"):
            st.write("No contact with this customer is known.")
        else:
            st.write(plain(f"Contacts are not known: {page.store.why_absent('contacts')}."))
        return
    known = {m.name: m for m in contact_columns(page.store)}
    known.setdefault("outcome", OUTCOME)
    told = {
        "happened_on": TableColumn("Day", "Day of the contact.", "date"),
        "source": TableColumn("Who tells", "The source of the contact."),
    }
    shown = pd.DataFrame({"happened_on": found["happened_on"], "source": found["source"].map(_source)})
    for name, measure in known.items():
        if name in found:
            words = found[name].replace(OUTCOMES) if name.endswith("outcome") else found[name]
            shown[name] = [said(page.formats, value, measure.unit) for value in words]
            told[name] = TableColumn(measure.words.capitalize(), measure.meaning)
    left_on = found["left_on"] if "left_on" in found else [None] * len(found)
    shown["became"] = [_became(page, *pair) for pair in zip(found["became"], left_on, strict=True)]
    told["became"] = TableColumn(
        "What became of it",
        f"Whether the customer left on the day of the contact or after it, by what is known on "
        f"{page.formats.date(page.store.as_of)}.",
    )
    table(page, shown, "contacts", told)


def _source(name: str) -> str:
    return "this page" if name == SOURCE else spaced(name)


def _became(page: Page, became: str, left_on: Any) -> str:
    if became == "left":
        return f"left on {page.formats.date(pd.Timestamp(left_on).date())}"
    return BECAME[became]
