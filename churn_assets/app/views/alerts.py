"""Alerts: what changed and whom it concerns, who takes care of it, and how good each rule is."""

from math import ceil
from typing import Any

import pandas as pd
import streamlit as st

from churn_assets.app.formats import UNKNOWN
from churn_assets.app.page import Page
from churn_assets.app.parts.filters import chosen
from churn_assets.app.parts.header import header
from churn_assets.app.parts.tables import TableColumn, table
from churn_assets.app.parts.words import plain, typed
from churn_assets.app.queries import alerts as query
from churn_assets.app.queries.customer import objected
from churn_assets.app.views.acknowledged import fresh_acknowledgements
from churn_assets.app.views.acts_on_customers import acts_of_session, tell_unrecorded
from churn_assets.app.views.alerts_of_today import show_alerts_of_today
from churn_assets.counts import counted
from churn_assets.ml.metrics.rule_quality import RuleQuality
from churn_assets.operations.acknowledgements.files import AcknowledgementError, acknowledge
from churn_assets.operations.audit.chain import AuditError
from churn_assets.reporting.words import spoken

SIZE = 50
NO_ALERTS = "There are no alerts"


def show(page: Page) -> None:
    """Draws the page."""
    header(
        page,
        "Alerts",
        "Customers whose risk changed by a rule of this business. Choose alerts to say that you take care of them.",
    )
    show_alerts_of_today(page)
    if not page.store.has("risk_alerts"):
        st.info(plain(f"{NO_ALERTS}: {page.store.why_absent('risk_alerts')}."), icon=":material/info:")
        return
    fresh = fresh_acknowledgements(page)
    acts = acts_of_session()
    if acts.told:
        st.success(acts.told, icon=":material/check:")
        acts.told = ""
    _show_list(page, set(fresh))
    _show_rules(page, set(fresh))


def _show_list(page: Page, fresh: set[str]) -> None:
    filters = _filters(page)
    place, number_place = st.columns([4, 1])
    number = int(chosen(number_place.number_input, "Page", 1, None, 1, name="page", help="Page of the list."))
    found = query.alert_list(page.store, filters, page=number, size=SIZE, fresh=fresh)
    pages = max(1, ceil(found.total / SIZE))
    if number > pages:
        st.info(f"The list has {counted(pages, 'page')} with these filters. Choose an earlier one.")
        return
    place.caption(
        f"{page.formats.number(found.total)} alerts, page {number} of {pages}; the newest day first, within a day the "
        "most important."
    )
    if not found.total:
        st.info("No alert fits these filters.", icon=":material/info:")
        return
    rows = found.rows.assign(
        customer=[page.address("customer", customer=key) for key in found.rows["customer_key"]],
        rule=found.rows["rule"].map(spoken),
        state=found.rows["shown"].map(query.STATES),
        change=[
            _change(page, *pair)
            for pair in zip(found.rows["old_value"], found.rows["new_value"], strict=True)
        ],
        why=found.rows["why"].fillna(""),
        became=found.rows["became"].fillna("not known yet"),
    )
    positions = table(
        page, rows, "alerts", _columns(page), selection="many", key=f"alerts_{acts_of_session().done}"
    )
    _show_acknowledge(page, rows.iloc[positions])


def _filters(page: Page) -> query.AlertFilters:
    """What the reader chose, or what the address names."""
    first, second, third = st.columns(3)
    states = chosen(
        first.multiselect,
        "State",
        list(query.STATES),
        name="state",
        default=["open"],
        format_func=query.STATES.get,
        help="Waits: nobody has acknowledged it yet. Suppressed: nobody was told, and the list says why.",
    )
    rules = chosen(
        second.multiselect,
        "Rule",
        query.rules_of(page.store),
        name="rule",
        format_func=spoken,
        help="The rule of the business that found the change.",
    )
    key = str(
        chosen(third.text_input, "Customer key", name="customer", help="Alerts of one customer only.")
    ).strip()
    if key and objected(page.store, [key]):
        st.warning(f"The customer {typed(key)} objected to profiling.")
    return query.AlertFilters(states, rules, key or None)


def _change(page: Page, old: object, new: object) -> str:
    return f"{_value(page, old)} → {_value(page, new)}"


def _value(page: Page, told: object) -> str:
    """A probability as per cent, a tier or a driver as it is."""
    if not isinstance(told, str):
        return UNKNOWN
    try:
        return page.formats.percent(float(told), 1)
    except ValueError:
        return told


def _columns(page: Page) -> dict[str, TableColumn]:
    currency = page.store.business.get("currency")
    return {
        "customer": TableColumn("Story", "Opens the page of this customer.", "link"),
        "as_of_date": TableColumn("Day", "The customer had changed as of the end of this day.", "date"),
        "customer_key": TableColumn("Customer", "The key of the customer; it is random and tells nothing."),
        "rule": TableColumn("Rule", "The rule of the business that found the change."),
        "change": TableColumn("Change", "What the rule looks at: before and now."),
        "probability": TableColumn("Probability", "The chance to leave as of that day.", "percent", 1),
        "importance": TableColumn(
            f"Importance ({currency})" if currency else "Importance",
            "Probability times margin: what a contact in time is worth.",
            "number",
            0,
        ),
        "reason": TableColumn("Main reason", "What raises the probability most, in short.", width="large"),
        "action": TableColumn("What to do", "The action that the segment recommends.", width="large"),
        "state": TableColumn("State", "Whether somebody takes care of it."),
        "why": TableColumn("Why suppressed", "Why nobody was told; empty where somebody was."),
        "became": TableColumn(
            "What became of the customer", "Whether the customer left in the time that the business declares."
        ),
    }


def _show_acknowledge(page: Page, rows: pd.DataFrame) -> None:
    if rows.empty:
        st.caption("Choose alerts in the table to acknowledge them.")
        return
    if not page.reader.may_mark:
        st.caption("You read as viewer. Agents, managers and stewards can acknowledge alerts.")
        return
    waiting = rows[rows["shown"] == "open"]
    if len(waiting) < len(rows):
        st.caption(
            f"{counted(len(rows) - len(waiting), 'chosen alert')} cannot be acknowledged: somebody has done so, or "
            "nobody was told."
        )
    if st.button(
        f"I take care of {counted(len(waiting), 'alert')}",
        key="acknowledge",
        type="primary",
        disabled=waiting.empty,
        help="Your name and the time are noted, and recorded in the audit. The next daily run notes it with the alert.",
    ):
        _acknowledge(page, waiting)


def _acknowledge(page: Page, rows: pd.DataFrame) -> None:
    acts = acts_of_session()
    try:
        pairs = list(zip(rows["alert_id"], rows["customer_key"], strict=True))
        acknowledge(page.settings, page.reader.name, pairs, page.now)
    except AcknowledgementError as error:
        st.error(str(error))
        return
    except AuditError as error:
        tell_unrecorded(error)
        return
    acts.tell(f"{counted(len(rows), 'alert')} acknowledged.")
    st.rerun()


def _show_rules(page: Page, fresh: set[str]) -> None:
    st.subheader(
        "How good is each rule?",
        anchor=False,
        help="What became of the customers of alerts that were told. Those whose outcome is not known yet, or who left "
        "the count, such as merged customers, are not among the known ones.",
    )
    qualities = query.qualities_of(page.store, fresh)
    rows = pd.DataFrame([_quality(one) for one in qualities], columns=list(QUALITY))
    table(page, rows, "rules", QUALITY)
    st.caption(
        "Those of whom an alert is told may be called, and a call may keep them: then a rule looks worse than it is."
    )


def _quality(one: RuleQuality) -> dict[str, Any]:
    low, high = one.interval or (None, None)
    told = {"rule": spoken(one.rule), "low": low, "high": high}
    return told | {name: getattr(one, name) for name in QUALITY if name not in told}


QUALITY = {
    "rule": TableColumn("Rule", "The rule of the business."),
    "told": TableColumn("Told", "Alerts that were told, or are only shown here.", "number", 0),
    "suppressed": TableColumn("Suppressed", "Changes of which nobody was told.", "number", 0),
    "acknowledged": TableColumn("Acknowledged", "Told alerts of which somebody takes care.", "number", 0),
    "known": TableColumn(
        "Outcome known", "Told alerts whose customers are known to have left or stayed.", "number", 0
    ),
    "left": TableColumn(
        "Left", "Those of them who left in the time that the business declares.", "number", 0
    ),
    "precision": TableColumn("Precision", "Left of those whose outcome is known.", "percent", 1),
    "low": TableColumn("from", "Lower end of its 95 % interval.", "percent", 1),
    "high": TableColumn("to", "Upper end of its 95 % interval.", "percent", 1),
    "base_rate": TableColumn(
        "Of all", "Share of all customers who left, at the month ends before.", "percent", 1
    ),
    "lift": TableColumn("Lift", "Precision over the share of all customers who left.", "number", 1),
}
