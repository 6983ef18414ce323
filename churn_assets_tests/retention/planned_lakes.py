"""A small lake with scored cohorts, contacts and answers, to plan campaigns over."""

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from churn_assets.contracts.business import Business
from churn_assets.contracts.loader import load_business
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.months import month_end, month_of, month_range
from churn_assets.operations.campaigns.record import plan_recorded
from churn_assets.retention.cohort import Basis
from churn_assets.retention.effects import effects_of
from churn_assets.retention.plan import economy, make_plan
from churn_assets.retention.planning import Planning, curve_rows, effect_rows, plan_rows, record_of
from churn_assets_tests.lakes import business_copy, settings_for
from churn_assets_tests.retention.bases import NO_CONTACTS
from churn_assets_tests.scored_cohorts import write

CUSTOMERS = 300
MONTHS = month_range("2025-06", "2025-10")
LAST = month_end(MONTHS[-1])
FEATURES = [
    {"source": "subscriptions", "aggregate": "tenure"},
    {"source": "tickets", "aggregate": "count", "months": [1]},
    {"source": "customers", "aggregate": "attribute", "column": "autopay"},
]
SEGMENTS = {
    "risk": {"high": 0.9, "elevated": 0.7},
    "value": {"feature": "tenure_days", "high": 0.67, "middle": 0.33},
    "rules": [{"name": "all", "action": "none"}],
}
OFFERS: list[dict[str, Any]] = [
    {"name": "discount_10", "channel": "email", "contact_cost": 0.5, "cost": 10, "assumed_effect": 0.2},
    {
        "name": "service_credit",
        "channel": "call",
        "contact_cost": 4,
        "cost": 15,
        "where": "tickets_count_1m > 0",
        "assumed_effect": 0.3,
    },
]
CONTACTS = [
    {
        "source": "retention_contacts",
        "campaign": "campaign",
        "offer": "offer",
        "control": ["control"],
        "accepted": "accepted",
    }
]
CAMPAIGNS: dict[str, Any] = {
    "budget": 300,
    "capacity": [{"channel": "call", "contacts": 20}],
    "exclude": ["customers_autopay"],
    "reach": [{"channel": "call", "column": "phone"}, {"channel": "email", "column": "email"}],
    "contacts": CONTACTS,
}


def business_with(folder: Path, offers: object = OFFERS, campaigns: object = CAMPAIGNS) -> Business:
    """The telecom business with a few features, 2025."""
    edits: dict[str, object] = {
        "features": FEATURES,
        "segments": SEGMENTS,
        "offers": offers,
        "campaigns": campaigns,
    }
    calendar = {"start": "2025-01", "end": "2025-12"}
    return load_business(business_copy(folder, "telecom", calendar=calendar, **edits))


def key(n: int) -> str:
    """A customer_key."""
    return f"{n * 16**12 // CUSTOMERS:016x}"


def version(n: int, day: date, **values: Any) -> dict[str, Any]:
    """A version of a row of silver."""
    own = {"known_at": day, "sequence": 1, "extract_month": month_of(day), "latest_in_month": True}
    return {"customer_key": key(n), "copies": 1, "refused": False} | own | values


def contact(
    n: int, day: date, number: str, offer: str | None, accepted: bool = False, **values: Any
) -> dict[str, Any]:
    """A contact that is known on its day; without an offer a control."""
    told = {
        "contact_id": number,
        "contacted_on": day,
        "campaign": "a",
        "offer": offer or "none",
        "accepted": accepted,
    }
    return version(n, day) | told | {"arm": "treated" if offer else "control"} | values


def put(house: Lakehouse, table: tables.Table, rows: list[dict[str, Any]]) -> None:
    """Adds rows of silver."""
    house.append_rows(table, table.rows(rows), run_id="made")


def planned_lake(home: Path, business: Business) -> Lakehouse:
    """Five scored cohorts. Of ten customers one refuses contacts, one objected, one pays by itself (excluded)."""
    house, rng = Lakehouse(settings_for(home)), np.random.default_rng(5)
    tickets, value = rng.poisson(0.6, CUSTOMERS), rng.lognormal(4, 0.5, CUSTOMERS)
    snapshots, segments, labels, contacts = [], [], [], []
    for at, month in enumerate(MONTHS):
        day, probability = month_end(month), rng.beta(1, 5, CUSTOMERS)
        settled = at < len(MONTHS) - 2
        for n in range(CUSTOMERS):
            own = {"customer_key": key(n), "as_of_date": day}
            features = {"tenure_days": 400.0, "tickets_count_1m": float(tickets[n])}
            snapshots.append(
                own | features | {"customers_autopay": str(n % 10 == 3).lower(), "known_at": day}
            )
            segments.append(
                own
                | {"segment": "all", "action": "none", "driver": "other", "probability": probability[n]}
                | {"risk_tier": ("low", "high")[n % 2], "value_tier": ("low", "high")[n % 3 == 0]}
                | {"value": value[n], "model_version": "1"}
            )
            outcome = ("churned" if rng.random() < probability[n] else "stayed") if settled else "pending"
            available = day + timedelta(days=42)
            told = {"outcome": outcome, "label_available_at": available}
            labels.append(own | told | {"label": {"churned": 1, "stayed": 0}.get(outcome)})
        for n in rng.choice(CUSTOMERS, 40, replace=False).tolist():
            offer = (None, "discount_10", "service_credit")[n % 3]
            contacts.append(contact(n, day + timedelta(days=3), f"{month}-{n}", offer, n % 2 == 0))
    write(house, tables.customer_snapshots(business), snapshots)
    write(house, tables.CUSTOMER_SEGMENTS, segments)
    write(house, tables.CHURN_LABELS, labels)
    people = [
        version(
            n,
            date(2025, 5, 31),
            marketing_consent=n % 10 != 1,
            profiling_objection=n % 10 == 2,
            status="active",
        )
        for n in range(CUSTOMERS)
    ]
    customers = business.source("customers")
    put(house, tables.silver(customers), people)
    put(house, tables.silver(business.source("retention_contacts")), contacts)
    ids = [{"customer_id": f"C{n}", "customer_key": key(n)} for n in range(CUSTOMERS)]
    house.append_rows(tables.CUSTOMER_KEYS, tables.CUSTOMER_KEYS.rows(ids), run_id="made")
    identity = tables.customer_identity(business)
    named = [
        {"customer_key": key(n), "known_at": date(2025, 5, 31), "sequence": 1, "extract_month": "2025-05"}
        | {"source": "customers", "full_name": ("=cmd|x", f"Person {n}")[n % 5 != 0]}
        | {
            "email": None if n % 10 == 4 else f"p{n}@mail.example",
            "phone": None if n % 7 == 1 else f"+49 {n}",
        }
        for n in range(CUSTOMERS)
    ]
    put(house, identity, named)
    return house


def planned_business(home: Path) -> Business:
    """The business of a home that was made with `business_with`."""
    return load_business(home / "business-0")


def plan_without_engine(house: Lakehouse, business: Business) -> None:
    """Plans the last month of a planned lake: nobody is excluded."""
    section, economics = business.file.campaigns, business.file.economics
    assert section is not None
    cohort = house.arrow(tables.CUSTOMER_SEGMENTS, None, [("as_of_date", "=", LAST)]).to_pandas()
    cohort = cohort.assign(excluded=False, consent=True, objected=False, contacted_on=None).astype(
        {"contacted_on": object}
    )
    for offer in business.file.offers:
        cohort[offer.name] = True
    effects = effects_of(business.file.offers, {offer.name: NO_CONTACTS for offer in business.file.offers})
    basis = Basis(LAST, cohort, effects, {}, "retention-2025-07", True)
    money = economy(business.file.offers, section, basis)
    made = Planning(business, section, basis, money, make_plan(basis, money, section, economics))
    house.replace_rows(tables.CAMPAIGN_PLAN, plan_rows(made.plan.rows), "as_of_date", [LAST], run_id="made")
    house.replace_rows(tables.OFFER_EFFECTS, effect_rows(made), "as_of_date", [LAST], run_id="made")
    house.replace_rows(tables.BUDGET_CURVE, curve_rows(made), "as_of_date", [LAST], run_id="made")
    plan_recorded(house, [record_of(made)])
