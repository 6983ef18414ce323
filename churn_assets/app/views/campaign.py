"""Campaign: whom the money of a month goes to, what it is expected to earn, who is left alone, and who said yes."""

from typing import Any

import altair as alt
import pandas as pd
import streamlit as st

from churn_assets.app.page import Page
from churn_assets.app.parts.charts import COLOURS, chart
from churn_assets.app.parts.figures import figure
from churn_assets.app.parts.filters import chosen
from churn_assets.app.parts.header import header
from churn_assets.app.parts.tables import TableColumn, table
from churn_assets.app.parts.words import plain
from churn_assets.app.queries import campaign as query
from churn_assets.app.queries.campaign import BudgetPoint, Campaign
from churn_assets.app.views.campaign_acts import show_acts
from churn_assets.app.views.campaign_effects import show_effects
from churn_assets.app.views.campaign_requests import requests_of
from churn_assets.app.views.campaign_results import show_results
from churn_assets.app.views.campaign_words import REASONS
from churn_assets.counts import counted
from churn_assets.reporting.words import capitalised

STATES = {
    "planned": "waits for an approval",
    "approved": "is approved",
    "closed": "is closed",
}
ARMS = {"planned": "contacted", "exploration": "contacted, drawn at random"}


def show(page: Page) -> None:
    """Draws the page."""
    header(
        page,
        "Campaign",
        "Whom the money of this month goes to, with which offer, and what it is expected to earn. A person approves "
        "the plan before its list can be exported.",
    )
    asked = requests_of(page)
    campaign = query.newest_campaign(page.store, asked)
    if campaign is None:
        st.info(plain(query.why_no_campaign(page.store)), icon=":material/info:")
        return
    _show_plan(page, campaign)
    _show_curve(page, campaign, query.curve(page.store))
    _show_offers(page)
    show_effects(page)
    left, right = st.columns(2)
    with left:
        _show_reasons(page)
    with right:
        _show_holdout(page, campaign)
    show_acts(page, campaign, asked)
    show_results(page)


def _show_plan(page: Page, campaign: Campaign) -> None:
    formats = page.formats
    st.subheader(
        f"{campaign.campaign_id} {STATES[campaign.state]}",
        anchor=False,
        help=f"Planned for the customers as of {formats.date(campaign.as_of_date)}, from what was known then.",
    )
    columns = st.columns(4)
    figure(
        columns[0],
        "Contacted customers",
        formats.number(campaign.contacted),
        f"Customers whom the plan contacts; {formats.number(campaign.explored)} of them are drawn at random, so that "
        "the effect of every offer stays measurable.",
    )
    figure(
        columns[1],
        "Expected cost",
        formats.money(campaign.cost),
        f"Of a budget of {formats.money(campaign.budget)}. If more customers accept than expected, the bill is higher.",
    )
    figure(
        columns[2],
        "Expected profit",
        formats.money(campaign.profit),
        "What the customers who stay because of it are worth, less the expected cost; those drawn at random included.",
    )
    figure(
        columns[3],
        "Customers saved",
        formats.number(campaign.saved, 1),
        "Customers who are expected to stay because of the plan; those drawn at random included.",
    )
    if campaign.explored:
        st.caption(
            plain(
                f"{counted(campaign.explored, 'of them is', 'of them are')} drawn at random, so that the effect of "
                f"every offer stays measurable. Their expected profit is {formats.money(campaign.explored_profit)}; "
                "the budget curve below is without them."
            )
        )


def _show_curve(page: Page, campaign: Campaign, points: list[BudgetPoint]) -> None:
    if len(points) < 2:
        return
    formats = page.formats
    st.subheader(
        "What would another budget earn?",
        anchor=False,
        help="Each budget of the slider was planned by itself, without the customers drawn at random.",
    )
    of = {round(point.budget, 2): point for point in points}
    own = next((budget for budget, point in of.items() if point.is_declared), next(iter(of)))
    budget: Any = chosen(
        st.select_slider,
        "Budget",
        list(of),
        name="budget",
        value=own,
        format_func=formats.money,
        help="The slider changes nothing. The budget of the next plan is campaigns.budget in churn.yaml.",
    )
    point = of[budget]
    columns = st.columns(4)
    figure(
        columns[0],
        "Customers at this budget",
        formats.number(point.customers),
        "Customers who would be contacted.",
    )
    figure(columns[1], "Cost at this budget", formats.money(point.cost), "Expected cost of it.")
    figure(
        columns[2],
        "Profit at this budget",
        formats.money(point.profit),
        "Expected profit, the cost deducted.",
        delta=_against(page, point, of[own]),
    )
    figure(
        columns[3],
        "The next unit of money earns",
        formats.number(point.next_unit, 2),
        "Expected profit of one more unit of budget; 0: more money would not be spent.",
    )
    _draw_curve(page, points, point)
    enough = query.stops_paying(points)
    said = (
        f"From a budget of {formats.money(enough)} on, more money earns nothing."
        if any(p.customers for p in points)
        else "No contact is expected to pay for itself."
    )
    st.markdown(plain(said))


def _against(page: Page, point: BudgetPoint, own: BudgetPoint) -> str | None:
    """The profit against that of the plan's budget; None at that budget."""
    if point.budget == own.budget:
        return None
    more = point.profit - own.profit
    sign = "-" if more < 0 else "+"
    return f"{sign}{page.formats.money(abs(more))} against {page.formats.money(own.budget)}"


def _draw_curve(page: Page, points: list[BudgetPoint], point: BudgetPoint) -> None:
    currency = page.formats.currency or "money"
    rows = pd.DataFrame([vars(p) | {"chosen": p.budget == point.budget} for p in points])
    base = alt.Chart(rows).encode(
        x=alt.X("budget:Q", title=f"budget ({currency})"),
        y=alt.Y("profit:Q", title=f"expected profit ({currency})"),
        tooltip=["budget", "customers", "cost", "profit", "saved"],
    )
    line = base.mark_line(color=COLOURS[0], point=alt.OverlayMarkDef(size=50))
    mark = base.mark_point(size=220, filled=True, color=COLOURS[1], shape="diamond").transform_filter(
        "datum.chosen"
    )
    chart(
        (line + mark).properties(height=220),
        "Expected profit by budget; the diamond is the budget of the slider.",
    )


def _show_offers(page: Page) -> None:
    st.subheader(
        "Offers",
        anchor=False,
        help="What may be offered, what it costs, what it is expected to prevent, and how many get it.",
    )
    found = query.offers(page.store)
    rows = found.assign(
        condition=found["condition"].fillna("everybody"), basis=found["basis"].map(capitalised)
    )
    table(page, rows, "offers", OFFERS, lines=2)


OFFERS = {
    "words": TableColumn("Offer", "What the customer is offered.", width=210),
    "channel": TableColumn("Channel", "How the customer is contacted."),
    "contacted": TableColumn("Contacted", "Customers whom the plan contacts with it.", "number", 0),
    "held": TableColumn("In the holdout", "Customers who would have got it and are left alone.", "number", 0),
    "prevented": TableColumn(
        "Churn prevented",
        "Share of the churn of those who get it that it is expected to prevent.",
        "percent",
        0,
    ),
    "low": TableColumn(
        "from", "Lower end of its 95 % interval; below 0 it may drive customers away.", "percent", 0
    ),
    "high": TableColumn("to", "Upper end of its 95 % interval.", "percent", 0),
    "expected_cost": TableColumn("Expected cost", "Contact, and offer if accepted.", "money", 2),
    "profit": TableColumn("Expected profit", "Of the customers who get it, the cost deducted.", "money", 0),
    "basis": TableColumn(
        "Rests on", "Contacts with a control arm that measured it, or why it is assumed.", width=190
    ),
    "acceptance": TableColumn(
        "Accept it", "Share of the contacted who are expected to accept it.", "percent", 0
    ),
    "contact_cost": TableColumn("Cost of a contact", "What one contact costs.", "money", 2),
    "offer_cost": TableColumn("Cost if accepted", "What it costs when the customer accepts it.", "money", 2),
    "may_get_it": TableColumn("May get it", "Customers who fulfil its condition.", "number", 0),
    "condition": TableColumn("To whom", "Condition of churn.yaml over what is known of a customer."),
}


def _show_reasons(page: Page) -> None:
    st.subheader("Who is contacted, and why not the others?", anchor=False)
    found = query.reasons(page.store)
    rows = found.assign(told=found["told"].map(ARMS | REASONS).fillna(found["told"]))
    columns = {
        "told": TableColumn("Customers who are", "Contacted, or the first reason that holds.", width="large"),
        "customers": TableColumn("Customers", "How many.", "number", 0),
    }
    table(page, rows, "campaign_reasons", columns)


def _show_holdout(page: Page, campaign: Campaign) -> None:
    formats = page.formats
    st.subheader(
        "The holdout",
        anchor=False,
        help="Without customers who are left alone nobody can tell what a campaign earned.",
    )
    declared: dict[str, Any] = page.store.business.get("campaigns") or {}
    share = f"{formats.percent(declared['holdout'])} of the customers" if declared else "Some customers"
    st.markdown(
        plain(
            f"{share} who may be contacted are left alone at random: {counted(campaign.holdout, 'customer')}. "
            f"{formats.number(campaign.compared)} of them would have got an offer. The difference between their churn "
            "and that of the contacted is what the campaign did, so leave them alone, also by other means."
        )
    )
    power = query.holdout_power(page.store)
    rows = power.assign(
        shows=[_shows(page, share) for share in power["prevented"]],
        needed=[
            "no share is enough" if pd.isna(share) else formats.percent(share, 1)
            for share in power["holdout_needed"]
        ],
    )
    table(page, rows, "campaign_holdout", POWER)
    if power["prevented"].isna().any():
        st.caption(
            "Nobody is planned, or nobody of the holdout would have got an offer, so there is nothing to compare yet. "
            "The table of customers tells why the others are not contacted."
        )


def _shows(page: Page, prevented: float) -> str:
    if prevented != prevented:  # missing
        return "none: one of the groups is empty"
    return "none" if prevented > 1 else f"{page.formats.percent(prevented)} of the churn"


POWER = {
    "months": TableColumn("After months", "Of campaigns like this one.", "number", 0),
    "shows": TableColumn(
        "Smallest effect that shows", "Share of prevented churn that would be found in 8 of 10 cases."
    ),
    "needed": TableColumn(
        "Holdout needed",
        "Share of the customers that would have to be left alone to show the expected effect.",
    ),
}
