"""Which customers leave: the churn rates by group, as a part of the page Churn."""

import altair as alt
import pandas as pd
import streamlit as st

from churn_assets.app.page import Page
from churn_assets.app.parts.charts import COLOURS, chart
from churn_assets.app.parts.filters import one_of
from churn_assets.app.parts.tables import TableColumn, table
from churn_assets.app.queries import churn
from churn_assets.months import month_end

SPANS = {"last month": 1, "last 3 months": 3, "last 6 months": 6, "last 12 months": 12, "all months": None}
LARGE = 0.02  # of all customer-months: groups that decide how far the axis reaches


def show_groups(page: Page, months: list[str], revenue: bool) -> None:
    """Draws the part of the page."""
    st.subheader("Which customers leave?", anchor=False)
    store, formats = page.store, page.formats
    dimensions = churn.dimensions(store)
    left, right = st.columns(2)
    dimension = one_of(
        left.selectbox,
        "By",
        dimensions,
        name="by",
        what="What divides the customers: a column that churn.yaml names under churn_rates.by, or the months since "
        "they joined (tenure).",
    )
    span = one_of(
        right.selectbox,
        "Months",
        list(SPANS),
        index=1,
        name="span",
        what="More months give narrower intervals; fewer tell what is new.",
    )
    length = SPANS[span]
    first, last = months[-length if length else 0 :][0], months[-1]
    found = churn.by_group(store, dimension, first, last)
    between = formats.month(month_end(last))
    if first != last:
        between = f"{formats.month(month_end(first))} to {between}"
    _group_chart(found, between)
    table(page, found, "churn_by_group", _group_columns(dimension, revenue))


def _group_chart(found: pd.DataFrame, between: str) -> None:
    """Rate and interval of each group; the axis is made for the larger groups, which a tiny one would squeeze."""
    large = found["customer_months"] >= LARGE * found["customer_months"].sum()
    end = found["rate_high"].where(large, found["churn_rate"]).max()
    scale = alt.Scale(domain=[0, float(end) if pd.notna(end) and end > 0 else 1], clamp=True)
    base = alt.Chart(found).encode(
        y=alt.Y(
            "group:N",
            sort=found["group"].tolist(),
            title=None,
            axis=alt.Axis(labelLimit=150, labelOverlap=False),
        )
    )

    def x(name: str) -> alt.X:
        return alt.X(f"{name}:Q", title="churn rate per month", axis=alt.Axis(format=".1%"), scale=scale)

    reach = base.mark_rule(strokeWidth=2, color=COLOURS[0]).encode(x=x("rate_low"), x2="rate_high:Q")
    dots = base.mark_point(filled=True, size=90, color=COLOURS[0], shape="circle").encode(
        x=x("churn_rate"), tooltip=["group:N", alt.Tooltip("churn_rate:Q", format=".2%"), "customer_months:Q"]
    )
    choice = base.mark_point(size=70, color=COLOURS[1], shape="diamond").encode(
        x=x("churn_rate_by_choice"),
        tooltip=["group:N", alt.Tooltip("churn_rate_by_choice:Q", format=".2%")],
    )
    chart(
        (reach + dots + choice).properties(height=32 * len(found) + 60),
        f"Churn rate per month, {between}. Dot: all who left, with the 95 % interval; diamond: by choice. A line that "
        "ends at the edge goes on: the table has its end.",
    )


def _group_columns(dimension: str, revenue: bool) -> dict[str, TableColumn]:
    columns = {
        "group": TableColumn(
            dimension.replace("_", " ").capitalize(),
            f'The group at the end of the month; "{churn.NOT_KNOWN}" where it is not known.',
        ),
        "churn_rate": TableColumn(
            "Churn rate per month",
            "Those who left / (start - unknown), mean of the chosen months.",
            "percent",
            1,
        ),
        "rate_low": TableColumn("from", "Lower end of the 95 % interval of the churn rate.", "percent", 1),
        "rate_high": TableColumn("to", "Upper end of the 95 % interval of the churn rate.", "percent", 1),
        "churn_rate_by_choice": TableColumn(
            "By choice per month", "Those who left by choice / (start - unknown).", "percent", 1
        ),
        "customer_months": TableColumn(
            "Customer-months", "Customers at the start, summed over the chosen months.", "number", 0
        ),
        "lost_by_choice": TableColumn("Left by choice", "Customers who left by choice.", "number", 0),
        "lost_otherwise": TableColumn(
            "Left otherwise", "Customers who left without choosing to.", "number", 0
        ),
        "unknown": TableColumn(
            "Unknown", "There at the start of a month; nobody knows at its end.", "number", 0
        ),
    }
    if revenue:
        columns["net_revenue_retention"] = TableColumn(
            "Net revenue retention",
            "Revenue at the end of a month of those who were in the group at its start / their revenue then.",
            "percent",
            1,
        )
    return columns
