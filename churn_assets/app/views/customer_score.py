"""What the model says of a customer: risk, reasons, how long they may stay, earlier scores and similar customers."""

from functools import partial
from typing import Any

import altair as alt
import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from churn_assets.app.page import Page
from churn_assets.app.parts.charts import COLOURS, chart, colours, shapes
from churn_assets.app.parts.figures import figure
from churn_assets.app.parts.tables import TableColumn, table
from churn_assets.app.parts.words import plain, points
from churn_assets.app.queries.customer import outcome_window, score_history, survival, worth
from churn_assets.app.queries.lifetime_value import value_told
from churn_assets.app.queries.similar_customers import ENOUGH, similar
from churn_assets.app.queries.value import customer_value
from churn_assets.reporting.words import capitalised

SMALLEST = 0.0005  # change of a probability that is told
ALIKE = {"segment": "segment", "driver": "main cause", "value_tier": "value"}
HISTORY = {
    "as_of_date": TableColumn("As of", "Day as of which the score was computed.", "date"),
    "probability": TableColumn(
        "Chance to leave", "Chance to leave in the time after that day.", "percent", 1
    ),
    "risk_tier": TableColumn("Risk", "high, elevated or low, by rank among all customers of that day."),
    "decile": TableColumn("Tenth", "Tenth of all customers by risk: 1 holds the riskiest.", "number", 0),
    "segment": TableColumn("Segment", "Segment of that day."),
    "model_version": TableColumn("Model", "Version of the model that gave the score."),
}


def score_told(page: Page, row: dict[str, Any]) -> None:
    """The parts of the page that only customers with a score have."""
    history = score_history(page.store, row["customer_key"])
    if page.store.morning is not None:
        st.subheader(f"At the month end, {page.formats.date(page.store.as_of)}")
    _risk(page, row, history)
    left, right = st.columns(2)
    with left:
        _reasons(page, row)
    with right:
        _stay(page, row)
    _history(page, history)
    _similar(page, row)


def _risk(page: Page, row: dict[str, Any], history: pd.DataFrame) -> None:
    window = outcome_window(page.store, row["as_of_date"])
    when = "in the time that the business declares"
    if window is not None:
        when = f"from {page.formats.date(window[0])} to {page.formats.date(window[1])}"
    columns = st.columns(3)
    figure(
        columns[0],
        "Chance to leave",
        page.formats.percent(row["probability"], 1),
        f"Probability that the customer leaves {when}, as model {row['model_version']} sees it on "
        f"{page.formats.date(row['as_of_date'])}.",
        delta=_change(page, history),
        more_is_worse=True,
    )
    figure(columns[1], "Risk", row["risk_tier"], "high, elevated or low, by rank among all scored customers.")
    _value(page, columns[2], row)
    st.markdown(
        f"**Segment:** {plain(row['segment'] or 'unknown')} · **What to do:** "
        f"{plain(row['action'] or 'nothing is recommended.')}",
        help="A segment is a group of customers for whom one action is recommended.",
    )


def _value(page: Page, column: DeltaGenerator, row: dict[str, Any]) -> None:
    value = customer_value(page.store)
    if value is None:
        figure(column, "Value", "not declared", "The business declares no value of a customer.")
        return
    amount = value.told(page.formats, worth(row, value))
    label = "Value per month" if value.months else "Value"
    tier = f" ({row['value_tier']})" if amount is not None and row["value_tier"] else ""
    what = f"{value.how} In brackets: high, middle or low, by rank among all scored customers."
    figure(column, label, None if amount is None else f"{amount}{tier}", what)


def _change(page: Page, history: pd.DataFrame) -> str | None:
    """The change since the last scored month; None without one, where another model gave that score, and
    where it reads as 0.0 points."""
    if len(history) < 2 or history["model_version"].iloc[-2] != history["model_version"].iloc[-1]:
        return None
    before, now = history.iloc[-2], history.iloc[-1]
    if abs(now["probability"] - before["probability"]) < SMALLEST:
        return None
    since = page.formats.date(before["as_of_date"])
    return f"{points(page.formats, before['probability'], now['probability'])} since {since}"


def _reasons(page: Page, row: dict[str, Any]) -> None:
    st.subheader(
        "Why", help="What raises this customer's risk most, the strongest first, as the model sees it."
    )
    reasons = [row[name] for name in ("reason_1", "reason_2", "reason_3") if row[name]]
    if reasons:
        said = [plain(capitalised(reason)) for reason in reasons]
        st.markdown("\n".join(f"{n}. {reason}" for n, reason in enumerate(said, 1)))
    else:
        st.write("Nothing stands out: no single value raises the risk of this customer notably.")
    st.caption(
        f"Main cause, taking all values together: {plain(row['driver'] or 'unknown')}. All days count from "
        f"{page.formats.date(row['as_of_date'])}. A typical value is the middle one of the customers that the model "
        "learned from."
    )


def _stay(page: Page, row: dict[str, Any]) -> None:
    st.subheader(
        "When they may leave",
        help="From customers like this one in the past: how many were still there after so many months.",
    )
    if (worth_told := value_told(row, page.formats)) is not None:
        st.write(plain(worth_told))
    if row["expected_months"] is None:
        st.write("There is no estimate of how long this customer stays.")
        return
    number = page.formats.number
    ends = [row["expected_months_low"], row["expected_months_high"]]
    between = f" (mean, 95 % interval {number(ends[0])} to {number(ends[1])})" if None not in ends else ""
    horizon = number(row["horizon_months"])
    st.write(
        f"Expected to stay {number(row['expected_months'])} of the next {horizon} months{between}. "
        "The interval is that of the mean of such customers; one customer may differ more."
    )
    points = survival(row)
    if points.empty:
        return
    points["said"] = points["chance"].map(page.formats.percent)
    base = alt.Chart(points).encode(
        x=alt.X("months:Q", title="months from now", axis=alt.Axis(values=points["months"].tolist())),
        y=alt.Y(
            "chance:Q",
            title="chance to be still there",
            scale=alt.Scale(domain=[0, 1]),
            axis=alt.Axis(format="%"),
        ),
        tooltip=["months", "said"],
    )
    line = base.mark_line(point=alt.OverlayMarkDef(size=60), color=COLOURS[0])
    text = base.mark_text(dy=14).encode(text="said").transform_filter("datum.months > 0")
    chart(
        (line + text).properties(height=200), "Chance that the customer is still there after so many months."
    )


def _history(page: Page, history: pd.DataFrame) -> None:
    st.subheader("Scores over time", help="The chance to leave as each month's scores told it then.")
    if len(history) < 2:
        st.write("No earlier month was scored for this customer.")
        return
    shown = history.assign(model="model " + history["model_version"])
    models = shown["model"].drop_duplicates().tolist()
    line = (
        alt.Chart(shown)
        .mark_line(point=alt.OverlayMarkDef(size=60))
        .encode(
            x=alt.X("as_of_date:T", title=None, axis=alt.Axis(format="%b %Y", tickCount="month")),
            y=alt.Y(
                "probability:Q",
                title="chance to leave",
                axis=alt.Axis(format="%"),
                scale=alt.Scale(zero=True),
            ),
            detail="model",
            color=alt.Color("model:N", title=None, scale=colours(models)),
            shape=alt.Shape("model:N", title=None, scale=shapes(models)),
            tooltip=["as_of_date:T", alt.Tooltip("probability:Q", format=".1%"), "model", "risk_tier"],
        )
    )
    chart(line.properties(height=200), "Chance to leave by month; the shape tells the model version.")
    table(page, history.iloc[::-1], "scores", HISTORY)


def _similar(page: Page, row: dict[str, Any]) -> None:
    st.subheader(
        "Customers like this one", help="What became of customers in the same situation in earlier months."
    )
    found = similar(page.store, row)
    if not found.days:
        st.write(
            "No earlier month was scored whose outcome is known by now, so nothing can be told of similar customers."
        )
        return
    first, last = page.formats.date(found.days[0]), page.formats.date(found.days[-1])
    days = f"on {first}" if first == last else f"on {len(found.days)} days from {first} to {last}"
    if not found.cases:
        st.write(f"Fewer than {ENOUGH} similar customers were scored {days}; they are too few to tell.")
        return
    number, percent = page.formats.number, partial(page.formats.percent, digits=1)
    wanted = f" Of those who left, {number(found.by_choice)} wanted to." if found.left else ""
    st.markdown(
        f"**{number(found.left)} of {number(found.cases)} left** within {found.within} days, "
        f"{percent(found.left / found.cases)} (95 % interval {percent(found.low)} to {percent(found.high)}); "
        f"{number(found.cases - found.left)} stayed.{wanted}"
    )
    same = " and ".join(f"{ALIKE[name]} ({row[name] or 'unknown'})" for name in found.alike)
    unknown = (
        f" What became of {number(found.unknown)} more is not known; they do not count."
        if found.unknown
        else ""
    )
    st.caption(
        plain(
            f"Counted {days}: {number(found.customers)} customers of the same {same}, each once for every such day."
            f"{unknown}"
        )
    )
