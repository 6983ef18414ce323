"""At risk: whom to call, why, and what to offer; marks contacts, and tells what became of them."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from math import ceil
from typing import Any

import pandas as pd
import streamlit as st

from churn_assets.app import contacts
from churn_assets.app.formats import UNKNOWN
from churn_assets.app.natural_ids import IdentityError, NaturalIds, natural_ids
from churn_assets.app.page import Page
from churn_assets.app.parts.filters import chosen
from churn_assets.app.parts.header import header
from churn_assets.app.parts.tables import TableColumn, csv, table
from churn_assets.app.queries import at_risk as query
from churn_assets.app.queries.contacts import Fresh, fresh, in_release, was_read
from churn_assets.app.views.contact_results import show_results
from churn_assets.months import month_end
from churn_assets.operations.audit.chain import AuditError, record

SIZES = (25, 50, 100)
VIEWS = {"list": "Who is at risk", "contacts": "What became of contacts"}
CONTACTED = {"any": "everybody", "no": "not contacted recently", "yes": "contacted recently"}
MADE = "marks_made"  # in the session: how often this reader marked, so that the choice of rows starts anew
TOLD = "marks_told"  # in the session: what the last act did


def show(page: Page) -> None:
    """Draws the page."""
    header(
        page,
        "At risk",
        "Customers by how likely they leave, with the main reason and the recommended action. Choose rows to export "
        "them, or to mark them as contacted.",
    )
    ids, why = _ids(page)
    marks = contacts.marks(page.settings, page.store.as_of.replace(day=1))
    keys = ids.keys_of([m.row.customer_id for m in marks]) if ids and marks else {}
    found = fresh(page.store, marks, keys)
    if marks and ids is None:
        st.warning(f"Contacts that were marked here lately are not shown. {why}")
    view = chosen(
        st.segmented_control,
        "View",
        list(VIEWS),
        name="view",
        default="list",
        format_func=VIEWS.get,
        required=True,
        label_visibility="collapsed",
    )
    if view == "contacts":
        show_results(page, found)
    else:
        _show_list(page, found, ids, why)
        _show_today(page, marks, keys)


def _ids(page: Page) -> tuple[NaturalIds | None, str]:
    """Natural ids, which the landing zone speaks of; else None and why."""
    try:
        return natural_ids(page.settings), ""
    except IdentityError as error:
        return None, str(error)


def _show_list(page: Page, found: Fresh, ids: NaturalIds | None, why: str) -> None:
    filters = _filters(page, found)
    first, second, third = st.columns([3, 1, 1])
    order: Any = chosen(
        first.selectbox,
        "Sort by",
        list(query.ORDERS),
        name="sort",
        format_func=query.ORDERS.get,
        help="Who to call first: whom the segment recommends to contact and nobody contacted recently, then by "
        "probability times value.",
    )
    size: Any = chosen(second.selectbox, "Rows", SIZES, name="rows", help="Customers on a page.")
    number = int(chosen(third.number_input, "Page", 1, None, 1, name="page", help="Page of the list."))
    listed = query.work_list(page.store, filters, order=order, page=number, size=size, found=found)
    pages = max(1, ceil(listed.total / size))
    if number > pages:
        st.info(f"The list has {page.formats.number(pages)} pages with these filters. Choose an earlier one.")
        return
    st.caption(f"{page.formats.number(listed.total)} customers, page {number} of {pages}.")
    if not listed.total:
        st.info("No customer fits these filters. Remove one of them.", icon=":material/info:")
        return
    columns = _columns(page)
    rows = listed.rows.assign(
        customer=[page.address("customer", customer=key) for key in listed.rows["customer_key"]]
        if "customer" in page.places
        else None,
        outcome=listed.rows["outcome"].map(contacts.OUTCOMES, na_action="ignore"),
    )
    acts = st.session_state.get(MADE, 0)
    positions = table(page, rows, "at_risk", columns, selection="many", key=f"at_risk_{acts}")
    _show_actions(page, rows.iloc[positions], columns, ids, why)


def _filters(page: Page, found: Fresh) -> query.Filters:
    """The filters that the reader chose, or that the address names."""
    wanted = {name: st.query_params.get_all(name) for name in ("risk", "value", "segment", "driver")}
    columns, given = st.columns(4), {}
    labels = {"risk": "Risk", "value": "Value", "segment": "Segment", "driver": "Main driver"}
    helps = {
        "risk": "Tier by the order of probabilities in this month, as the business declares it.",
        "value": "Tier by the order of values in this month, as the business declares it.",
        "segment": "Risk, value and main driver together; each segment has a recommended action.",
        "driver": "The group of reasons that raises the probability most.",
    }
    for column, (name, label) in zip(columns, labels.items(), strict=True):
        options = query.choices(page.store, name)
        if strange := [value for value in wanted[name] if value and value not in options]:
            st.warning(f"Nobody has the {label.lower()} {', '.join(strange)!r} in this month.")
        given[name] = chosen(column.multiselect, label, options, name=name, help=helps[name])
    left, middle, right = st.columns([1, 1, 2])
    known = query.contacts_known(page.store, found)
    since = page.formats.date(query.recent_from(page.store))
    contacted = chosen(
        left.selectbox,
        "Already contacted",
        list(CONTACTED),
        name="contacted",
        format_func=CONTACTED.get,
        help=f"Recently: since {since}, by any source of contacts or on this page.",
    )
    if not known:
        left.caption("No source tells of contacts, so nobody knows who was contacted.")
    recommended = chosen(
        middle.toggle,
        "Only recommended",
        name="recommended",
        help="Only customers whose segment recommends a contact.",
    )
    categories, ranges = _attributes(page, right)
    return query.Filters(
        **given,
        contacted=None if contacted == "any" else contacted,
        recommended=recommended,
        categories=categories,
        ranges=ranges,
    )


def _attributes(
    page: Page, place: "st.delta_generator.DeltaGenerator"
) -> tuple[dict[str, Sequence[str]], dict[str, tuple[float, float]]]:
    """Filters on attributes of the customer on the day of the scores."""
    of = {attribute.name: attribute for attribute in query.attributes(page.store)}
    names = chosen(
        place.multiselect,
        "More filters",
        list(of),
        name="attributes",
        format_func=lambda name: of[name].words,
        help="Anything that the model knows of a customer, such as the region.",
    )
    categories: dict[str, Sequence[str]] = {}
    ranges: dict[str, tuple[float, float]] = {}
    for name in names:
        attribute = of[name]
        if not attribute.is_number:
            values = chosen(
                st.multiselect, attribute.words, query.values_of(page.store, attribute), name=name
            )
            if values:
                categories[name] = values
        elif (bounds := query.range_of(page.store, attribute)) is None or bounds[0] == bounds[1]:
            st.caption(f"{attribute.words}: all customers have the same value, or none has one.")
        else:
            span: Any = chosen(st.slider, attribute.words, *bounds, bounds, name=name)
            if span != bounds:
                ranges[name] = span
    return categories, ranges


def _columns(page: Page) -> dict[str, TableColumn]:
    several = len(page.store.manifest.about.as_of_dates) > 1
    told = [c for c in page.store.catalogue.get("customers", {}).get("columns", []) if c["name"] == "value"]
    found = {
        "customer_key": TableColumn("Customer", "The key of the customer; it is random and tells nothing."),
        "probability": TableColumn(
            "Probability", "How likely the customer leaves in the outcome window.", "percent", 1
        ),
        "history": TableColumn(
            "Months",
            "The probability in each scored month."
            if several
            else "No earlier month was scored, so there is no line yet.",
            "trend",
        ),
        "reason": TableColumn("Main reason", "What raises the probability most, in short.", width="large"),
        "action": TableColumn("What to do", "The action that the segment recommends.", width="large"),
        "segment": TableColumn("Segment", "Risk, value and main driver together."),
        "risk_tier": TableColumn("Risk", "Tier of risk in this month.", width="small"),
        "value": TableColumn("Value", told[0]["meaning"] if told else "Value of the customer.", "money"),
        "driver": TableColumn("Driver", "The group of reasons that raises the probability most."),
        "last_contact": TableColumn(
            "Last contact", "Day of the newest contact; empty when none is known.", "date"
        ),
        "outcome": TableColumn("Outcome", "What came of it, if it was marked on this page."),
    }
    if "customer" in page.places:
        found = {"customer": TableColumn("Story", "Opens the page of this customer.", "link")} | found
    return found


def _show_actions(
    page: Page, rows: pd.DataFrame, columns: dict[str, TableColumn], ids: NaturalIds | None, why: str
) -> None:
    if told := st.session_state.pop(TOLD, None):
        st.success(told, icon=":material/check:")
    if rows.empty:
        st.caption("Choose rows in the table to export them or to mark them as contacted.")
        return
    st.subheader(f"{len(rows)} chosen", anchor=False)
    left, right = st.columns(2)
    with left.container(border=True):
        _show_export(page, rows, columns)
    with right.container(border=True):
        _show_mark(page, rows, ids, why)


def _show_export(page: Page, rows: pd.DataFrame, columns: dict[str, TableColumn]) -> None:
    shown = {name: column for name, column in columns.items() if name not in ("customer", "history")}

    def content() -> bytes:
        record(page.settings, "export", page.reader.name, "list of the page", customers=len(rows))
        return csv(rows, shown)

    st.markdown("**Export**")
    st.download_button(
        "Download the chosen rows",
        content,
        "chosen.csv",
        "text/csv",
        key="chosen_download",
        icon=":material/download:",
        on_click="ignore",
        help="A CSV file with the chosen rows and the columns of the table. The audit tells who took it.",
    )


def _show_mark(page: Page, rows: pd.DataFrame, ids: NaturalIds | None, why: str) -> None:
    st.markdown("**Mark as contacted**")
    if not page.reader.may_mark:
        st.caption("You read as viewer. Agents, managers and stewards can mark contacts.")
        return
    if contacts.SOURCE not in page.store.business.get("treatments", []):
        st.caption(
            f"This business declares no source {contacts.SOURCE}, so contacts cannot be marked here. Add its contract "
            "as docs/app.md says, and publish a release."
        )
        return
    if ids is None:
        st.caption(f"Contacts cannot be marked now. {why}")
        return
    today = datetime.now(UTC).date()
    if end := _calendar_over(page, today):
        st.caption(
            f"The calendar of this business ended on {page.formats.date(end)}. Contacts marked now are kept and shown "
            "on this page, but no run reads them before churn.yaml extends the calendar."
        )
    with st.form("mark_form", border=False):
        outcome = st.selectbox(
            "Outcome",
            list(contacts.OUTCOMES),
            index=None,
            format_func=lambda name: contacts.OUTCOMES[name],
            placeholder="What came of it?",
            key="outcome",
        )
        day = st.date_input("Day of the contact (UTC)", today, max_value=today)
        if st.form_submit_button("Mark as contacted", type="primary", key="mark"):
            _mark(page, rows, ids, outcome, day)


def _calendar_over(page: Page, today: date) -> date | None:
    """The last day of a calendar that is over."""
    end = (page.store.business.get("calendar") or {}).get("end")
    return month_end(end) if end and month_end(end) < today else None


def _mark(page: Page, rows: pd.DataFrame, ids: NaturalIds, outcome: str | None, day: date) -> None:
    known = ids.of(rows["customer_key"].tolist())
    recommended = set(query.recommended_segments(page.store))
    mine = [
        contacts.Contacted(key, known[key][0], segment, segment in recommended)
        for key, segment in zip(rows["customer_key"], rows["segment"], strict=True)
        if key in known and page.reader.may_see(known[key][1], ids.has_owners)
    ]
    if not mine:
        st.error("None of these customers is yours. Ask whoever looks after them, or a manager.")
        return
    try:
        contacts.mark(
            page.settings, page.reader.name, mine, outcome or "", on=day, scored_on=page.store.as_of
        )
    except (contacts.ContactError, AuditError) as error:
        st.error(str(error))
        return
    left_out = len(rows) - len(mine)
    also = f" {left_out} of the chosen customers are not yours and were left out." if left_out else ""
    st.session_state[TOLD] = (
        f"{len(mine)} marked as contacted.{also} You can take it back below until midnight UTC."
    )
    st.session_state[MADE] = st.session_state.get(MADE, 0) + 1
    st.rerun()


def _show_today(page: Page, marks: Sequence[contacts.Mark], keys: dict[str, str]) -> None:
    """What was marked today, to take back."""
    today = datetime.now(UTC).date()
    of_today = [
        m
        for m in marks
        if m.extract_date == today and m.row.state == contacts.MADE and m.row.customer_id in keys
    ]
    if not of_today or not page.reader.may_mark:
        return
    with st.expander(f"Marked today: {len(of_today)}"):
        rows = pd.DataFrame(
            {
                "customer_key": [keys[m.row.customer_id] for m in of_today],
                "outcome": [contacts.OUTCOMES.get(m.row.outcome, UNKNOWN) for m in of_today],
                "contacted_on": [m.row.contacted_on for m in of_today],
            }
        )
        columns = {
            "customer_key": TableColumn("Customer", "The key of the customer."),
            "outcome": TableColumn("Outcome", "What came of the contact."),
            "contacted_on": TableColumn("Day", "Day of the contact.", "date"),
        }
        acts = st.session_state.get(MADE, 0)
        positions = table(page, rows, "marked_today", columns, selection="many", key=f"marked_today_{acts}")
        if st.button("Take back the chosen marks", disabled=not positions, key="take_back"):
            _withdraw(page, [of_today[p] for p in positions], keys)


def _withdraw(page: Page, marks: Sequence[contacts.Mark], keys: dict[str, str]) -> None:
    held, done = in_release(page.store), 0
    for mark in marks:
        try:
            contacts.withdraw(
                page.settings,
                page.reader.name,
                mark.row.mark_id,
                keys[mark.row.customer_id],
                was_read=was_read(mark, held, page.status),
                of_anybody=page.reader.is_at_least("manager"),
            )
            done += 1
        except (contacts.ContactError, AuditError) as error:
            st.error(str(error))
    if done == len(marks):
        st.session_state[TOLD] = f"{done} taken back."
        st.session_state[MADE] = st.session_state.get(MADE, 0) + 1
        st.rerun()
