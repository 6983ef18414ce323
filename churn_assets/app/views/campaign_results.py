"""What campaigns brought: contacted against left alone, with intervals, or why nothing can be said yet."""

import altair as alt
import pandas as pd
import streamlit as st

from churn_assets.app.page import Page
from churn_assets.app.parts.charts import COLOURS, chart
from churn_assets.app.parts.tables import TableColumn, table
from churn_assets.app.parts.words import plain
from churn_assets.app.queries.campaign import results
from churn_assets.counts import counted

ALL = "all"
ASTRAY = {  # column -> what it means: the first two make the arms alike, the third is not compared
    "control_contacted": "who should have been left alone {were} contacted, so the result is biased",
    "not_contacted": "who should have been contacted {were} not, so the result is biased",
    "unplanned": "{were} contacted without a plan; they are in neither arm",
}


def show_results(page: Page) -> None:
    """Draws the measured results, or the sentence why there are none."""
    st.subheader(
        "What did campaigns bring?",
        anchor=False,
        help="All who were to be contacted, contacted or not, against those left alone at random, within so many days "
        "after the start of a campaign.",
    )
    if not page.store.has("campaign_results"):
        why = page.store.why_absent("campaign_results")
        st.info(plain(f"No campaign has been measured: {why}."), icon=":material/info:")
        return
    found = results(page.store)
    if found.empty:
        st.info(
            "No campaign has been measured yet: the first outcomes are still open.", icon=":material/info:"
        )
        return
    rows = found.assign(
        campaign=[_name(*pair) for pair in zip(found["campaign_id"], found["origin"], strict=True)],
    )
    table(page, rows, "campaign_results", RESULTS, lines=2)
    _draw(rows)
    for told in _astray(rows):
        st.warning(plain(told), icon=":material/warning:")


def _name(campaign_id: str, origin: str) -> str:
    named = "all campaigns" if campaign_id == ALL else campaign_id
    return named if origin == "plan" else f"{named} ({origin.replace('_', ' ')})"


def _draw(rows: pd.DataFrame) -> None:
    """The difference with its interval, where it can be told."""
    known = rows.dropna(subset=["difference", "difference_low", "difference_high"])
    if known.empty:
        return
    shown = known.assign(days=known["days"].astype(int).astype(str) + " days")
    base = alt.Chart(shown.assign(line=shown["campaign"] + ", " + shown["days"])).encode(
        y=alt.Y("line:N", title=None, sort=None, axis=alt.Axis(labelLimit=320))
    )
    span = base.mark_rule(color=COLOURS[0], strokeWidth=3).encode(
        x=alt.X("difference_low:Q", title="difference of churn", axis=alt.Axis(format="%")),
        x2="difference_high:Q",
    )
    point = base.mark_point(color=COLOURS[1], filled=True, size=90, shape="diamond").encode(x="difference:Q")
    chart(
        span + point,
        "Churn of those who were to be contacted, less that of those left alone, with its 95 % interval. Left of 0: "
        "the campaign kept customers.",
    )


def _astray(rows: pd.DataFrame) -> list[str]:
    """Sentences about contacts that do not follow the plan, one per campaign and kind."""
    longest = rows.sort_values("days").drop_duplicates(["campaign_id", "origin"], keep="last")
    found = []
    for _, row in longest.iterrows():
        for column, words in ASTRAY.items():
            number = int(row[column])
            if number and row["campaign_id"] != ALL:
                told = words.format(were="was" if number == 1 else "were")
                found.append(f"{row['campaign']}: {counted(number, 'customer')} {told}.")
    return found


RESULTS = {
    "campaign": TableColumn("Campaign", "The campaign, and where its contacts come from if not from a plan."),
    "days": TableColumn("Days", "Days from the start within which customers left.", "number", 0),
    "told": TableColumn("Result", "What can be said.", width="large"),
    "prevented": TableColumn("Churn prevented", "Share of the churn of the contacted.", "percent", 0),
    "prevented_low": TableColumn("from", "Lower end of its 95 % interval.", "percent", 0),
    "prevented_high": TableColumn("to", "Upper end of its 95 % interval.", "percent", 0),
    "saved": TableColumn("Customers saved", "Who stayed because of it; below 0: who left.", "number", 1),
    "profit": TableColumn("Profit", "Months of stay won times margin, less the cost.", "money", 0),
    "profit_low": TableColumn("profit from", "Lower end of its 95 % interval.", "money", 0),
    "profit_high": TableColumn("profit to", "Upper end of its 95 % interval.", "money", 0),
    "treated": TableColumn("Contacted", "Who were to be contacted and whose outcome is known.", "number", 0),
    "control": TableColumn("Left alone", "Of the control arm, those whose outcome is known.", "number", 0),
    "waiting": TableColumn("Open", "Customers of both arms whose days are not over.", "number", 0),
}
