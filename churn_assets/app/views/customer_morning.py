"""This morning of one customer: the current score against the month end, what moved it, and the alerts."""

from typing import Any

import altair as alt
import pandas as pd
import streamlit as st

from churn_assets.app.page import Page
from churn_assets.app.parts.charts import COLOURS, chart
from churn_assets.app.parts.figures import figure
from churn_assets.app.parts.tables import TableColumn, table
from churn_assets.app.parts.words import plain, points, said
from churn_assets.app.queries.alerts import STATES, AlertFilters, alert_list
from churn_assets.app.queries.customer import outcome_window
from churn_assets.app.queries.morning import (
    SINCE,
    ChangedValue,
    changed_values,
    current_row,
    days,
    why_not,
    why_not_scored,
)
from churn_assets.app.views.acknowledged import fresh_acknowledgements
from churn_assets.reporting.words import capitalised, spoken

SHOWN_ALERTS = 10
CHANGED = {
    "what": TableColumn("What", "What is known of the customer."),
    "before": TableColumn("At the month end", "The value then."),
    "now": TableColumn("This morning", "The value now."),
    "effect": TableColumn(
        "On the risk", "Whether the change raises or lowers the risk, as the model sees it."
    ),
    "meaning": TableColumn("Meaning", "What it means.", width="large"),
}
ALERTS = {
    "as_of_date": TableColumn("Day", "The customer had changed as of the end of this day.", "date"),
    "rule": TableColumn("Rule", "The rule of the business that found the change."),
    "state": TableColumn("State", "Whether somebody takes care of it."),
    "why": TableColumn("Why suppressed", "Why nobody was told; empty where somebody was."),
}


def morning_told(page: Page, row: dict[str, Any]) -> None:
    """Tells the current score, or in a sentence why there is none."""
    if page.store.morning is None:
        st.caption(plain(why_not(page.store)))
        return
    now = current_row(page.store, row["customer_key"])
    if now is None:
        st.caption(why_not_scored(page.formats.date(page.store.morning)))
        return
    st.subheader(
        "This morning", help="What is known by the end of the newest whole day, and what it changed."
    )
    _figures(page, now)
    st.markdown(
        f"**Segment:** {plain(now['segment'])} · **What to do:** {plain(now['action'] or 'nothing is recommended.')}"
    )
    reasons = [now[name] for name in ("reason_1", "reason_2", "reason_3") if now[name]]
    if reasons:
        st.markdown("**Why:** " + "; ".join(plain(reason) for reason in reasons) + ".")
    if now["moved_reason"] and now["moved_since"]:
        st.markdown(
            f"**What moved it since {page.formats.date(now['moved_since'])}:** {plain(now['moved_reason'])}."
        )
    if now["behind"]:
        st.warning(plain(f"Not everything is known: {now['behind']}."), icon=":material/schedule:")
    left, right = st.columns(2)
    with left:
        _days(page, row["customer_key"])
    with right:
        _values(page, row["customer_key"])
    _alerts(page, row["customer_key"])


def _figures(page: Page, now: dict[str, Any]) -> None:
    window = outcome_window(page.store, now["as_of_date"])
    when = "in the time that the business declares"
    if window is not None:
        when = f"from {page.formats.date(window[0])} to {page.formats.date(window[1])}"
    first, *others = st.columns(1 + len(SINCE))
    percent = page.formats.percent
    figure(
        first,
        "Chance to leave, as of this morning",
        percent(now["probability"], 1),
        f"Probability that the customer leaves {when}, as model {now['model_version']} sees it on "
        f"{page.formats.date(now['as_of_date'])}. Risk by rank of the day: {now['risk_tier']}.",
    )
    for column, (before, told) in zip(others, SINCE.values(), strict=True):
        was = now[before]
        figure(
            column,
            f"Since {told}",
            None if was is None else points(page.formats, was, now["probability"]),
            f"Change in percentage points. The same model gives the customer of {told} "
            f"{'no score' if was is None else percent(was, 1)}.",
        )


def _days(page: Page, customer_key: str) -> None:
    rows = days(page.store, customer_key)
    if len(rows) < 2:
        st.write("No earlier day is known to compare with.")
        return
    line = (
        alt.Chart(rows)
        .mark_line(point=alt.OverlayMarkDef(size=60), color=COLOURS[0])
        .encode(
            x=alt.X("as_of_date:T", title=None, axis=alt.Axis(format="%d %b", tickCount="day")),
            y=alt.Y(
                "probability:Q",
                title="chance to leave",
                axis=alt.Axis(format="%"),
                scale=alt.Scale(zero=True),
            ),
            detail="model_version",
            tooltip=["as_of_date:T", alt.Tooltip("probability:Q", format=".1%"), "model_version"],
        )
    )
    chart(line.properties(height=200), "Chance to leave by day; a line ends where another model scores.")


def _values(page: Page, customer_key: str) -> None:
    if page.store.morning == page.store.as_of:
        st.write("This morning is the day of the month end itself, so no value has changed since.")
        return
    found = changed_values(page.store, customer_key)
    if found is None:
        st.write(
            "What changed since the month end is not known: one of both days does not hold this customer."
        )
        return
    told = pd.DataFrame([_changed(page, value) for value in found], columns=list(CHANGED))
    told = told[told["before"] != told["now"]]  # 3.9 years are 3.9 years two days later
    if told.empty:
        st.write("No value changed since the month end.")
        return
    st.markdown("**What changed since the month end**")
    table(page, told, "changed_values", CHANGED)


def _changed(page: Page, value: ChangedValue) -> dict[str, str]:
    before, now = (said(page.formats, told, value.unit) for told in (value.before, value.now))
    effect = "not known" if value.effect is None else "raises it" if value.effect > 0 else "lowers it"
    if value.effect == 0:
        effect = "none"
    return {
        "what": capitalised(value.words),
        "before": before,
        "now": now,
        "effect": effect,
        "meaning": value.meaning,
    }


def _alerts(page: Page, customer_key: str) -> None:
    if not page.store.has("risk_alerts"):
        return
    fresh = fresh_acknowledgements(page)
    found = alert_list(page.store, AlertFilters(customer_key=customer_key), size=SHOWN_ALERTS, fresh=fresh)
    if not found.total:
        return
    st.markdown("**Alerts**")
    rows = found.rows.assign(
        state=found.rows["shown"].map(STATES),
        rule=found.rows["rule"].map(spoken),
        why=found.rows["why"].fillna(""),
    )
    table(page, rows, "customer_alerts", ALERTS)
    page.link("alerts", "Open these alerts", customer=customer_key)
