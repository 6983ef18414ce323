"""What campaigns brought: planned customers against those of the holdout, as they were randomised.

Everybody counts in the arm that chance gave them, contacted or not (intention to treat). So whoever was planned and
never reached makes the effect smaller, and nobody can make it larger by choosing whom to call.

A customer counts once for each draw of a holdout, in the first campaign that chose them: later, the arms are no longer
alike, since those who stayed because of a contact are in one of them only.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from churn_assets.retention.arms import HOLDOUT, PLANNED
from churn_assets.retention.contacts import KEY
from churn_assets.retention.measure_arms import Arms, Range, compared
from churn_assets.retention.measure_power import needed
from churn_assets.retention.results_told import ALL, CAMPAIGN, NEVER_CONTACTED, NO_CONTROL, NOT_MATURED

HORIZONS = (30, 90, 180)
OFFER, SEGMENT = "offer", "segment"
FEWER, MORE, NO_EFFECT = "fewer left", "more left", "no effect found"
NOT_DECIDABLE = "not decidable yet"
STATUSES = (FEWER, MORE, NO_EFFECT, NOT_DECIDABLE, NOT_MATURED, NO_CONTROL, NEVER_CONTACTED)
INTERVALS = ("difference", "adjusted", "prevented", "saved", "months", "profit")
DATES = ("started_on", "left_on", "ended_on", "returned_on", "known_until")
CUSTOMER_COLUMNS = (
    *(KEY, "origin", "campaign_id", "draw", "arm", "offer", "segment", "score", "margin", "cost", "expected"),
    *("contacted", "accepted", *DATES),
)


@dataclass(frozen=True)
class Measured:
    """What the arms of a group of customers did within some days; the fields are columns of campaign_results.

    Intervals are 95 %: a value, its lower and its upper end.

    Attributes:
        origin: `plan`, or the source whose control arm is the comparison.
        scope: a `campaign`, or an `offer` or a `segment` of it.
        campaign_id, offer, segment: what is measured, or `all`.
        days: from the start of the campaign, within which customers left by their choice.
        started_on: the first start.
        matures_on: the day on which the days of the last start are over.
        treated, control: customers of both arms whose outcome is known.
        treated_left, control_left: of them, those who left.
        waiting, unknown: customers whose days are not over, and those whose outcome nobody will know.
        again: customers left out, since an earlier campaign of the same draw counts them.
        contacted, not_contacted: treated customers who were contacted, and who were not; waiting ones included.
        accepted: of the contacted, those who accepted the offer.
        control_contacted: customers of the control arm who were contacted all the same.
        status: one of STATUSES; only FEWER and MORE claim an effect.
        difference: of the shares who left, treated less control.
        adjusted: the same, adjusted by the score.
        prevented: share of the treated customers' churn that was prevented.
        prevented_of_all: the same, of the churn of all who might have been contacted; of campaigns only.
        saved: customers who stayed because of it; below 0 they left because of it.
        months: months of stay won in these days by each treated customer.
        profit: money won in these days: months of stay times margin, less cost.
        cost: of contacts and accepted offers.
        customers_needed: more customers, of both arms, that would show the expected effect (power 80 %).
        months_needed: more months of campaigns like this for them.
        matched_by_time: contacts that tell no campaign, and were matched by customer and time; of campaigns only.
        unplanned: customers who were contacted in the campaign's month without being planned; of campaigns only.
    """

    origin: str
    scope: str
    campaign_id: str
    offer: str
    segment: str
    days: int
    started_on: date
    matures_on: date
    treated: int
    control: int
    treated_left: int
    control_left: int
    waiting: int
    unknown: int
    again: int
    contacted: int
    not_contacted: int
    accepted: int
    control_contacted: int
    status: str
    difference: Range | None = None
    adjusted: Range | None = None
    prevented: Range | None = None
    prevented_of_all: float | None = None
    saved: Range | None = None
    months: Range | None = None
    profit: Range | None = None
    cost: float | None = None
    customers_needed: int | None = None
    months_needed: float | None = None
    matched_by_time: int = 0
    unplanned: int = 0

    @property
    def claims(self) -> bool:
        """Whether an effect is claimed."""
        return self.status in (FEWER, MORE)

    def as_row(self) -> dict[str, Any]:
        """The fields; each interval as three: `saved`, `saved_low`, `saved_high`."""
        told = {field.name: getattr(self, field.name) for field in fields(self)}
        for name in INTERVALS:
            value = told.pop(name) or (None, None, None)
            told |= dict(zip((name, f"{name}_low", f"{name}_high"), value, strict=True))
        return told


@dataclass(frozen=True)
class _Group:
    """Customers to compare. `others` might have been chosen and were not; `tests` see `Contrast.differs`."""

    scope: str
    campaign_id: str
    offer: str
    segment: str
    rows: pd.DataFrame
    others: pd.DataFrame
    again: int
    tests: int


def measure(customers: pd.DataFrame, day: date, horizons: Sequence[int] = HORIZONS) -> list[Measured]:
    """What every campaign and all campaigns together brought after so many days, also by offer and by segment.

    An effect is claimed at 5 % for all days, offers or segments of a campaign together (Bonferroni); the intervals are
    95 % each.

    Args:
        customers: CUSTOMER_COLUMNS, one row per campaign and customer. customer_key; origin (`plan`, or a source);
            campaign_id; draw (of the holdout; null where each campaign draws its own control arm); arm (`planned`;
            `holdout`, who would have been planned; `exploration`; null: might have been chosen and was not); offer (of
            the holdout the one that they would have got; null: none told) and segment; score (churn probability at the
            start), margin (money a month), cost (money spent) and expected (fall of the churn probability), NaN where
            unknown; contacted and accepted (bool, null: not told); started_on (from which both arms are followed),
            left_on (by their choice), ended_on (whatever the reason), returned_on (from which they count as if they had
            never left) and known_until (the last day of which it is known whether they are customers), dates or null.
        day: the last day whose outcomes can be known; what starts later is left out.
        horizons: days from the start.

    Returns:
        By origin, the campaigns in the order of their start, then `all` of them.
    """
    rows = customers.assign(**{f"_{name}": _day_numbers(customers[name]) for name in DATES})
    rows = rows[rows["_started_on"] <= _day_number(day)].sort_values(["_started_on", "campaign_id", KEY])
    return [
        _measured(str(origin), group, day, days)
        for origin, part in rows.groupby("origin", sort=True)
        for group in _groups(part, len(horizons))
        for days in horizons
    ]


def _day_numbers(days: pd.Series) -> NDArray[np.float64]:
    """Days since 1970; NaN for null."""
    told = pd.to_datetime(days).to_numpy().astype("datetime64[D]")
    return np.where(np.isnat(told), np.nan, told.astype(np.int64).astype(float))


def _day_number(day: date) -> int:
    return (day - date(1970, 1, 1)).days


def _groups(rows: pd.DataFrame, horizons: int) -> Iterator[_Group]:
    """Each campaign with its offers and segments, then all campaigns."""
    in_arm = rows[rows["arm"].notna()]
    before = _of_draw(in_arm).duplicated() & in_arm["draw"].notna()
    again = in_arm.loc[before, "campaign_id"].value_counts()
    chosen = in_arm[~before & in_arm["arm"].isin([PLANNED, HOLDOUT])]
    others = rows[rows["arm"].isna()]
    for name in rows["campaign_id"].unique():
        part, beside = chosen[chosen["campaign_id"] == name], others[others["campaign_id"] == name]
        if len(part):
            yield from _scopes(str(name), part, beside, int(again.get(name, 0)), horizons)
    if len(chosen):
        never = others[~_of_draw(others).isin(_of_draw(in_arm)) & ~_of_draw(others).duplicated()]
        yield from _scopes(ALL, chosen, never, int(before.sum()), horizons)


def _of_draw(rows: pd.DataFrame) -> pd.Series:
    return rows["draw"].fillna("").astype(str) + "|" + rows[KEY].astype(str)


def _scopes(
    name: str, rows: pd.DataFrame, others: pd.DataFrame, again: int, horizons: int
) -> Iterator[_Group]:
    """All of a campaign, each offer that both arms tell, and each segment; nothing where nobody is planned."""
    if not (rows["arm"] == PLANNED).any():
        return
    yield _Group(CAMPAIGN, name, ALL, ALL, rows, others, again, horizons)
    held = rows["arm"] == HOLDOUT
    like_with_like = rows.loc[held, "offer"].notna().any() or not held.any()
    offers = sorted(rows["offer"].dropna().unique()) if like_with_like else []
    for offer in offers:
        part = rows[rows["offer"] == offer]
        if not (part["arm"] == PLANNED).any():
            continue
        yield _Group(OFFER, name, str(offer), ALL, part, others.iloc[:0], 0, horizons * len(offers))
    segments = sorted(rows["segment"].dropna().unique())
    for segment in segments:
        part = rows[rows["segment"] == segment]
        if not (part["arm"] == PLANNED).any():
            continue
        yield _Group(SEGMENT, name, ALL, str(segment), part, others.iloc[:0], 0, horizons * len(segments))


def _within(rows: pd.DataFrame, days: int) -> pd.DataFrame:
    """The customers as known after so many days: who had returned by then has not left."""
    back = rows["_returned_on"] <= rows["_started_on"] + days
    return rows.assign(**{name: rows[name].mask(back) for name in ("_left_on", "_ended_on")})


def _outcomes(
    rows: pd.DataFrame, day: date, days: int
) -> tuple[NDArray[np.bool_], NDArray[np.bool_], NDArray[np.bool_]]:
    """Whether so many days from the start are over, what became of the customer in them is known, and they left."""
    start = rows["_started_on"].to_numpy()
    end = start + days
    over = end <= _day_number(day)
    left = rows["_left_on"].to_numpy() <= end
    known = (rows["_known_until"].to_numpy() >= end) | (rows["_ended_on"].to_numpy() <= end) | left
    return over, over & known, left


def _measured(origin: str, group: _Group, day: date, days: int) -> Measured:
    rows = _within(group.rows, days)
    over, known, left = _outcomes(rows, day, days)
    planned = (rows["arm"] == PLANNED).to_numpy()
    found: dict[str, Any] = {
        "origin": origin,
        **{name: getattr(group, name) for name in ("scope", "campaign_id", "offer", "segment", "again")},
        "days": days,
        "started_on": rows["started_on"].iloc[0],
        "matures_on": rows["started_on"].iloc[-1] + timedelta(days=days),
        "treated": int((known & planned).sum()),
        "control": int((known & ~planned).sum()),
        "treated_left": int((known & planned & left).sum()),
        "control_left": int((known & ~planned & left).sum()),
        "waiting": int((~over).sum()),
        "unknown": int((over & ~known).sum()),
        **_contacts(rows, planned),
    }
    if planned.all():
        return Measured(status=NO_CONTROL, **found)
    if not over.any():
        return Measured(status=NOT_MATURED, **found)
    if found["not_contacted"] == planned.sum():
        return Measured(status=NEVER_CONTACTED, **found)
    arms = Arms.of(rows[known], left[known], days)
    return Measured(**found, **_told(group, arms, day, days))


def _contacts(rows: pd.DataFrame, planned: NDArray[np.bool_]) -> dict[str, int]:
    """How the contacts came out, as far as they are told."""
    contacted = rows["contacted"]
    return {
        "contacted": int(contacted[planned].eq(True).sum()),
        "not_contacted": int(contacted[planned].eq(False).sum()),
        "accepted": int(rows.loc[planned, "accepted"].eq(True).sum()),
        "control_contacted": int(contacted[~planned].eq(True).sum()),
    }


def _told(group: _Group, arms: Arms, day: date, days: int) -> dict[str, Any]:
    """The status, and the figures that can be told."""
    result = compared(arms)
    cost = float(arms.cost[arms.treated].sum())
    error = result.churn.error if result else None
    missing = needed(arms.sizes, arms.rate, arms.expected, error, arms.months_started, group.tests)
    told: dict[str, Any] = {"cost": cost}
    if missing is not None:
        told |= {"customers_needed": missing.customers, "months_needed": missing.months}
    if result is None:
        return told | {"status": NOT_DECIDABLE}
    enough = missing is not None and missing.customers == 0
    status = NO_EFFECT if enough else NOT_DECIDABLE
    if result.churn.differs(group.tests):
        status = FEWER if result.churn.value < 0 else MORE
        told |= {"customers_needed": 0, "months_needed": 0.0}
    saved = result.saved(arms)
    return told | {
        "status": status,
        "difference": result.difference,
        "adjusted": result.adjusted,
        "prevented": result.prevented,
        "prevented_of_all": _of_all(group, arms, saved[0], day, days),
        "saved": saved,
        "months": result.months,
        "profit": result.profit,
    }


def _of_all(group: _Group, arms: Arms, saved: float, day: date, days: int) -> float | None:
    """Share of the churn of all who might have been contacted that was prevented."""
    if group.scope != CAMPAIGN:
        return None
    _, known, left = _outcomes(_within(group.others, days), day, days)
    lost = arms.left[arms.treated].sum() + (known & left).sum() + saved
    return float(saved / lost) if lost > 0 else None
