"""At risk: whom to call, why, and what to offer; marks contacts, and tells what became of them."""

from collections.abc import Sequence
from math import ceil
from typing import Any

import streamlit as st

from churn_assets.app import contacts
from churn_assets.app.page import Page
from churn_assets.app.parts.filters import chosen
from churn_assets.app.parts.header import header
from churn_assets.app.parts.tables import TableColumn, table
from churn_assets.app.parts.words import plain, typed
from churn_assets.app.queries import at_risk as query
from churn_assets.app.queries.contacts import Fresh, fresh
from churn_assets.app.queries.morning import why_not
from churn_assets.app.queries.value import customer_value
from churn_assets.app.views.acts_on_customers import acts_of_session, show_actions, show_today
from churn_assets.app.views.campaign_words import planned_told
from churn_assets.app.views.contact_results import show_results
from churn_assets.app.views.marked import keys_of_marks, marks_of
from churn_assets.app.views.moves import move_in_address
from churn_assets.app.views.worth import worth_column
from churn_assets.counts import counted

SIZES = (25, 50, 100)
NAMES = ("risk", "value", "segment", "driver", "contacted", "recommended", "attributes")  # of filters
OF = "of_"  # before the name of an attribute in the address: it may be called like a filter
VIEWS = {"list": "Who is at risk", "contacts": "What became of contacts"}
PLANNED = {
    "planned": TableColumn(
        "Planned offer",
        "What the newest campaign plans for the customer. Who is in its holdout must get no offer. Empty: nothing is "
        "planned.",
        width="medium",
    )
}
CONTACTED = {"any": "everybody", "no": "not contacted recently", "yes": "contacted recently"}


def show(page: Page) -> None:
    """Draws the page."""
    header(
        page,
        "At risk",
        "Customers by how likely they are to leave, with the main reason and the recommended action. Choose rows to "
        "export them, or to mark them as contacted.",
    )
    if page.store.morning is None:
        st.caption(plain(f"{why_not(page.store)} The list is that of the month end."))
    marks = marks_of(page)
    keys = keys_of_marks(page, marks)
    found = fresh(page.store, marks, keys)
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
        with (
            st.container()
        ):  # so that what stands below stays the same element, and open, when the list changes
            _show_list(page, found)
        show_today(page, marks, keys)


def _show_list(page: Page, found: Fresh) -> None:
    move = move_in_address(page)
    named = any(name in st.query_params for name in NAMES)
    with st.expander("Filters", expanded=named):
        filters = _filters(page, found, move)
    first, second, third = st.columns([3, 1, 1])
    known = query.orders(page.store)
    order: Any = chosen(
        first.selectbox,
        "Sort by",
        list(known),
        name="sort",
        format_func=known.get,
        help="Who to call first: whom the segment recommends to contact and nobody contacted recently, then by "
        "probability times value.",
    )
    size: Any = chosen(second.selectbox, "Rows", SIZES, name="rows", help="Customers on a page.")
    number = int(chosen(third.number_input, "Page", 1, None, 1, name="page", help="Page of the list."))
    listed = query.work_list(page.store, filters, order=order, page=number, size=size, found=found)
    pages = max(1, ceil(listed.total / size))
    if number > pages:
        st.info(f"The list has {counted(pages, 'page')} with these filters. Choose an earlier one.")
        return
    st.caption(f"{page.formats.number(listed.total)} customers, page {number} of {pages}.")
    if not listed.total:
        st.info("No customer fits these filters. Remove one of them.", icon=":material/info:")
        return
    columns = _columns(page)
    arms = zip(listed.rows["planned_arm"], listed.rows["planned_offer"], strict=True)
    planned: list[Any] = [planned_told(arm, offer) for arm, offer in arms]
    rows = listed.rows.assign(
        customer=[page.address("customer", customer=key) for key in listed.rows["customer_key"]]
        if "customer" in page.places
        else None,
        outcome=listed.rows["outcome"].map(contacts.OUTCOMES, na_action="ignore"),
        planned=planned,
        points_week=100 * listed.rows["change_week"],
        points_month_end=100 * listed.rows["change_month_end"],
    )
    key = f"at_risk_{acts_of_session().done}"
    positions = table(page, rows, "at_risk", columns, selection="many", key=key)
    show_actions(page, rows.iloc[positions], columns)


def _filters(page: Page, found: Fresh, move: query.Move | None) -> query.Filters:
    """The filters that the reader chose, or that the address names."""
    wanted = {name: st.query_params.get_all(name) for name in ("risk", "value", "segment", "driver")}
    columns, given = st.columns(4), {}
    labels = {"risk": "Risk", "value": "Value", "segment": "Segment", "driver": "Main driver"}
    helps = {
        "risk": "Tier by the order of probabilities on the day of the list, as the business declares it.",
        "value": "Tier by the order of values on the day of the list, as the business declares it.",
        "segment": "Risk, value and main driver together; each segment has a recommended action.",
        "driver": "The group of reasons that raises the probability most.",
    }
    on = "this morning" if page.store.morning is not None else "in this month"
    for column, (name, label) in zip(columns, labels.items(), strict=True):
        options = query.choices(page.store, name)
        if strange := [value for value in wanted[name] if value and value not in options]:
            st.warning(f"Nobody has the {label.lower()} {typed(', '.join(strange))} {on}.")
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
        move=move,
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
        attribute, label = of[name], plain(of[name].words)
        if not attribute.is_number:
            values = chosen(st.multiselect, label, query.values_of(page.store, attribute), name=f"{OF}{name}")
            if values:
                categories[name] = values
        elif (bounds := query.range_of(page.store, attribute)) is None or bounds[0] == bounds[1]:
            st.caption(f"{label}: all customers have the same value, or none has one.")
        else:
            span: Any = chosen(st.slider, label, *bounds, bounds, name=f"{OF}{name}")
            if span != bounds:
                ranges[name] = span
    return categories, ranges


def _columns(page: Page) -> dict[str, TableColumn]:
    value = customer_value(page.store)
    found = {
        "customer_key": TableColumn("Customer", "The key of the customer; it is random and tells nothing."),
        "probability": TableColumn(
            "Probability", "How likely the customer leaves in the outcome window.", "percent", 1
        ),
        **(_of_the_morning(page) if page.store.morning is not None else _of_the_month_end(page)),
        "reason": TableColumn("Main reason", "What raises the probability most, in short.", width="large"),
        "action": TableColumn("What to do", "The action that the segment recommends.", width="large"),
        **(PLANNED if page.store.has("campaign_plan") else {}),
        "segment": TableColumn("Segment", "Risk, value and main driver together."),
        "risk_tier": TableColumn("Risk", "Tier of risk on the day of the list.", width="small"),
        **({"worth": worth_column(value, "Value", value.how)} if value else {}),
        "driver": TableColumn("Driver", "The group of reasons that raises the probability most."),
        "last_contact": TableColumn(
            "Last contact", "Day of the newest contact; empty when none is known.", "date"
        ),
        "outcome": TableColumn("Outcome", "What came of it, if it was marked on this page."),
    }
    if page.store.morning is not None:
        found["behind"] = TableColumn(
            "Not known up to this morning",
            "Sources that are behind, so that newer facts of this customer are missing; empty where none is.",
        )
    if "customer" in page.places:
        found = {"customer": TableColumn("Story", "Opens the page of this customer.", "link")} | found
    return found


def _of_the_morning(page: Page) -> dict[str, TableColumn]:
    """How the probability moved."""
    same = "in percentage points, by the same model. Unknown where the customer could not be scored then."
    return {
        "points_week": TableColumn("In 7 days (points)", f"Change since 7 days before, {same}", "change", 1),
        "points_month_end": TableColumn(
            "Since month end (points)", f"Change since the last month end, {same}", "change", 1
        ),
        "days": TableColumn("Days", "The probability on each of the newest days.", "trend"),
        "moved_reason": TableColumn(
            "What moved it", "The reason whose part in the probability changed most.", width="large"
        ),
    }


def _of_the_month_end(page: Page) -> dict[str, TableColumn]:
    """The months before."""
    several = len(page.store.manifest.about.as_of_dates) > 1
    what = "The probability in each scored month."
    none = "No earlier month was scored, so there is no line yet."
    return {"history": TableColumn("Months", what if several else none, "trend")}
