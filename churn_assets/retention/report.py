"""A plan in words and tables, for the page of the asset and for the command line."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from churn_assets.counts import counted
from churn_assets.months import month_end, month_of
from churn_assets.reporting.figures import BLUE, GREY, ORANGE, as_png, blank
from churn_assets.retention.curve import CurvePoint, stops_paying
from churn_assets.retention.detectable import Detectable
from churn_assets.retention.planning import Planning, PlanTotals, totals_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Rows = list[tuple[object, ...]]
OFFERS = ("offer", "customers", "expected cost of each", "acceptance", "churn prevented (95 %)", "rests on")
CURVE = ("budget", "customers", "expected cost", "expected profit", "customers saved", "the next unit earns")
ARMS = ("arm, or why not contacted", "customers")
DETECTABLE = ("after months", "smallest effect that shows", "holdout needed for the expected effect")


def headline(found: Planning) -> str:
    """The plan in two sentences."""
    totals, currency = totals_of(found.plan.rows), found.business.file.currency
    return (
        f"{found.campaign_id}: {counted(totals.contacted, 'customer is', 'customers are')} contacted for an expected "
        f"{totals.cost:,.0f} {currency} of a budget of {found.plan.budget:,.0f}, {totals.explored:,} of them at "
        f"random; {counted(totals.holdout, 'customer stays', 'customers stay')} in the holdout. Expected: "
        f"{totals.profit:,.0f} {currency} of profit ({totals.explored_profit:,.0f} of it from contacts at random) and "
        f"{totals.saved:,.1f} customers saved."
    )


def offer_rows(planned: Planning, totals: PlanTotals) -> Rows:
    """One row per offer, under OFFERS."""
    found: Rows = []
    for offer in planned.money.offers:
        effect = planned.basis.effects[offer.name]
        cost = offer.contact_cost + effect.acceptance * offer.cost
        interval = f"{effect.prevented:.1%} ({effect.low:.1%} to {effect.high:.1%})"
        customers = totals.offers.get(offer.name, 0)
        found.append(
            (
                offer.name,
                customers,
                f"{cost:.2f}",
                f"{effect.acceptance:.0%}",
                interval,
                planned.rests_on(offer.name),
            )
        )
    return found


def arm_rows(totals: PlanTotals) -> Rows:
    """How many customers are contacted, and why the others are not, under ARMS."""
    return list(totals.arms)


def curve_table(curve: Sequence[CurvePoint]) -> Rows:
    """The budget curve, under CURVE; the declared budget is marked."""
    return [
        (
            f"{p.budget:,.0f}{' (this plan)' if p.declared else ''}",
            p.customers,
            f"{p.cost:,.0f}",
            f"{p.profit:,.0f}",
            f"{p.saved:,.1f}",
            f"{p.next_euro:.2f}",
        )
        for p in curve
    ]


def detectable_rows(found: Sequence[Detectable]) -> Rows:
    """What the holdout can show, under DETECTABLE."""
    return [
        (
            d.months,
            "none: one of the groups is empty" if d.prevented is None else _smallest(d.prevented),
            "no share is enough" if d.holdout_needed is None else f"{d.holdout_needed:.1%}",
        )
        for d in found
    ]


def holdout_told(totals: PlanTotals) -> str:
    """Why the holdout can show no effect, and what to do; empty if it can show one."""
    if all(d.prevented is not None for d in totals.detectable):
        return ""
    return (
        "What an offer does shows between planned customers and those of the holdout who would have been planned: here "
        f"{totals.planned:,} and {totals.compared:,}, which is too few to compare. The table Customers tells why the "
        "others are not contacted; more planned customers, or a higher campaigns.holdout, fill both groups."
    )


def _smallest(prevented: float) -> str:
    if prevented > 1:
        return "none, not even if it prevented all churn"
    return f"{prevented:.0%} of the churn prevented"


def value_told(found: Planning) -> str:
    """Which value of a kept customer the plan counts with, as a sentence."""
    economics, currency = found.business.file.economics, found.business.file.currency
    if found.basis.kept is not None:
        return (
            "What is lost with each customer, by retention/lifetime_values: such values came out better than the same "
            "lifetime for everybody."
        )
    day = found.basis.day
    if economics.lifetime is None:
        why = "economics.lifetime declares no other value"
    elif day != month_end(month_of(day)):
        why = "lifetime values are told at month ends only"
    else:
        why = "lifetime values of this cohort are not shown to be better"
    return f"{economics.lifetime_value:,.0f} {currency}, times the own margin against the mean: {why}."


def saturation(found: Planning) -> str:
    """From which budget on more money is not spent, as a sentence."""
    enough, currency = stops_paying(found.curve), found.business.file.currency
    if not any(point.customers for point in found.curve):
        return "No contact is expected to pay for itself."
    return f"From a budget of {enough:,.0f} {currency} on, the next {currency} earns nothing."


def curve_png(found: Planning) -> bytes:
    """The budget curve as a picture."""
    return as_png(_curve_figure(found))


def _curve_figure(found: Planning) -> "Figure":
    curve, currency = found.curve, found.business.file.currency
    figure, axes = blank(
        f"What a budget is expected to earn: {found.campaign_id}", f"budget ({currency})", currency, 8, 3.4
    )
    furthest = max((p.budget for p in curve if not p.declared), default=0.0)  # a budget beyond earns no more
    shown = [p for p in curve if p.budget <= furthest] or curve
    budgets = [p.budget for p in shown]
    axes.plot(budgets, [p.profit for p in shown], "o-", color=BLUE, label=f"expected profit ({currency})")
    beyond = found.plan.budget > furthest > 0
    told = f"this plan: {found.plan.budget:,.0f}, beyond the picture" if beyond else "this plan"
    axes.axvline(budgets[-1] if beyond else found.plan.budget, color=ORANGE, label=told)
    axes.axvline(stops_paying(curve), color=GREY, linestyle="--", label="the next unit earns nothing")
    saved = axes.twinx()
    saved.plot(budgets, [p.saved for p in shown], ":", color=GREY)
    saved.set_ylabel("customers saved (dotted)")
    axes.set_ylim(bottom=0)
    saved.set_ylim(bottom=0)
    axes.legend(frameon=False, loc="lower right")
    return figure
