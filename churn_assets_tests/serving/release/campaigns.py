"""A campaign for releases of tests, in the columns of a release."""

from collections.abc import Sequence
from dataclasses import fields
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pyarrow as pa

from churn_assets.lakehouse import tables
from churn_assets.retention.measure import FEWER, INTERVALS, NOT_DECIDABLE, Measured
from churn_assets.retention.measure_words import told
from churn_assets.serving.campaigns import HOLDOUT, PLAN

DAY = date(2025, 12, 31)
ID = "retention-2025-12"
DIGEST = "d" * 64
OFFERS = ("discount_10", "service_credit")
WORDS = {"discount_10": "10 % off for 6 months", "service_credit": "a credit for the trouble"}
PLANNED_AT = datetime(2026, 1, 3, 4, tzinfo=UTC)
STATE_SINCE = PLANNED_AT.replace(hour=5)
SETTINGS: dict[str, Any] = {
    "name": "retention", "budget": 300.0, "holdout": 0.1, "holdout_months": 6, "exploration": 0.05, "list_days": 14,
}  # fmt: skip


def plan_rows(keys: Sequence[str]) -> list[dict[str, Any]]:
    """Of ten customers four are planned, one explores, one is in the holdout, and the others get nothing."""
    found = []
    for number, key in enumerate(keys):
        arm = {0: "holdout", 5: "exploration"}.get(number % 10, "planned" if number % 10 < 5 else None)
        offer = OFFERS[number % 2] if arm else None
        numbers = {
            "expected_effect": 0.02,
            "expected_acceptance": 0.3,
            "expected_cost": 3.5,
            "expected_profit": 8.5,
        }
        reason = {"holdout": "holdout", None: "not worth it"}.get(arm)
        found.append(
            {"customer_key": key, "as_of_date": DAY, "campaign_id": ID, "arm": arm, "offer": offer}
            | {"channel": ("email", "call")[number % 2] if arm else None, "reason": reason}
            | (numbers if arm else {})
        )
    return found


def campaign_tables(keys: Sequence[str], state: str = "planned") -> dict[str, pa.Table]:
    """The tables of a campaign whose newest plan is of these customers."""
    rows = plan_rows(keys)
    out = [row for row in rows if row["arm"] in ("planned", "exploration")]
    own: dict[str, Any] = {"campaign_id": ID, "as_of_date": DAY}
    record = own | {
        "record": 1,
        "at": PLANNED_AT,
        "what": "planned",
        "state": "planned",
        "plan_digest": DIGEST,
    }
    record |= {
        "budget": 300.0,
        "contacted": len(out),
        "holdout": 1,
        "expected_cost": 3.5,
        "expected_profit": 8.5,
    }
    records = [record | {"by": "", "note": ""}]
    if state != "planned":
        records.append(records[0] | {"record": 2, "what": state, "state": state, "at": STATE_SINCE})
    if state == "approved":
        later = {"record": 3, "what": "exported", "at": STATE_SINCE + timedelta(days=2), "exported": 9}
        records.append(records[1] | later)
    effects = [
        own
        | {
            "offer": offer,
            "words": WORDS[offer],
            "channel": "email",
            "condition": None,
            "may_get_it": len(rows),
        }
        | {"contacted": sum(row["offer"] == offer for row in out), "contact_cost": 0.5, "offer_cost": 10.0}
        | {"acceptance": 0.3, "expected_cost": 3.5, "prevented": 0.2, "low": -0.44, "high": 0.56}
        | {"basis": "assumed: no control arm"}
        for offer in OFFERS
    ]
    curve = [
        own
        | {"budget": budget, "customers": int(budget / 3.5), "expected_cost": min(budget, 450.0)}
        | {
            "expected_profit": profit,
            "customers_saved": profit / 400,
            "next_euro": 2.0 if budget < 450 else 0.0,
        }
        | {"declared": budget == 300.0}
        for budget, profit in ((0.0, 0.0), (150.0, 500.0), (300.0, 800.0), (450.0, 900.0), (600.0, 900.0))
    ]
    shown = ((3, 1.4, None), (6, 0.8, 0.31), (12, None, 0.12))
    holdout = [
        own
        | {"months": months, "prevented": prevented, "holdout_needed": needed, "compared": 1, "saved": 2.0}
        for months, prevented, needed in shown
    ]
    return {
        "campaign_results": tables.CAMPAIGN_RESULTS.rows(result_rows()),
        "campaign_plan": PLAN.rows(rows),
        "campaigns": tables.CAMPAIGNS.rows(records).drop_columns(["by", "note"]),
        "offer_effects": tables.OFFER_EFFECTS.rows(effects),
        "budget_curve": tables.BUDGET_CURVE.rows(curve),
        "campaign_holdout": HOLDOUT.rows(holdout),
    }


def uplift_tables() -> dict[str, pa.Table]:
    """Effects by customer are used of the first offer, and cannot be learned of the second."""
    own: dict[str, Any] = {"as_of_date": DAY, "offer": OFFERS[0]}
    figures = {"contacts": 900, "controls": 400, "judged_contacts": 500, "trust": 0.8, "contacts_needed": 300}
    used = own | {"used": True, "told": "effects by customer", "learner": "doubly robust, linear"} | figures
    few = {"as_of_date": DAY, "offer": OFFERS[1], "used": False, "contacts": 9, "controls": 8}
    few |= {"told": "constant effect: 9 contacts and 8 controls are known; 100 of each are needed."}

    def group(grouping: str, name: str, customers: int, seen: float) -> dict[str, Any]:
        told = {
            "grouping": grouping,
            "group_value": name,
            "contacts": customers // 2,
            "controls": customers // 2,
        }
        ends = {"seen": seen, "seen_low": seen - 0.01, "seen_high": seen + 0.01}
        return own | told | ends | {"woken": float(seen < 0), "estimated": seen}

    groups = [group("kind", "persuadable", 900, 0.05), group("kind", "woken up", 100, -0.02)]
    groups += [group("segment", "steady", 1_000, 0.01)]
    return {
        "offer_uplift": tables.OFFER_UPLIFT.rows([used, few]),
        "effect_groups": tables.EFFECT_GROUPS.rows(groups),
    }


def result_rows() -> list[dict[str, Any]]:
    """One campaign that is measured after 30 days and not decidable after 90, and all together; a few were biased."""
    names = ("again", "accepted", "unplanned", "matched_by_time", "treated_left", "control_left")
    counts: dict[str, Any] = dict.fromkeys(names, 0) | {"unplanned": 4}
    counts |= {"treated": 900, "control": 100, "waiting": 0, "unknown": 0, "contacted": 890}
    counts |= {"not_contacted": 10, "control_contacted": 1}
    own = {
        "as_of_date": DAY,
        "origin": "plan",
        "offer": "all",
        "segment": "all",
        "scope": "campaign",
    } | counts
    own |= {"started_on": date(2025, 6, 30), "matures_on": date(2025, 9, 30)}
    measured: dict[str, Any] = {"days": 30, "status": FEWER, "cost": 100.0}
    for name, values in {
        "difference": (-0.03, -0.05, -0.01), "adjusted": (-0.03, -0.045, -0.015), "prevented": (0.3, 0.1, 0.5),
        "saved": (27.0, 9.0, 45.0), "months": (0.1, 0.0, 0.2), "profit": (900.0, 100.0, 1700.0),
    }.items():  # fmt: skip
        measured |= dict(zip((name, f"{name}_low", f"{name}_high"), values, strict=True))
    open_ = {"days": 90, "status": NOT_DECIDABLE, "months_needed": 2.0, "customers_needed": 500}
    return [
        row | {"told": told(_measured(row), "EUR")}
        for name in ("retention-2025-06", "all")
        for row in (own | {"campaign_id": name} | found for found in (measured, open_))
    ]


def _measured(row: dict[str, Any]) -> Measured:
    """The result of which a row tells."""
    intervals = {n: (row[n], row[f"{n}_low"], row[f"{n}_high"]) for n in INTERVALS if n in row}
    known = {field.name for field in fields(Measured)}
    return Measured(**({n: v for n, v in row.items() if n in known} | intervals))
