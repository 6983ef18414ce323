"""A small lake with expected lifetimes, invoices and months of revenue, to value customers in."""

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np

from churn_assets.contracts.business import Business
from churn_assets.contracts.loader import load_business
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.months import add_months, month_end, month_of, month_range, month_start
from churn_assets_tests.lakes import business_copy, settings_for
from churn_assets_tests.scored_cohorts import write

CUSTOMERS = 600
MONTHS = month_range("2025-06", "2025-12")
JUNE, LAST = month_end(MONTHS[0]), month_end(MONTHS[-1])
REVENUE = "invoices_amount_sum_3m"
TERMS: dict[str, Any] = {"revenue": REVENUE, "margin": 0.5, "horizon_months": 24}


def valued_business(folder: Path, terms: dict[str, Any] = TERMS) -> Business:
    """The telecom business with two features, 2025."""
    return load_business(
        business_copy(
            folder,
            features=[
                {"source": "subscriptions", "aggregate": "tenure"},
                {"source": "invoices", "aggregate": "sum", "measure": "amount", "months": [3]},
            ],
            customer_months=[
                {"name": "revenue", "source": "invoices", "aggregate": "sum", "measure": "amount"}
            ],
            segments={
                "risk": {"high": 0.9, "elevated": 0.7},
                "value": {"feature": REVENUE, "high": 0.67, "middle": 0.33},
                "rules": [{"name": "all", "action": "none"}],
            },
            economics={"lifetime_value": 400, "lifetime": terms},
            calendar={"start": "2025-01", "end": "2025-12"},
        )
    )


def key(n: int) -> str:
    """A customer_key."""
    return f"{n * 16**12 // CUSTOMERS:016x}"


def invoice(
    n: int, month: str, amount: float, known_at: date | None = None, sequence: int = 1
) -> dict[str, Any]:
    """A version of the invoice of a customer in a month, known at its end or later."""
    known = known_at or month_end(month)
    return {
        "customer_key": key(n),
        "invoice_id": f"{n}-{month}",
        "issued_on": month_start(month),
        "amount": Decimal(f"{amount:.2f}"),
        "status": "paid",
        "known_at": known,
        "sequence": sequence,
        "latest_in_month": True,
        "copies": 1,
        "refused": False,
        "extract_month": month_of(known),
    }


def put_invoices(house: Lakehouse, business: Business, rows: list[dict[str, Any]]) -> None:
    """Adds versions of invoices to silver."""
    table = tables.silver(business.source("invoices"))
    house.append_rows(table, table.rows(rows), run_id="made")


def valued_lake(home: Path, business: Business, differ: bool = True, off: float = 1.0) -> Lakehouse:
    """Two scored cohorts, June and December, and the revenue of the months between.

    Customers pay 10 to 60 a month until they leave, at a rate of 1 to 20 % a month.

    Args:
        home: of the lake.
        business: see `valued_business`.
        differ: the expected lifetimes know the rate; else each customer is given that of somebody else.
        off: what is earned, per what was expected.
    """
    house, rng = Lakehouse(settings_for(home)), np.random.default_rng(4)
    rate, pays = rng.choice([0.01, 0.05, 0.2], CUSTOMERS), rng.uniform(10, 60, CUSTOMERS)
    leaves_after = rng.exponential(1 / rate)
    told = rate if differ else rng.permutation(rate)
    snapshots, segments, lifetimes, months, invoices = [], [], [], [], []
    for day, observed in ((JUNE, 6), (LAST, 9)):
        there = range(CUSTOMERS) if day == JUNE else np.flatnonzero(leaves_after > 6).tolist()
        for n in there:
            own = {"customer_key": key(n), "as_of_date": day}
            known = None if n == 7 else 3 * pays[n]
            snapshots.append(own | {"tenure_days": 300.0, REVENUE: known, "known_at": day})
            segments.append(
                own | {"segment": "all", "action": "none", "driver": "other", "model_version": "1"}
            )
            mean = (1 - np.exp(-told[n] * observed)) / told[n]
            survival = {f"survival_{m}m": np.exp(-told[n] * m) if m <= observed else None for m in (3, 6, 12)}
            ends = {
                "expected_months_low": 0.95 * mean,
                "expected_months_high": mean + 0.05 * (observed - mean),
            }
            lifetimes.append(
                own
                | survival
                | ends
                | {"expected_months": mean, "horizon_months": observed, "learned_until": JUNE}
            )
    for at in range(1, 7):
        month = add_months(MONTHS[0], at)
        for n in range(CUSTOMERS):
            paid = float(np.clip(leaves_after[n] - at + 1, 0, 1))
            if paid:
                months.append({"customer_key": key(n), "month": month, "revenue": off * paid * pays[n]})
                invoices.append(invoice(n, month, off * paid * pays[n]))
    write(house, tables.customer_snapshots(business), snapshots)
    write(house, tables.CUSTOMER_SEGMENTS, segments)
    write(house, tables.EXPECTED_LIFETIMES, lifetimes)
    table = tables.customer_months(business)
    house.replace_rows(table, table.rows(months), "month", MONTHS[1:], run_id="made")
    put_invoices(house, business, invoices)
    people = [{"customer_key": key(n)} for n in range(CUSTOMERS)]
    house.append_rows(tables.customers(business), tables.customers(business).rows(people), run_id="made")
    return house
