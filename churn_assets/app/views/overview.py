"""Overview: is all well, what is at stake, what has changed, and where to begin."""

import streamlit as st

from churn_assets.app.page import Page
from churn_assets.app.parts.figures import figure, signed
from churn_assets.app.parts.header import header
from churn_assets.app.parts.words import plain
from churn_assets.app.queries.effects import best_offers
from churn_assets.app.queries.lifetime_value import lifetime_totals
from churn_assets.app.queries.lights import data_light, model_light
from churn_assets.app.queries.model import outcome_days
from churn_assets.app.queries.overview import AtRisk, at_risk
from churn_assets.app.queries.segments import day_before, flows, moved, moves
from churn_assets.app.views.lights import draw_light
from churn_assets.app.views.morning import CALL_FIRST, show_morning
from churn_assets.app.views.moves import HOW, moves_table

SHOWN_FLOWS = 8
NO_EARLIER = "No earlier month was scored, so nothing can be said about what changed."


def show(page: Page) -> None:
    """Draws the page."""
    header(page, "Overview", "Who may leave, what that is worth, and whether today's figures can be trusted.")
    if not page.store.has("segments"):
        st.info(f"Nobody can be shown: {page.store.why_absent('segments')}.")
        return
    show_morning(page)
    found = at_risk(page.store)
    if found is None:
        st.info(
            f"The customers scored as of {page.formats.date(page.store.as_of)} have no segments yet, so no figures are "
            "shown. They appear with the next release: churn-assets run score.",
            icon=":material/hourglass_empty:",
        )
        _lights(page)
        return
    if page.store.morning is not None:
        st.subheader("At the month end", anchor=False)
    _figures(page, found)
    if page.store.morning is None:
        with st.container(border=True):
            page.link("at_risk", CALL_FIRST)
    _lights(page)
    _movers(page)


def _figures(page: Page, found: AtRisk) -> None:
    formats, now, before, value = page.formats, found.now, found.before, found.value

    def since(difference: float | None, told: str | None) -> str | None:
        if before is None or difference is None or told is None:
            return None
        return f"{signed(difference, told)} since {formats.date(before.day)}"

    def change(new: float, old: float | None, digits: int = 0) -> str | None:
        return None if old is None else since(new - old, formats.number(abs(new - old), digits))

    def worth_change(new: float | None, old: float | None) -> str | None:
        if value is None or new is None or old is None:
            return None
        return since(new - old, value.told(formats, abs(new - old)))

    high, stake, leaving, loss = st.columns(4)
    share = 1 - page.store.business["segments"]["risk"]["high"]
    figure(
        high,
        "Customers at high risk",
        formats.number(now.high),
        f"The {formats.percent(share)} of the {formats.number(now.scored)} scored customers whom the model ranks as "
        "most likely to leave. Their number follows the number of customers; whether the risk itself grows is told by "
        '"Expected to leave".',
        delta=change(now.high, before.high if before else None),
        more_is_worse=True,
    )
    unit = f" ({value.unit_told})" if value and value.unit_told else ""
    lost = value.how if value else "This business declares no value of a customer, so no sum can be given."

    def lacking(customers: int) -> str:
        if value is None or not customers:
            return ""
        return f" Of {formats.number(customers)} of them the value is not known; they are not in the sum."

    figure(
        stake,
        f"Value at stake{unit}",
        value.told(formats, now.value_high) if value else None,
        f"What the customers at high risk are worth together. {lost}{lacking(now.high_without_value)}",
        delta=worth_change(now.value_high, before.value_high if before else None),
        more_is_worse=True,
    )
    first, last = outcome_days(page.store, now.day)
    figure(
        leaving,
        "Expected to leave (customers)",
        formats.number(now.expected, 0),
        f"How many of all scored customers leave from {formats.date(first)} to {formats.date(last)} if the "
        "probabilities are right: the sum of the probabilities.",
        delta=change(round(now.expected), round(before.expected) if before else None),
        more_is_worse=True,
        interval=(formats.number(now.expected_low, 0), formats.number(now.expected_high, 0)),
    )
    figure(
        loss,
        f"Expected loss{unit}",
        value.told(formats, now.value_expected) if value else None,
        "What those who are expected to leave are worth: the sum of probability times value over all scored "
        f"customers. {lost}{lacking(now.without_value)}",
        delta=worth_change(now.value_expected, before.value_expected if before else None),
        more_is_worse=True,
    )
    _lifetime(page)
    _offers(page)
    st.caption(_of_days(page, found))


def _lifetime(page: Page) -> None:
    """What the customers are expected to bring, where the release tells it."""
    found = lifetime_totals(page.store)
    if found is None:
        return
    formats = page.formats
    lacking = (
        f" Customers whose value is not known: {formats.number(found.unknown)}." if found.unknown else ""
    )
    st.markdown(
        f"In the next {formats.number(found.months)} months all scored customers are expected to bring "
        f"**{formats.money(found.everybody)}** of margin, those at high risk **{formats.money(found.high)}**, in "
        f"today's money.{lacking}",
        help="Margin per month times the months that a customer is expected to stay, or the margin of the purchases "
        "that are expected. Later money counts less.",
    )


def _offers(page: Page) -> None:
    """What the offers of the newest campaign are expected to change, where the release tells it."""
    told = best_offers(page.store)
    if told:
        st.markdown(
            plain(f"Of 100 customers who would leave and get an offer, {'; '.join(told)}."),
            help="The share of the churn that each offer of the newest campaign prevents, with its 95 % interval: "
            "measured on past contacts with a control arm, or assumed where there are too few. The page Campaign tells "
            "for whom.",
        )


def _of_days(page: Page, found: AtRisk) -> str:
    """Which days are compared, and what else than the customers may be behind a change."""
    now, before, tell = found.now, found.before, page.formats.date
    if before is None:
        return f"All figures as of {tell(now.day)}. {NO_EARLIER}"
    told = f"All figures as of {tell(now.day)}; changes since {tell(before.day)}."
    if now.model_version != before.model_version:
        told += (
            f" Model {now.model_version} scored now and model {before.model_version} then, so a part of each change "
            "may come from the model."
        )
    return told


def _lights(page: Page) -> None:
    st.subheader("Can it be trusted now?", anchor=False)
    now, tell = page.now, page.formats.date
    model, data = st.columns(2)
    with model:
        draw_light("The model", model_light(page.store, page.status, now, tell), tell)
        page.link("model", "More about the model")
    with data:
        draw_light("The data", data_light(page.store, page.status, now, tell), tell)
        page.link("data", "More about the data")


def _movers(page: Page) -> None:
    st.subheader("Who moved between segments?", anchor=False)
    store, formats = page.store, page.formats
    before = day_before(store, store.as_of)
    if before is None:
        st.info(NO_EARLIER, icon=":material/info:")
        return
    found = flows(store, before, store.as_of)
    counts, tell = moves(found), formats.number
    st.markdown(
        f"From {formats.date(before)} to {formats.date(store.as_of)}: {tell(counts.moved)} customers moved to another "
        f"segment and {tell(counts.stayed)} stayed. {tell(counts.new)} are scored for the first time since, and "
        f"{tell(counts.gone)} are no longer scored: they left, gave notice, or can no longer be scored."
    )
    top = moved(found).head(SHOWN_FLOWS)
    st.caption(f"The {len(top)} largest moves. {HOW}")
    moves_table(page, top, "moves", before, store.as_of)
    page.link("segments", "All moves, and the segments in detail")
