"""Campaigns whose true effect is known, made without a lake."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd

from churn_assets.retention.measure import CUSTOMER_COLUMNS

JUNE = date(2025, 6, 30)
HORIZON = 30


@dataclass(frozen=True)
class Truth:
    """What an offer did: the mean change of the churn probability of the planned, and what that earned."""

    difference: float
    prevented: float
    profit: float


def campaign(
    rng: np.random.Generator,
    customers: int = 1500,
    held: float = 0.2,
    effect: float = 0.4,
    name: str = "retention-2025-06",
    start: date = JUNE,
    **columns: Any,
) -> tuple[pd.DataFrame, Truth]:
    """Rows for `measure` with outcomes of 30 days, and the truth about them; `columns` replace theirs.

    Args:
        rng: for everything.
        customers: in both arms.
        held: chance of each to be in the holdout.
        effect: share of the churn that the offer prevents.
        name: of the campaign.
        start: of the campaign.
        columns: instead of the own ones.
    """
    score = rng.beta(1.2, 6, customers)
    treated = rng.random(customers) >= held
    lost = score * np.where(treated, 1 - effect, 1)
    left = rng.random(customers) < lost
    on = [
        start + timedelta(days=int(d)) if gone else None
        for d, gone in zip(rng.integers(1, 31, customers), left, strict=True)
    ]
    margin, cost = rng.lognormal(3, 0.5, customers), np.where(treated, 5.0, 0.0)
    frame = pd.DataFrame(
        {
            "customer_key": [f"{name}-{n:05d}" for n in range(customers)],
            "origin": "plan",
            "campaign_id": name,
            "draw": "retention-2025-01",
            "arm": np.where(treated, "planned", "holdout"),
            "offer": None,
            "segment": None,
            "score": score,
            "margin": margin,
            "cost": cost,
            "expected": score * 0.3,
            "contacted": treated,
            "accepted": None,
            "started_on": start,
            "left_on": on,
            "ended_on": on,
            "returned_on": None,
            "known_until": start + timedelta(days=HORIZON),
        }
    ).assign(**columns)
    # a customer who leaves does so on day 15.5 on average
    months = effect * score * (HORIZON - 15.5) / 30.4375
    truth = Truth(
        difference=float(-(effect * score[treated]).mean()) if treated.any() else 0.0,
        prevented=effect,
        profit=float((months * margin - 5.0)[treated].sum()),
    )
    return frame[list(CUSTOMER_COLUMNS)], truth


def many(rng: np.random.Generator, months: int, **more: Any) -> pd.DataFrame:
    """Rows of several campaigns, a month each."""
    starts = [date(2025, month, 28) for month in range(1, months + 1)]
    parts = [campaign(rng, name=f"retention-{start:%Y-%m}", start=start, **more)[0] for start in starts]
    return pd.concat(parts, ignore_index=True)
