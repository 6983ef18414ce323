"""Whether the probabilities came true, by tenth of the customers, as a part of the page Model."""

from datetime import date

import altair as alt
import pandas as pd
import streamlit as st

from churn_assets.app.page import Page
from churn_assets.app.parts.charts import COLOURS, HEIGHT, chart
from churn_assets.app.parts.tables import TableColumn, table
from churn_assets.app.queries import model

COLUMNS = {
    "tenth": TableColumn("Tenth", "Customers by probability; 1 is the riskiest tenth.", "number", 0),
    "predicted": TableColumn("Predicted", "Mean of their probabilities to leave.", "percent", 1),
    "observed": TableColumn("Left", "Share of them who left.", "percent", 1),
    "low": TableColumn("from", "Lower end of the 95 % interval of the share who left.", "percent", 1),
    "high": TableColumn("to", "Upper end of the 95 % interval of the share who left.", "percent", 1),
    "customers": TableColumn("Customers", "Customers of the tenth with a known outcome.", "number", 0),
    "positives": TableColumn("Left (customers)", "Those of them who left.", "number", 0),
    "fits": TableColumn("Fits", "Whether the prediction lies within the interval.", "yes_no"),
}


def show_calibration(page: Page, day: date, version: str) -> None:
    """Draws the part of the page for the customers of a judged day and the model that scored them."""
    st.markdown("**Did the probabilities come true?**")
    if not page.store.has(model.CALIBRATION):
        st.info(f"Nobody has compared them by tenth: {page.store.why_absent(model.CALIBRATION)}.")
        return
    found = model.tenths(page.store, day, version)
    if found.empty:
        st.info(
            f"The release holds no tenths of the customers of {page.formats.date(day)} as model {version} scored them."
        )
        return
    st.markdown(
        f"In {page.formats.number(int(found['fits'].sum()))} of {page.formats.number(len(found))} tenths of the "
        f"customers of {page.formats.date(day)} the mean probability lies within the 95 % interval of the share who "
        "left. If all probabilities are right, chance puts about one of twenty outside."
    )
    _chart(found)
    table(page, found, "model_calibration", COLUMNS)


def _chart(found: pd.DataFrame) -> None:
    reach = alt.Scale(domain=[0, float(found[["predicted", "high"]].to_numpy().max()) * 1.05], nice=False)
    percent = alt.Axis(format=".0%")
    y = alt.Y("observed:Q", title="share who left", axis=percent, scale=reach)
    base = alt.Chart(found).encode(
        x=alt.X("predicted:Q", title="mean probability of the tenth", axis=percent, scale=reach)
    )
    intervals = base.mark_rule(strokeWidth=2, color=COLOURS[0]).encode(
        y=alt.Y("low:Q", title="share who left", axis=percent, scale=reach), y2="high:Q"
    )
    points = base.mark_point(filled=True, size=90, color=COLOURS[0], shape="circle").encode(
        y=y,
        tooltip=[
            "tenth:O",
            alt.Tooltip("predicted:Q", format=".1%"),
            alt.Tooltip("observed:Q", format=".1%"),
            "customers:Q",
            "positives:Q",
        ],
    )
    ends = pd.DataFrame({"predicted": reach.domain, "observed": reach.domain})
    right = (
        alt.Chart(ends).mark_line(strokeDash=[4, 4], color=COLOURS[-1]).encode(x=alt.X("predicted:Q"), y=y)
    )
    chart(
        (right + intervals + points).properties(height=HEIGHT),
        "Each dot is a tenth of the customers: its mean probability and the share who left, with the 95 % interval. "
        "Dashed line: what was predicted came true.",
    )
