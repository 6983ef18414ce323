"""What campaigns brought, in words, tables and pictures."""

from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING

from churn_assets.counts import counted
from churn_assets.reporting.figures import BLUE, GREY, ORANGE, as_png, blank
from churn_assets.retention.measure import FEWER, MORE, NO_EFFECT, Measured
from churn_assets.retention.results_told import ALL, CAMPAIGN, NEVER_CONTACTED, NO_CONTROL, NOT_MATURED

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLORS = (BLUE, ORANGE)
WEEKS_A_MONTH = 30.4375 / 7
RESULTS = ("what", "days", "treated", "control", "result")
FOLLOWED = (
    "campaign",
    "contacted",
    "not contacted",
    "of the control arm contacted",
    "without a plan",
    "by time",
)


def told(found: Measured, currency: str) -> str:
    """The result as one or two sentences, for people."""
    if found.status == NOT_MATURED:
        return f"Not known yet: the {found.days} days of the last start are over on {found.matures_on}."
    if found.status == NO_CONTROL:
        return "Nothing can be known: there is no control arm to compare with."
    if found.status == NEVER_CONTACTED:
        return "Nothing can be known: no contact came back, so nobody seems to have been contacted."
    if found.status == NO_EFFECT:
        return f"No effect was found, though the expected one would have shown.{_interval(found)}"
    if found.status in (FEWER, MORE):
        return _effect(found, currency)
    return f"Not decidable yet: {_missing(found)}"


def _effect(found: Measured, currency: str) -> str:
    """What an effect was, and what it earned."""
    more = "more" if found.status == MORE else "fewer"
    saved = found.saved or (0.0, 0.0, 0.0)
    number = abs(saved[0])
    ends = sorted(abs(end) for end in saved[1:])
    said = f"{number:,.0f} {more} left within {found.days} days ({ends[0]:,.0f} to {ends[1]:,.0f})"
    if found.prevented is not None:
        share, low, high = found.prevented
        said += (
            f": {share:.0%} of the churn was prevented ({low:.0%} to {high:.0%})"
            if more == "fewer"
            else f": {-share:.0%} more churn ({-high:.0%} to {-low:.0%})"
        )
    if found.profit is None:
        return f"{said}."
    profit, low, high = found.profit
    return f"{said}. Profit so far: {profit:,.0f} {currency} ({low:,.0f} to {high:,.0f})."


def _interval(found: Measured) -> str:
    if found.prevented is None:
        return ""
    return f" Churn prevented: between {found.prevented[1]:.0%} and {found.prevented[2]:.0%}."


def _missing(found: Measured) -> str:
    """What is missing for a result."""
    left = found.treated_left + found.control_left
    had = f"{counted(found.treated + found.control, 'customer')} and {left:,} who left say too little"
    if found.customers_needed is None or found.months_needed is None:
        return f"{had}, and it is not known which effect to expect."
    if not found.customers_needed:
        return f"{had}."
    weeks = found.months_needed * WEEKS_A_MONTH
    time = (
        f"{weeks:,.0f} more weeks" if found.months_needed < 3 else f"{found.months_needed:,.0f} more months"
    )
    return (
        f"{had}. About {found.customers_needed:,} more customers would show the expected effect, {time} of campaigns "
        "like this."
    )


def name_of(found: Measured) -> str:
    """What was measured, in words."""
    whole = f"all of {found.origin}" if found.campaign_id == ALL else found.campaign_id
    part = next((value for value in (found.offer, found.segment) if value != ALL), None)
    return f"{whole}, {part}" if part else whole


def result_table(found: Sequence[Measured], currency: str) -> list[tuple[object, ...]]:
    """One row per measured group, under RESULTS."""
    return [(name_of(m), m.days, m.treated, m.control, told(m, currency)) for m in found]


def followed_table(found: Sequence[Measured]) -> list[tuple[object, ...]]:
    """How contacts kept to the plan, one row per campaign, under FOLLOWED."""
    rows = {
        m.campaign_id: (
            m.campaign_id, m.contacted, m.not_contacted, m.control_contacted, m.unplanned, m.matched_by_time,
        )
        for m in found
        if m.scope == CAMPAIGN and m.campaign_id != ALL
    }  # fmt: skip
    return list(rows.values())


def results_png(found: Sequence[Measured], day: date) -> bytes:
    """Churn prevented against the days since the start, as a picture: how effects fade, or churn is only postponed."""
    return as_png(_figure(found, day))


def _figure(found: Sequence[Measured], day: date) -> "Figure":
    title = f"Churn prevented, as known on {day}"
    figure, axes = blank(title, "days since the start", "share of the churn of the treated", 8, 3.4)
    whole = [m for m in found if m.scope == CAMPAIGN and m.prevented is not None]
    for campaign in dict.fromkeys((m.origin, m.campaign_id) for m in whole if m.campaign_id != ALL):
        points = [m for m in whole if (m.origin, m.campaign_id) == campaign]
        axes.plot([m.days for m in points], [m.prevented[0] for m in points if m.prevented], ".-", color=GREY)
    for place, (origin, color) in enumerate(
        zip(dict.fromkeys(m.origin for m in whole), COLORS * 9, strict=False)
    ):
        points = [m for m in whole if m.origin == origin and m.campaign_id == ALL]
        share = [m.prevented for m in points if m.prevented]
        reach = [[s[0] - s[1] for s in share], [s[2] - s[0] for s in share]]
        at = [m.days + 2 * place for m in points]  # beside each other
        axes.errorbar(
            at, [s[0] for s in share], yerr=reach, fmt="o-", color=color, capsize=3, label=f"all of {origin}"
        )
    axes.axhline(0, color=GREY, linewidth=0.8)
    axes.set_xticks(sorted({m.days for m in found}))
    if axes.get_legend_handles_labels()[0]:
        axes.legend(frameon=False)
    return figure
