"""Churn: how many customers and how much revenue leave, by month, by group, and by month of joining."""

import altair as alt
import pandas as pd
import streamlit as st

from churn_assets.app.page import Page
from churn_assets.app.parts.charts import COLOURS, HEIGHT, chart, colours, dashes, shapes
from churn_assets.app.parts.figures import figure, signed
from churn_assets.app.parts.filters import one_of
from churn_assets.app.parts.header import header
from churn_assets.app.parts.tables import TableColumn, table
from churn_assets.app.queries import churn
from churn_assets.app.views.churn_groups import show_groups
from churn_assets.app.views.heat import heat
from churn_assets.months import month_end

DEFINITIONS = {
    "Churn rate": "Customers who left in the month, divided by the customers at its start. Who is unknown at the "
    "end of the month is taken out of both. Example: of 101 customers at the start 1 is unknown and 4 leave: 4 / 100 = "
    "4 %.",
    "By choice and otherwise": "By choice: the customer ended the contract. Otherwise: the contract ended without the "
    "customer's choice, for example after a death or unpaid bills. Both together are the churn rate.",
    "Net revenue retention": "What the customers of the start of the month pay at its end, divided by what they paid "
    "at its start. New customers do not count, so 98 % means: leavers and cheaper plans cost 2 % more than dearer "
    "plans brought.",
    "Unknown": "People of whom nobody knows whether they are still customers: their newest row was refused, a "
    "full delivery no longer lists them, or a merge names no valid survivor. They are counted apart, neither as lost "
    "nor as there.",
    "Customer": "Who has a running contract at the end of a month. Without contracts: who was active in the last days, "
    "as churn.yaml says. A new contract soon after the end of the old one continues it.",
    "Settled month": "A month is shown once its endings are known: with the first delivery some days after its end. A "
    "row that is corrected later changes the month.",
    "Retention by month of joining": "Of the customers who joined in one month, the share that is there at the end of "
    "a later month. Who left and came back counts as there; who is unknown is taken out.",
    "95 % interval": "So few customers leave by chance more or less often. The interval holds the rates that fit what "
    "was counted; groups whose intervals overlap may not differ at all.",
}
FLOW_WORDS = {
    "start": "at the start",
    "new": "+ new",
    "returned": "+ returned",
    "known_again": "+ known again",
    "lost_by_choice": "- left by choice",
    "lost_otherwise": "- left otherwise",
    "unknown": "- unknown",
    "expansion": "+ those who stay pay more",
    "contraction": "- those who stay pay less",
    "end": "= at the end",
}
BY_CHOICE, ALL_LEAVERS = "by choice", "all who leave"


def show(page: Page) -> None:
    """Draws the page."""
    header(page, "Churn", "How many customers and how much revenue leave, and from where.")
    _definitions()
    if not page.store.has("churn_rates"):
        st.info(f"There are no churn rates: {page.store.why_absent('churn_rates')}.")
    else:
        _rates(page)
    st.subheader("How long do customers stay, by month of joining?", anchor=False)
    if not page.store.has("retention_cohorts"):
        st.info(f"There is no retention by month of joining: {page.store.why_absent('retention_cohorts')}.")
    else:
        _triangle(page)


def _definitions() -> None:
    with st.container(horizontal=True):
        for name, told in DEFINITIONS.items():
            with st.popover(name, type="tertiary", icon=":material/help:"):
                st.markdown(told)


def _rates(page: Page) -> None:
    store = page.store
    months = churn.months(store)
    if not months:
        st.info(
            "No month has settled yet, so there is no churn rate. The first one appears after its endings are known."
        )
        return
    rates, revenue = churn.rates(store), churn.has_revenue(store)
    _newest(page, rates, revenue)
    _by_month(page, rates, revenue)
    _where_they_went(page, months, revenue)
    show_groups(page, months, revenue)


def _newest(page: Page, rates: pd.DataFrame, revenue: bool) -> None:
    """The newest settled month beside the one before."""
    formats, now = page.formats, rates.iloc[-1]
    before = rates.iloc[-2] if len(rates) > 1 else None
    month = formats.month(month_end(now["month"]))
    settled = formats.date(now["settled_on"].date())
    st.subheader(f"{month}, the newest settled month", anchor=False)

    def points(name: str) -> str | None:
        """The change in percentage points."""
        if before is None or pd.isna(now[name]) or pd.isna(before[name]):
            return None
        difference = round(100 * (now[name] - before[name]), 1)
        told = signed(difference, f"{formats.number(abs(difference), 1)} percentage points")
        return f"{told} since {formats.month(month_end(before['month']))}"

    rate, choice, net, unknown = st.columns(4)
    figure(
        rate,
        "Churn rate (% of customers)",
        formats.percent(now["churn_rate"], 1),
        f"Share of the customers at the start of {month} who left in it, by choice or otherwise.",
        delta=points("churn_rate"),
        more_is_worse=True,
        interval=(formats.percent(now["rate_low"], 1), formats.percent(now["rate_high"], 1)),
    )
    figure(
        choice,
        "By choice (% of customers)",
        formats.percent(now["churn_rate_by_choice"], 1),
        f"Share of the customers at the start of {month} who left in it by their own choice.",
        delta=points("churn_rate_by_choice"),
        more_is_worse=True,
    )
    figure(
        net,
        "Net revenue retention (% of revenue)",
        formats.percent(now["net_revenue_retention"], 1) if revenue else None,
        f"What the customers of the start of {month} pay at its end, as a share of what they paid at its start."
        if revenue
        else "This business declares no revenue for its churn rates.",
        delta=points("net_revenue_retention") if revenue else None,
    )
    figure(
        unknown,
        "Unknown (people)",
        formats.number(now["unknown_at_end"]),
        f"People of whom nobody knows at the end of {month} whether they are customers. They are in no rate.",
    )
    st.caption(f"{month} was settled with the delivery of {settled}.")


def _by_month(page: Page, rates: pd.DataFrame, revenue: bool) -> None:
    st.subheader("Month by month", anchor=False)
    day = pd.to_datetime(rates["month"], format="%Y-%m")
    names = {ALL_LEAVERS: "churn_rate", BY_CHOICE: "churn_rate_by_choice"}
    both = pd.concat(
        [pd.DataFrame({"month": day, "who": who, "rate": rates[column]}) for who, column in names.items()]
    )
    x = alt.X("yearmonth(month):T", title="month")
    # a frame of its own: rows without an interval would tear the band apart
    interval = alt.Chart(pd.DataFrame({"month": day, "low": rates["rate_low"], "high": rates["rate_high"]}))
    band = interval.mark_area(opacity=0.2, color=COLOURS[0]).encode(
        x=x, y=alt.Y("low:Q", title="churn rate", axis=alt.Axis(format=".1%")), y2="high:Q"
    )
    lines = (
        alt.Chart(both)
        .mark_line(point=True)
        .encode(
            x=x,
            y="rate:Q",
            color=alt.Color(
                "who:N", scale=colours(list(names)), title=None, legend=alt.Legend(orient="bottom")
            ),
            strokeDash=alt.StrokeDash("who:N", scale=dashes(list(names)), title=None),
            shape=alt.Shape("who:N", scale=shapes(list(names)), title=None),
            tooltip=["yearmonth(month):T", "who:N", alt.Tooltip("rate:Q", format=".2%")],
        )
    )
    chart(
        (band + lines).properties(height=HEIGHT),
        "Customers who left in each month, as a share of those at its start; the shaded band is the 95 % interval of "
        "all who left.",
    )
    if revenue:
        kept = pd.DataFrame({"month": day, "kept": rates["net_revenue_retention"]})
        line = (
            alt.Chart(kept)
            .mark_line(point=True, color=COLOURS[0])
            .encode(
                x=x,
                y=alt.Y(
                    "kept:Q",
                    title="revenue kept",
                    axis=alt.Axis(format=".1%"),
                    scale=alt.Scale(zero=False),
                ),
                tooltip=["yearmonth(month):T", alt.Tooltip("kept:Q", format=".2%")],
            )
        )
        chart(
            line.properties(height=HEIGHT - 60),
            "Net revenue retention: what the customers of a month's start pay at its end. The axis does not begin at "
            "0.",
        )
    table(page, rates.assign(month=day), "churn_by_month", _month_columns(revenue))


def _month_columns(revenue: bool) -> dict[str, TableColumn]:
    def count(label: str, what: str) -> TableColumn:
        return TableColumn(label, what, "number", 0)

    columns = {
        "month": TableColumn("Month", "The month that is counted.", "month"),
        "churn_rate": TableColumn("Churn rate", "Those who left / (start - unknown).", "percent", 1),
        "rate_low": TableColumn("from", "Lower end of the 95 % interval of the churn rate.", "percent", 1),
        "rate_high": TableColumn("to", "Upper end of the 95 % interval of the churn rate.", "percent", 1),
        "churn_rate_by_choice": TableColumn(
            "By choice", "Those who left by choice / (start - unknown).", "percent", 1
        ),
        "customers_start": count("Customers at start", "Customers at the end of the month before."),
        "customers_new": count("New", "There at the end, and never a customer before."),
        "customers_returned": count("Returned", "There at the end, not at the start, but a customer before."),
        "customers_known_again": count("Known again", "There at the end, unknown at the start."),
        "customers_lost_by_choice": count("Left by choice", "There at the start, and left by choice."),
        "customers_lost_otherwise": count(
            "Left otherwise", "There at the start, and left without choosing to."
        ),
        "customers_unknown": count("Unknown", "There at the start; nobody knows at the end."),
        "customers_end": count("Customers at end", "Customers at the end of the month."),
        "settled_on": TableColumn("Settled on", "The delivery with which the month settled.", "date"),
    }
    if revenue:
        columns |= {
            "net_revenue_retention": TableColumn(
                "Net revenue retention",
                "Revenue at the end of those who were there at the start / their revenue at the start.",
                "percent",
                1,
            ),
            "revenue_start": TableColumn(
                "Revenue at start, per month", "Revenue of the customers at the start.", "money"
            ),
            "revenue_end": TableColumn(
                "Revenue at end, per month", "Revenue of the customers at the end.", "money"
            ),
        }
    return columns


def _where_they_went(page: Page, months: list[str], revenue: bool) -> None:
    st.subheader("Where did they come from and go?", anchor=False)
    newest_first = months[::-1]
    month = one_of(
        st.selectbox,
        "Month",
        newest_first,
        name="month",
        what="The month whose customers are followed from its start to its end.",
    )
    found = churn.balance(page.store, month)
    columns = {
        "told": TableColumn(
            "Flow", "What became of the customers between the start and the end of the month."
        ),
        "customers": TableColumn(
            "Customers", "How many customers; the rows add up to the last.", "number", 0
        ),
    }
    if revenue:
        columns["revenue"] = TableColumn(
            "Revenue per month", "Their revenue; the rows add up to the last.", "money"
        )
    table(page, found.assign(told=found["flow"].map(FLOW_WORDS)), "churn_balance", columns)


def _triangle(page: Page) -> None:
    found = churn.triangle(page.store)
    if found.empty:
        st.info("Nobody who joined can be followed yet: no month has settled.")
        return
    of = "customers"
    if found["revenue_retention"].notna().any():
        of = one_of(
            st.selectbox,
            "Of",
            ["customers", "revenue"],
            name="of",
            what="Customers: how many are still there. Revenue: what they pay as a share of what they paid in the "
            "month in which they joined.",
        )
    what = "retention" if of == "customers" else "revenue_retention"
    low = found[what].min()
    cells = found.assign(
        shade=((found[what] - low) / max(1 - low, 1e-9)).clip(0, 1),
        told=found[what].map(lambda share: "?" if pd.isna(share) else f"{100 * share:.0f}"),
        joined_told=found["joined"].map(page.formats.number),
    )
    drawn = heat(
        cells,
        x=("months_since", "months since joining"),
        y=("joined_month", "joined in"),
        shade="shade",
        text="told",
        rows=sorted(found["joined_month"].unique()),
        columns=sorted(found["months_since"].unique().tolist()),
        tips=(
            ("joined_month", "joined in"),
            ("months_since", "months since"),
            ("told", "still there, %"),
            ("joined_told", "joined"),
        ),
    )
    chart(
        drawn,
        f"Of the {of} of each month of joining, the percentage that is there after so many months; ? where all are "
        "unknown.",
    )
    columns = {
        "joined_month": TableColumn("Joined in", "Month in which these customers joined, YYYY-MM."),
        "months_since": TableColumn(
            "Months since", "Months from joining to the month that is counted.", "number", 0
        ),
        "month": TableColumn("Month", "Month at whose end is counted, YYYY-MM."),
        "joined": TableColumn("Joined (customers)", "Customers who joined in that month.", "number", 0),
        "customers": TableColumn("There (customers)", "Those of them who are there.", "number", 0),
        "unknown": TableColumn("Unknown (customers)", "Those of them of whom nobody knows.", "number", 0),
        "retention": TableColumn("Customers kept", "There / (joined - unknown).", "percent", 1),
    }
    if found["revenue_retention"].notna().any():
        columns["revenue_retention"] = TableColumn(
            "Revenue kept", "Their revenue / their revenue in the month of joining.", "percent", 1
        )
    table(page, found, "retention", columns)
