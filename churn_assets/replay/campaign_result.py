"""The result of a replay with campaigns: figures, table rows and a conclusion."""

from collections.abc import Sequence
from dataclasses import dataclass

from churn_assets.counts import counted
from churn_assets.replay.campaign_world import CampaignPlan
from churn_assets.replay.policies import OFF, ORACLE, PLAN, POLICIES, RISK
from churn_assets.retention.results_told import ALL

Range = tuple[float, float, float]
MEASURED = ("campaign", "days", "planned", "holdout", "measured", "95 %", "truth", "interval holds it")
BROUGHT = ("policy", "contacts", "saved", "profit")
LEFT = ("until", "left alone", "with our plans", "change", "who may be contacted: alone", "with", "change")


@dataclass(frozen=True)
class JudgedCampaign:
    """A measured campaign and the truth, which is what would have become of the same customers without it.

    Attributes:
        campaign_id: or `all`.
        days: from the as_of_date.
        treated, control: customers with a known outcome.
        status: see `Measured`.
        measured: difference of the shares who left, planned less holdout, with its 95 % interval; None: not decidable.
        truth: the true difference; None where nothing is known.
        claims: whether an effect is claimed.
    """

    campaign_id: str
    days: int
    treated: int
    control: int
    status: str
    measured: Range | None
    truth: float | None
    claims: bool

    @property
    def holds(self) -> bool | None:
        """Whether the interval holds the truth; None where there is no interval or no truth."""
        if self.measured is None or self.truth is None:
            return None
        return self.measured[1] <= self.truth <= self.measured[2]


@dataclass(frozen=True)
class LeftUntil:
    """Customers who chose to leave between the first contact and the end of a month.

    Attributes:
        month: at whose end it was counted.
        alone, treated: in the copy that was left alone, and in the one that was treated by our plans.
        alone_may, treated_may: of them, those who agree to contacts.
    """

    month: str
    alone: int
    treated: int
    alone_may: int
    treated_may: int


@dataclass(frozen=True)
class Brought:
    """What a policy would bring in all months, by the truth."""

    policy: str
    contacts: int
    saved: float
    profit: float


@dataclass(frozen=True)
class CampaignResult:
    """The result.

    Attributes:
        plan: the simulated world.
        currency: of the profits.
        left: by month.
        campaigns: those that can be measured at the end, each after every number of days; then all together.
        brought: by policy, in the order of POLICIES.
    """

    plan: CampaignPlan
    currency: str
    left: Sequence[LeftUntil]
    campaigns: Sequence[JudgedCampaign]
    brought: Sequence[Brought]

    def of(self, policy: str) -> Brought:
        """What a policy would bring."""
        return next(one for one in self.brought if one.policy == policy)

    @property
    def single(self) -> list[JudgedCampaign]:
        """The campaigns with an interval and a truth."""
        return [one for one in self.campaigns if one.campaign_id != ALL and one.holds is not None]


def brought_by(months: Sequence[dict[str, dict[str, float]]]) -> list[Brought]:
    """The sums over months of what each policy would bring."""
    return [
        Brought(
            policy,
            round(sum(month[policy]["contacts"] for month in months)),
            sum(month[policy]["saved"] for month in months),
            sum(month[policy]["profit"] for month in months),
        )
        for policy in POLICIES
    ]


def measured_rows(found: CampaignResult) -> list[tuple[str, ...]]:
    """A row per campaign and number of days; the columns are MEASURED."""
    return [
        (
            one.campaign_id,
            str(one.days),
            f"{one.treated:,}",
            f"{one.control:,}",
            f"{one.measured[0]:+.1%}" if one.measured else one.status,
            f"{one.measured[1]:+.1%} to {one.measured[2]:+.1%}" if one.measured else "",
            "" if one.truth is None else f"{one.truth:+.1%}",
            {True: "yes", False: "no", None: ""}[one.holds],
        )
        for one in found.campaigns
    ]


def brought_rows(found: CampaignResult) -> list[tuple[str, ...]]:
    """A row per policy; the columns are BROUGHT."""
    return [
        (one.policy, f"{one.contacts:,}", f"{one.saved:,.1f}", f"{one.profit:,.0f} {found.currency}")
        for one in found.brought
    ]


def left_rows(found: CampaignResult) -> list[tuple[str, ...]]:
    """A row per month; the columns are LEFT."""
    return [
        (
            one.month,
            f"{one.alone:,}",
            f"{one.treated:,}",
            _change(one.alone, one.treated),
            f"{one.alone_may:,}",
            f"{one.treated_may:,}",
            _change(one.alone_may, one.treated_may),
        )
        for one in found.left
    ]


def _change(before: int, after: int) -> str:
    return f"{after / before - 1:+.1%}" if before else ""


def conclusion(found: CampaignResult) -> str:
    """The result in a few sentences."""
    told = []
    if found.left:
        last = found.left[-1]
        change = _change(last.alone, last.treated)
        told.append(
            f"Until the end of {last.month} {counted(last.alone, 'customer')} left without campaigns and "
            f"{last.treated:,} with them{f' ({change})' if change else ''}."
        )
    inside = sum(one.holds is True for one in found.single)
    if found.single:
        told.append(
            f"The interval holds the truth in {inside} of {counted(len(found.single), 'measurement')} of single "
            "campaigns."
        )
    else:
        told.append("No campaign can be measured yet: too few customers left in the arms.")
    ours, risk, best = (found.of(name).profit for name in (PLAN, RISK, ORACLE))
    share = f" ({ours / best:.0%} of the oracle's)" if best > 0 and ours > 0 else ""
    told.append(
        f"By the truth our plans earn {ours:,.0f} {found.currency}{share}, highest risk first {risk:,.0f}, "
        f"the oracle {best:,.0f}, {OFF} 0."
    )
    if not found.plan.offers_work:
        claims = len({one.campaign_id for one in found.campaigns if one.claims and one.campaign_id != ALL})
        told.append(
            f"In this world offers do nothing; an effect is claimed for {counted(claims, 'campaign')}, by chance."
            if claims
            else "In this world offers do nothing, and no effect is claimed."
        )
    return " ".join(told)
