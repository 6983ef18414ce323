"""Model: can it be trusted, how good it was, what has changed since its training, and why it is in charge."""

from collections.abc import Mapping
from datetime import date
from typing import Any

import altair as alt
import pandas as pd
import streamlit as st

from churn_assets.app.page import Page
from churn_assets.app.parts.charts import COLOURS, HEIGHT, chart
from churn_assets.app.parts.figures import figure
from churn_assets.app.parts.header import header
from churn_assets.app.parts.tables import TableColumn, table
from churn_assets.app.parts.words import plain
from churn_assets.app.queries import model
from churn_assets.app.queries.lights import model_light
from churn_assets.app.views.lights import draw_light
from churn_assets.app.views.model_calibration import show_calibration

NARROW = 90  # pixels, as wide as "unknown"
KINDS = {"feature": "fact about customers", "score": "score", "volume": "number", "base rate": "churn rate"}
STATUS_WORDS = {"shift": "very different", "moderate": "different", "stable": "as in the training"}


def show(page: Page) -> None:
    """Draws the page."""
    header(
        page, "Model", "Can I trust this model? How good it was, what has changed, and why it is in charge."
    )
    draw_light(
        "The model",
        model_light(page.store, page.status, page.now, page.formats.date),
        page.formats.date,
    )
    _performance(page)
    _days_of_month(page)
    _drift(page)
    _fairness(page)
    _champions(page)
    _card(page)


def _performance(page: Page) -> None:
    st.subheader("How good were the scores?", anchor=False)
    if not page.store.has(model.PERFORMANCE):
        st.info(f"Nobody has measured the scores: {page.store.why_absent(model.PERFORMANCE)}.")
        return
    found = model.performance(page.store)
    measured = found[(found["status"] == model.MEASURED) & found["auc"].notna()].reset_index(drop=True)
    if measured.empty:
        st.info(
            "No scored month gives figures yet. The table says why, and from when on.", icon=":material/info:"
        )
    else:
        newest = measured.iloc[-1].to_dict()
        _newest(page, newest)
        _by_cohort(page, measured)
        show_calibration(page, newest["as_of_date"].date(), str(newest["model_version"]))
    due = [model.due(page.store, day.date()) for day in found["as_of_date"]]
    told = [
        "measured" if status == model.MEASURED else model.WHY_NO_FIGURES.get(status, status)
        for status in found["status"]
    ]
    table(
        page,
        found.assign(due=pd.to_datetime(pd.Series(due, index=found.index)), told=told),
        "model_by_month",
        _cohort_columns(),
    )


def _newest(page: Page, row: Mapping[Any, Any]) -> None:
    """The newest month whose outcomes are known."""
    formats = page.formats
    day = formats.date(row["as_of_date"].date())
    st.markdown(
        f"The customers of **{day}** are the newest whose outcomes are known: {formats.number(row['positives'])} of "
        f"{formats.number(row['n'])} left. Model {row['model_version']} had scored them."
    )
    auc, expected, slope, lift = st.columns(4)
    figure(
        auc,
        "Right in 100 pairs (ROC-AUC)",
        formats.number(100 * row["auc"], 1),
        f"Take a customer of {day} who left and one who stayed: in so many of 100 such pairs the one who left had the "
        "higher score. A coin is right in 50.",
        interval=(formats.number(100 * row["auc_low"], 1), formats.number(100 * row["auc_high"], 1)),
    )
    figure(
        expected,
        "Left / expected (customers)",
        f"{formats.number(row['positives'])} / {formats.number(row['expected_positives'], 0)}",
        "Customers who left, beside the number that the probabilities had announced.",
    )
    figure(
        slope,
        "Calibration slope (1 is right)",
        formats.number(row["calibration_slope"], 2),
        "1: high and low probabilities are as far apart as what happened. Below 1: they are too far apart. Intercept "
        f"{formats.number(row['calibration_intercept'], 2)}: below 0 the risks were overstated, above 0 understated.",
    )
    figure(
        lift,
        "Lift of the riskiest tenth (times)",
        formats.number(row["lift_top_decile"], 1),
        "How many times as often the riskiest tenth left as all customers did. 1 would be chance.",
    )


def _by_cohort(page: Page, measured: pd.DataFrame) -> None:
    base = alt.Chart(measured).encode(x=alt.X("yearmonth(as_of_date):O", title="customers of"))
    low = min(0.5, float(measured["auc_low"].min()))
    scale = alt.Scale(domain=[low, 1], zero=False)
    y = alt.Y("auc:Q", title="ROC-AUC", scale=scale)
    reach = base.mark_rule(strokeWidth=2, color=COLOURS[0]).encode(
        y=alt.Y("auc_low:Q", title="ROC-AUC", scale=scale), y2="auc_high:Q"
    )
    points = base.mark_point(filled=True, size=90, color=COLOURS[0], shape="circle").encode(
        y=y,
        tooltip=[
            "as_of_date:T",
            "model_version:N",
            alt.Tooltip("auc:Q", format=".3f"),
            alt.Tooltip("auc_low:Q", format=".3f"),
            alt.Tooltip("auc_high:Q", format=".3f"),
        ],
    )
    promised = base.mark_tick(thickness=3, size=40, color=COLOURS[1]).encode(
        y=alt.Y("promised:Q", scale=scale), tooltip=[alt.Tooltip("promised:Q", format=".3f")]
    )
    chance = alt.Chart(pd.DataFrame({"auc": [0.5]})).mark_rule(strokeDash=[4, 4]).encode(y=y)
    chart(
        (chance + promised + reach + points).properties(height=HEIGHT),
        "Dot: ROC-AUC of the scores of a month with its 95 % interval. Bar: what the test at the training promised. "
        "Dashed line: chance.",
    )


def _cohort_columns() -> dict[str, TableColumn]:
    def share(label: str, what: str, digits: int = 3) -> TableColumn:
        return TableColumn(label, what, "number", digits, NARROW)

    return {
        "as_of_date": TableColumn("Customers of", "The day as of which they were scored.", "date"),
        "model_version": TableColumn("Model", "The version that scored them."),
        "told": TableColumn("State", "Measured, or why there are no figures."),
        "due": TableColumn("Known from", "The first day on which their outcomes can be known.", "date"),
        "n": TableColumn("Customers", "With a known outcome; before that, all who were scored.", "number", 0),
        "positives": TableColumn("Left", "Those of them who left.", "number", 0, NARROW),
        "expected_positives": TableColumn("Expected to leave", "Sum of their probabilities.", "number", 0),
        "auc": share("AUC", "Share of pairs of a leaver and a stayer ranked rightly; 0.5 is chance."),
        "auc_low": share("from", "Lower end of the 95 % interval of the AUC."),
        "auc_high": share("to", "Upper end of the 95 % interval of the AUC."),
        "promised": share("AUC promised", "AUC in the test at the training of this model."),
        "auc_estimated": share(
            "AUC estimated", "AUC to expect if the probabilities are right; it sees no new reasons to leave."
        ),
        "lift_top_decile": share("Lift", "How many times as often the riskiest tenth left as all did.", 1),
        "precision": TableColumn(
            "Precision", "Share of leavers among those whom the campaign can reach.", "percent", 1, NARROW
        ),
        "recall": TableColumn(
            "Recall", "Share of all leavers whom the campaign can reach.", "percent", 1, NARROW
        ),
        "calibration_slope": share(
            "Calibration slope", "1 is right; below 1 the probabilities are too far apart.", 2
        ),
        "calibration_intercept": share(
            "Calibration intercept", "0 is right; below 0 the risks are overstated, above 0 understated.", 2
        ),
        "brier": share("Brier score", "Mean squared error of the probabilities; lower is better.", 4),
        "treated": TableColumn(
            "Contacted", "Customers contacted before their outcome was known.", "number", 0
        ),
        "untreated_auc": share("AUC, not contacted", "The same AUC among customers who were not contacted."),
    }


def _days_of_month(page: Page) -> None:
    """What the card says of days between month ends, where the model learned from some (`training.as_of_days`)."""
    told = model.chapter(page.store.release.card, model.DAYS_OF_MONTH)
    if told is not None:
        st.subheader("Is it as good between month ends?", anchor=False)
        st.markdown(told)


def _drift(page: Page) -> None:
    st.subheader("Do the customers still look like those of the training?", anchor=False)
    store = page.store
    if not store.has("drift"):
        st.info(f"Nobody has compared them: {store.why_absent('drift')}.")
        return
    days = model.drift_days(store)
    if days.empty:
        st.info("No scored month has been compared with the training yet.", icon=":material/info:")
        return
    day: date = days.iloc[-1]["day"].date()
    found, newest = model.drift(store, day), days.iloc[-1]
    _drift_figures(page, day, newest)
    found = found.assign(
        kind=found["kind"].map(lambda kind: KINDS.get(kind, kind)),
        status=found["status"].map(lambda status: STATUS_WORDS.get(status, status)),
    )
    of_numbers = found["value"].notna()
    what = {
        "words": TableColumn("What is compared", "A fact about the customers, the score, or a number."),
        "kind": TableColumn("Kind", "What it is."),
        "status": TableColumn("Difference", "Whether it differs from the training by more than chance."),
    }
    table(
        page,
        found[~of_numbers].reset_index(drop=True),
        "drift",
        what
        | {
            "psi": TableColumn(
                "PSI",
                "Population stability index: 0 is the same; from 0.1 on different, from 0.25 very.",
                "number",
                3,
            ),
            "missing_rate": TableColumn("Missing now", "Share of customers without a value.", "percent", 1),
            "reference_missing_rate": TableColumn("Missing then", "The same in the training.", "percent", 1),
        },
    )
    if of_numbers.any():
        table(
            page,
            found[of_numbers].reset_index(drop=True),
            "drift_of_numbers",
            what
            | {
                "value": TableColumn("Now", "Number of customers, or churn rate as a share.", "number", 3),
                "reference_value": TableColumn("In the training", "The same in the training.", "number", 3),
            },
        )


def _drift_figures(page: Page, day: date, newest: "pd.Series[Any]") -> None:
    formats = page.formats
    known, shifted, score = st.columns(3)
    figure(
        known,
        "Facts that differ (number)",
        f"{formats.number(newest['moved'])} / {formats.number(newest['features'])}",
        f"Of the facts about the customers of {formats.date(day)} those that differ from the training by more than "
        "chance.",
    )
    figure(
        shifted,
        "Facts that differ much (number)",
        formats.number(newest["shifted"]),
        "Those whose distribution is very different. A change alone does not make the model worse; look at "
        "the sources.",
    )
    figure(
        score,
        "Probabilities",
        STATUS_WORDS.get(newest["score"], newest["score"]),
        "Whether the probabilities are distributed as in the training.",
    )


def _fairness(page: Page) -> None:
    st.subheader("Is it fair to groups of customers?", anchor=False)
    told = model.chapter(page.store.release.card, model.FAIRNESS)
    if told is None:
        st.info(
            "The model card says nothing about fairness: churn.yaml declares no protected group, or there is no card."
        )
        return
    st.markdown(told)


def _champions(page: Page) -> None:
    st.subheader("Why is this model in charge?", anchor=False)
    store = page.store
    if not store.has("champions"):
        st.info(f"No decision is known: {store.why_absent('champions')}.")
        return
    found = model.champions(store)
    verdict = found["promoted"].map({True: "took charge", False: "did not take charge"})
    for row, decided in zip(found.to_dict("records"), verdict, strict=True):
        mark = ":material/check:" if row["promoted"] else ":material/close:"
        st.markdown(
            f"{mark} **Model {row['model_version']}**, trained as of {page.formats.date(row['trained_as_of'].date())}, "
            f"{decided}: {plain(row['why'])}"
        )
    table(
        page,
        found.assign(
            decision=verdict,
            previous_version=found["previous_version"].fillna("nobody"),
            better=[_difference(page, row) for row in found.to_dict("records")],
        ),
        "champions",
        {
            "decided_at": TableColumn("Decided on", "The day of the decision.", "date"),
            "model_version": TableColumn("Model", "The version that was decided about."),
            "decision": TableColumn("Decision", "Whether the version took charge."),
            "in_charge_from": TableColumn(
                "For scores from", "First day of which it would be in charge.", "date"
            ),
            "previous_version": TableColumn("In charge before", "The version in charge before."),
            "better": TableColumn(
                "AUC better by (95 %)",
                "AUC minus that of the one in charge, on the same customers, with its interval.",
            ),
            "why": TableColumn("Why", "The reason of the decision.", width="large"),
        },
    )


def _difference(page: Page, row: Mapping[Any, Any]) -> str:
    """By how much a model was better, with the interval; a first model was compared with none."""
    if pd.isna(row["auc_difference"]):
        return "not compared"
    names = ("auc_difference", "auc_difference_low", "auc_difference_high")
    found, low, high = (page.formats.number(row[name], 3) for name in names)
    return f"{found} ({low} to {high})"


def _card(page: Page) -> None:
    st.subheader("The model card", anchor=False)
    card = page.store.release.card
    if not card:
        st.info("The training left no model card.")
        return
    pictures = model.card_page(page.store)
    if pictures is not None:
        st.download_button(
            "Download the card with its pictures",
            pictures,
            model.CARD_PAGE,
            "text/html",
            icon=":material/download:",
            on_click="ignore",
        )
    with st.expander("Read it here, without pictures"):
        st.markdown(model.for_reading(card))
