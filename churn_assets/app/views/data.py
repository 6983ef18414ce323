"""Data: how fresh each source is, what was refused and why, what is missing, and whether everybody is accounted for."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import altair as alt
import pandas as pd
import streamlit as st

from churn_assets.app.page import Page
from churn_assets.app.parts.charts import COLOURS, HEIGHT, SHAPES, chart
from churn_assets.app.parts.figures import figure
from churn_assets.app.parts.filters import one_of
from churn_assets.app.parts.header import header
from churn_assets.app.parts.tables import TableColumn, table
from churn_assets.app.queries import data
from churn_assets.app.queries.lights import data_light
from churn_assets.app.views.lights import draw_light
from churn_assets.counts import counted

ALL = "all sources"


def show(page: Page) -> None:
    """Draws the page."""
    header(
        page, "Data", "Can I trust the data? How fresh each source is, what was refused, and what is missing."
    )
    draw_light(
        "The data", data_light(page.store, page.status, page.now, page.formats.date), page.formats.date
    )
    if page.status is None:
        st.info("The pipeline has written no status, so freshness and refused rows are not known.")
    else:
        written = datetime.fromisoformat(page.status["at"])
        st.caption(f"As the pipeline told it on {page.formats.date(written.date())} at {written:%H:%M} UTC.")
        _figures(page, page.status)
        _incidents(page, page.status)
        _freshness(page, page.status)
        _missing(page, page.status)
        _refused(page, page.status)
    _people(page)
    if (objected := page.store.manifest.about.counts.get("objected")) is not None:
        told = counted(objected, "customer")
        st.caption(f"{told} objected to profiling. They have no score and are in no list.")


def _figures(page: Page, status: data.Status) -> None:
    sums, formats = data.row_balance(status), page.formats
    delivered, accepted, doubles, refused = st.columns(4)

    def share(count: int) -> str:
        return formats.percent(count / sums["delivered"], 2) if sums["delivered"] else "unknown"

    figure(
        delivered,
        "Delivered (rows)",
        formats.number(sums["delivered"]),
        "Rows in all extracts that arrived so far.",
    )
    figure(
        accepted,
        "Accepted (rows)",
        formats.number(sums["accepted"]),
        f"Rows that are used: {share(sums['accepted'])} of the delivered ones.",
    )
    figure(
        doubles,
        "Duplicates (rows)",
        formats.number(sums["duplicate"]),
        f"Rows that had been delivered before, unchanged: {share(sums['duplicate'])}. Nothing is lost with them.",
    )
    figure(
        refused,
        "Refused (rows)",
        formats.number(sums["quarantined"]),
        f"Rows that break a rule and are not used: {share(sums['quarantined'])}. They are kept with their reason.",
    )
    if sums["unbalanced"]:
        st.error(
            f"In {formats.number(sums['unbalanced'])} months of a source the rows do not add up: delivered is not "
            "accepted, duplicates and refused together. The table of refused rows names them."
        )
    else:
        st.caption("Delivered = accepted + duplicates + refused, in each month of each source.")


def _incidents(page: Page, status: data.Status) -> None:
    st.subheader("Which incidents are open?", anchor=False)
    found = data.incidents(status)
    if found.empty:
        st.success("None.", icon=":material/check_circle:")
        return
    table(
        page,
        found,
        "incidents",
        {
            "incident_id": TableColumn("Incident", "Its number."),
            "priority": TableColumn("Priority", "P1 is the most urgent, P4 the least."),
            "state": TableColumn(
                "State", "new: nobody has taken it; acknowledged: somebody works on it; resolved: over."
            ),
            "title": TableColumn("What is wrong", "In a few words.", width="large"),
            "opened_at": TableColumn("Opened on", "The day on which it was opened.", "date"),
            "resolve_by": TableColumn("Resolve by", "The day by which it should be over.", "date"),
        },
    )


def _freshness(page: Page, status: data.Status) -> None:
    st.subheader("How fresh is each source?", anchor=False)
    table(
        page,
        data.freshness(status),
        "freshness",
        {
            "source": TableColumn("Source", "Name of the source."),
            "newest_extract": TableColumn(
                "Newest extract", "Day of the newest extract that has passed.", "date"
            ),
            "known_until": TableColumn(
                "Known up to", "Up to this day nothing of the source is missing.", "date"
            ),
            "missing": TableColumn(
                "Months missing", "Months without an extract that has passed.", "number", 0
            ),
            "missing_months": TableColumn("Which", "The months that are missing; empty: none."),
        },
    )


def _missing(page: Page, status: data.Status) -> None:
    st.subheader("Which extracts are missing?", anchor=False)
    found = data.missing(status)
    if found.empty:
        st.success("No extract is missing.", icon=":material/check_circle:")
        return
    st.caption(
        "A month that is missing says nothing about churn: nothing is computed from it. The open month may yet come."
    )
    table(
        page,
        found,
        "missing_extracts",
        {
            "source": TableColumn("Source", "Name of the source."),
            "month": TableColumn("Month", "The month that is missing, YYYY-MM."),
            "why": TableColumn("Why", "No extract has passed, or the rule that refused it.", width="large"),
        },
    )


def _refused(page: Page, status: data.Status) -> None:
    st.subheader("Which rows were refused, and why?", anchor=False)
    by_month = data.refused_by_month(status)
    names = [ALL, *sorted(by_month["source"].unique())]
    source = one_of(
        st.selectbox, "Source", names, name="source", what="Shows the refused rows of one source, or of all."
    )
    picked = None if source == ALL else source
    found = data.refused(status, picked)
    if found.empty:
        st.success("No row was refused.", icon=":material/check_circle:")
    else:
        table(
            page,
            found,
            "refused_rows",
            {
                "source": TableColumn("Source", "Name of the source."),
                "why": TableColumn("Reason", "What is wrong with the rows."),
                "rows": TableColumn("Rows", "How many rows it refused.", "number", 0),
                "months": TableColumn("Months", "In how many months.", "number", 0),
                "first": TableColumn("First in", "The first of these months, YYYY-MM."),
                "last": TableColumn("Last in", "The last of these months, YYYY-MM."),
                "rule": TableColumn("Rule", "The name of the rule, for whoever looks after the data."),
            },
        )
    shown = by_month if picked is None else by_month[by_month["source"] == picked]
    if not shown.empty:
        _refused_chart(shown)
        table(page, shown.reset_index(drop=True), "rows_by_month", _row_columns())


def _refused_chart(rows: pd.DataFrame) -> None:
    sums = rows.groupby("month", as_index=False)[["delivered", "quarantined"]].sum()
    sums["share"] = sums["quarantined"] / sums["delivered"].where(sums["delivered"] > 0)
    drawn = (
        alt.Chart(sums.assign(month=pd.to_datetime(sums["month"], format="%Y-%m")))
        .mark_line(color=COLOURS[0], point=alt.OverlayMarkDef(shape=SHAPES[0], color=COLOURS[0]))
        .encode(
            x=alt.X("yearmonth(month):T", title="month of the extract"),
            y=alt.Y("share:Q", title="refused rows (%)", axis=alt.Axis(format=".2%")),
            tooltip=[
                "yearmonth(month):T",
                alt.Tooltip("share:Q", format=".3%"),
                "quarantined:Q",
                "delivered:Q",
            ],
        )
        .properties(height=HEIGHT - 60)
    )
    chart(drawn, "Refused rows as a share of the delivered ones, by month of the extract.")


def _row_columns() -> dict[str, TableColumn]:
    def count(label: str, what: str) -> TableColumn:
        return TableColumn(label, what, "number", 0)

    return {
        "source": TableColumn("Source", "Name of the source."),
        "month": TableColumn("Month", "Month of the extract, YYYY-MM."),
        "delivered": count("Delivered", "Rows that arrived."),
        "accepted": count("Accepted", "Rows that are used."),
        "duplicate": count("Duplicates", "Rows that had been delivered before, unchanged."),
        "quarantined": count("Refused", "Rows that break a rule; they are kept with their reason."),
        "share": TableColumn("Refused, share", "Refused rows / delivered rows.", "percent", 2),
        "balances": TableColumn("Adds up", "Delivered = accepted + duplicates + refused.", "yes_no"),
    }


def _people(page: Page) -> None:
    st.subheader("Is everybody accounted for?", anchor=False)
    if not page.store.has("people_balance"):
        st.info(f"Nobody has counted: {page.store.why_absent('people_balance')}.")
        return
    found = data.people(page.store)
    if found.empty:
        st.info("No month has been counted yet.", icon=":material/info:")
        return
    newest: Mapping[Any, Any] = found.iloc[0].to_dict()
    formats = page.formats
    rest = [
        f"- {formats.number(newest[name])} {told}"
        for name, told in (
            ("ended", "ended"),
            ("merged", "merged"),
            ("disappeared", "disappeared"),
            ("unknown", "unknown"),
        )
        if newest[name]
    ]
    st.markdown(
        f"{newest['source'].capitalize()}, {formats.date(newest['as_of_date'].date())}: "
        f"{formats.number(newest['now'])} customers = {formats.number(newest['former'])} before + "
        f"{formats.number(newest['new'])} new {' '.join(rest)}."
    )
    if (found["difference"] != 0).any():
        st.error(
            "In some month this does not add up. The column Difference shows where.", icon=":material/error:"
        )

    def count(label: str, what: str) -> TableColumn:
        return TableColumn(label, what, "number", 0)

    table(
        page,
        found,
        "people",
        {
            "as_of_date": TableColumn("As of", "The month end that is counted.", "date"),
            "source": TableColumn("Source", "The source that tells of these people, or all together."),
            "former": count("Before", "Customers at the end of the month before."),
            "new": count("New", "Those who were not, and of whom this month tells for the first time."),
            "now": count("Now", "Customers at this month end."),
            "ended": count("Ended", "Those whose end was told."),
            "merged": count("Merged", "Those who were merged into another customer, who goes on."),
            "disappeared": count(
                "Disappeared", "Those whom no full delivery lists any more, without a told end."
            ),
            "unknown": count("Unknown", "Those whose newest row was refused, or whose merge leads nowhere."),
            "difference": count("Difference", "What the sum lacks; 0 where everybody is accounted for."),
        },
    )
