"""Segments and drivers: how large each segment is, what it is worth, why its customers may leave, and who moved."""

from datetime import date

import pandas as pd
import streamlit as st

from churn_assets.app.page import Page
from churn_assets.app.parts.charts import chart
from churn_assets.app.parts.figures import figure
from churn_assets.app.parts.filters import one_of
from churn_assets.app.parts.header import header
from churn_assets.app.parts.tables import TableColumn, table
from churn_assets.app.queries import segments
from churn_assets.app.queries.lifetime_value import value_of_segments
from churn_assets.app.queries.value import CustomerValue, customer_value
from churn_assets.app.views.heat import heat
from churn_assets.app.views.moves import HOW, moves_table
from churn_assets.app.views.worth import worth_column

HISTORY = {"segments": "segment", "drivers": "driver"}
LIGHT = 0.5  # most cells of a row are near its largest: they stay light enough for black numbers
TO_THE_LIST = "Choose a row to open the list of these customers."


def show(page: Page) -> None:
    """Draws the page."""
    header(
        page,
        "Segments and drivers",
        "A segment is a group of customers with the same recommended action; a driver is what raises a customer's risk "
        "most.",
    )
    if not page.store.has("segments"):
        st.info(f"There are no segments: {page.store.why_absent('segments')}.")
        return
    day = _day(page)
    _sizes(page, day)
    _drivers(page, day)
    _over_months(page)
    _flows(page, day)


def _day(page: Page) -> date:
    days = segments.scored_days(page.store)[::-1]
    found = one_of(
        st.selectbox,
        "As of",
        [day.isoformat() for day in days],
        name="day",
        what="The day as of which the customers were scored, YYYY-MM-DD.",
    )
    day = date.fromisoformat(found)
    if day != page.store.as_of:
        st.info(
            f"You look at {page.formats.date(day)}. The lists behind the rows are those of "
            f"{page.formats.date(page.store.as_of)}, because only current customers are listed.",
            icon=":material/history:",
        )
    return day


def _sizes(page: Page, day: date) -> None:
    st.subheader("How large is each segment, and what is it worth?", anchor=False)
    found, value = segments.sizes(page.store, day), customer_value(page.store)
    columns = {
        "segment": TableColumn("Segment", "Name of the first rule of the business that fits the customer."),
        "customers": TableColumn("Customers", "How many customers are in the segment.", "number", 0),
        "share": TableColumn("Share", "Share of all scored customers.", "percent", 1),
        "expected": TableColumn(
            "Expected to leave", "Sum of their probabilities: how many leave if these are right.", "number", 0
        ),
        "probability": TableColumn(
            "Mean probability", "Mean probability that a customer of the segment leaves.", "percent", 1
        ),
    }
    if value is not None:
        columns["value"] = worth_column(value, "Value", f"What its customers are worth together. {value.how}")
        columns["value_expected"] = worth_column(
            value, "Expected loss", "Sum of probability times value: what leaves with them."
        )
        columns["without_value"] = TableColumn(
            "Value not known",
            "Customers of the segment whose value is not known; they are in no sum.",
            "number",
            0,
        )
    else:
        st.caption("This business declares no value of a customer, so the segments have none.")
    if day == page.store.as_of and (worth := value_of_segments(page.store)):
        found = found.assign(lifetime_value=found["segment"].map(worth))
        money = CustomerValue("lifetime value", page.formats.currency, None)
        what = "Margin that its customers are expected to bring in the coming months, in today's money."
        columns["lifetime_value"] = worth_column(money, "Lifetime value", what)
    columns["action"] = TableColumn(
        "Recommended action", "What the business does for this segment.", width="large"
    )
    st.caption(f"As of {page.formats.date(day)}. {TO_THE_LIST}")
    rows = table(page, found, "segments", columns, selection="one", height=_height(len(found)))
    if rows:
        page.go("at_risk", segment=str(found.iloc[rows[0]]["segment"]))


def _height(rows: int) -> int:
    return 38 + 35 * rows


def _drivers(page: Page, day: date) -> None:
    st.subheader("Why may they leave?", anchor=False)
    found = segments.drivers(page.store, day)
    rows = list(dict.fromkeys(found["segment"]))
    names = found.groupby("driver")["customers"].sum().sort_values(ascending=False).index.tolist()
    cells = found.assign(
        told=found["customers"].map(page.formats.number),
        shade=found["share"],
        share_told=found["share"].map(lambda share: page.formats.percent(share, 1)),
    )
    drawn = heat(
        cells,
        x=("driver", "main driver"),
        y=("segment", ""),
        shade="shade",
        text="told",
        rows=rows,
        columns=names,
        tips=(
            ("segment", "segment"),
            ("driver", "driver"),
            ("told", "customers"),
            ("share_told", "of the segment"),
        ),
    )
    chart(
        drawn,
        f"Customers by segment and main driver, {page.formats.date(day)}. The darker, the larger the part of the "
        "segment.",
    )
    columns = {
        "segment": TableColumn("Segment", "Name of the segment."),
        "driver": TableColumn(
            "Main driver", "The group of facts that raises the risk of these customers most."
        ),
        "customers": TableColumn(
            "Customers", "How many customers of the segment have this main driver.", "number", 0
        ),
        "share": TableColumn("Share of the segment", "Their share of the segment.", "percent", 1),
        "expected": TableColumn("Expected to leave", "Sum of their probabilities.", "number", 1),
    }
    st.caption(TO_THE_LIST)
    chosen_rows = table(page, found, "drivers", columns, selection="one")
    if chosen_rows:
        row = found.iloc[chosen_rows[0]]
        page.go("at_risk", segment=str(row["segment"]), driver=str(row["driver"]))


def _over_months(page: Page) -> None:
    st.subheader("How has this changed?", anchor=False)
    told = one_of(
        st.selectbox,
        "Change of",
        list(HISTORY),
        name="change",
        what="What is counted at each scored day.",
    )
    by = HISTORY[told]
    found = segments.over_months(page.store, by)
    days = found["day"].nunique()
    if days < 2:
        st.info("No earlier month was scored, so nothing can be said about change.", icon=":material/info:")
    order: list[str] = segments.order_of_segments(page.store) if by == "segment" else []
    names = [*[n for n in order if n in set(found[by])], *sorted(set(found[by]) - set(order))]
    most = found.groupby(by)["customers"].transform("max")
    cells = found.assign(
        day_told=found["day"].dt.strftime("%Y-%m"),
        told=found["customers"].map(page.formats.number),
        shade=LIGHT * found["customers"] / most,
        expected_told=found["expected"].map(lambda number: page.formats.number(number, 1)),
    )
    drawn = heat(
        cells,
        x=("day_told", "scored at the end of"),
        y=(by, ""),
        shade="shade",
        text="told",
        rows=names,
        columns=sorted(cells["day_told"].unique()),
        tips=(
            (by, by),
            ("day_told", "scored at the end of"),
            ("told", "customers"),
            ("expected_told", "expected to leave"),
        ),
    )
    chart(
        drawn,
        f"Customers by {by} and month. The darkest month of a row is that with the most customers; an empty cell: "
        "none.",
    )
    columns = {
        "day": TableColumn("As of", "The day as of which the customers were scored.", "date"),
        by: TableColumn(by.capitalize(), f"Name of the {by}."),
        "customers": TableColumn("Customers", "How many customers.", "number", 0),
        "share": TableColumn("Share", "Share of all customers scored on that day.", "percent", 1),
        "expected": TableColumn("Expected to leave", "Sum of their probabilities.", "number", 1),
    }
    table(page, found, "segments_by_month", columns)


def _flows(page: Page, day: date) -> None:
    st.subheader("Who moved between segments?", anchor=False)
    store, formats = page.store, page.formats
    earlier = [d for d in segments.scored_days(store) if d < day][::-1]
    if not earlier:
        st.info(
            f"No month before {formats.date(day)} was scored, so no move can be told.", icon=":material/info:"
        )
        return
    before = date.fromisoformat(
        one_of(
            st.selectbox,
            "Compared with",
            [d.isoformat() for d in earlier],
            name="before",
            what="The earlier day. YYYY-MM-DD. The later one is chosen at the top of the page.",
        )
    )
    found = segments.flows(store, before, day)
    _flow_figures(page, segments.moves(found))
    moving: pd.DataFrame = found[found["was"] != found["now"]].reset_index(drop=True)
    st.caption(HOW)
    moves_table(page, moving, "flows", before, day)


def _flow_figures(page: Page, counts: segments.Moves) -> None:
    formats = page.formats
    stayed, moved, new, gone = st.columns(4)
    figure(
        stayed,
        "Stayed (customers)",
        formats.number(counts.stayed),
        "Customers who are in the same segment on both days.",
    )
    figure(
        moved,
        "Moved (customers)",
        formats.number(counts.moved),
        "Customers who are in another segment than before.",
    )
    figure(
        new,
        "New (customers)",
        formats.number(counts.new),
        "Scored now, but not on the earlier day: mostly new customers.",
    )
    figure(
        gone,
        "No longer scored (customers)",
        formats.number(counts.gone),
        "Scored on the earlier day, but not now: they left, gave notice, were merged, or can no longer be scored.",
    )
