"""The small lake of planned campaigns with outcomes: subscriptions that end, extracts that tell it, and contacts."""

from datetime import date, timedelta
from typing import Any

import numpy as np

from churn_assets.contracts.business import Business
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.months import days_of, month_of, month_range
from churn_assets_tests.retention.planned_lakes import CUSTOMERS, contact, put, version

STARTED = date(2024, 1, 1)
WEEK = 7


def with_outcomes(house: Lakehouse, business: Business, left: dict[int, date], last: str = "2025-10") -> None:
    """Adds weekly extracts up to the end of a month, and everybody's subscription; `left` says who ended it when."""
    months = month_range("2025-01", last)
    balances = [
        {"source": source.name, "extract_month": month, "balances": True, "whole": True}
        | {"delivered": 1, "accepted": 1, "duplicate": 0, "quarantined": 0}
        | {"extract_dates": [*days_of(month)[6::WEEK], days_of(month)[-1]]}
        for source in business.sources
        for month in months
    ]
    rows = tables.RECONCILIATION.rows(balances)
    house.replace_rows(tables.RECONCILIATION, rows, "extract_month", months, run_id="made")
    put(house, tables.silver(business.source("subscriptions")), [spell(n) for n in range(CUSTOMERS)])
    ended = [spell(n, told_on=on + timedelta(days=1), ended_on=on) for n, on in left.items()]
    if ended:
        put(house, tables.silver(business.source("subscriptions")), ended)


def spell(n: int, told_on: date = date(2025, 1, 31), **values: Any) -> dict[str, Any]:
    """A version of the subscription of a customer."""
    own = {"subscription_id": f"S{n}", "plan": "basic", "contract_months": 0, "monthly_price": 20}
    told = {"started_on": STARTED, "end_reason": "price" if "ended_on" in values else None}
    return version(n, told_on) | own | told | {"notice_on": None, "expires_on": None} | values


def leavers(share: float = 0.2, seed: int = 8) -> dict[int, date]:
    """Customers who leave at random between July and September."""
    rng = np.random.default_rng(seed)
    first = date(2025, 7, 2)
    return {
        n: first + timedelta(days=int(rng.integers(0, 85))) for n in range(CUSTOMERS) if rng.random() < share
    }


def list_contacts(
    business: Business, house: Lakehouse, numbers: list[int], campaign: str | None, day: date, **values: Any
) -> None:
    """Contacts of these customers, as a source tells them a day later."""
    rows = [
        contact(n, day, f"{campaign}-{n}-{day}", "discount_10", known_at=day + timedelta(days=1))
        | {"campaign": campaign, "extract_month": month_of(day + timedelta(days=1))}
        | values
        for n in numbers
    ]
    put(house, tables.silver(business.source("retention_contacts")), rows)
