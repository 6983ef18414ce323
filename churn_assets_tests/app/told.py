"""A release with customers of every kind: with a score and without one, with history, contacts and endings."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from churn_assets.contracts.feature import Feature
from churn_assets.ml.portable.scored import score_frame
from churn_assets.ml.portable.what_if import Observed
from churn_assets.serving.release.manifest import Manifest
from churn_assets.serving.release.words import FeatureWords
from churn_assets.serving.release.writing import write_release
from churn_assets_tests.serving.release.made import FEATURES, KEYS, NOW, contents, model

DAYS = [date(2025, 10, 31), date(2025, 11, 30), date(2025, 12, 31)]  # the outcome of the first alone is known
AS_OF = DAYS[-1]
SCORED = KEYS[:150]
WITHOUT = {  # status -> its customer
    "former": KEYS[150],
    "too_new": KEYS[151],
    "in_notice": KEYS[152],
    "unknown": KEYS[153],
    "disappeared": KEYS[154],
    "merged": KEYS[155],
    "not_scored": KEYS[156],
}
OBJECTED = KEYS[190]
MARKED = KEYS[4]  # whose contacts were marked on the page
NOBODY = "f" * 16
BUSINESS = {
    "name": "telecom",
    "windows": {"observation_months": 6, "gap_days": 7, "outcome_days": 30, "settlement_days": 3},
    "customer_months": [{"name": "revenue"}, {"name": "data_mb"}, {"name": "tickets"}],
    "currency": "EUR",
}
WORDS = [
    FeatureWords(
        replace(FEATURES[0], unit="rows"), True, 1.0, Observed((0.0, 1.0, 2.0, 3.0)), "rows", "Tickets."
    ),
    FeatureWords(
        replace(FEATURES[1], actionable=True), True, 400.0, Observed(low=30.0, high=3000.0), "days", "Days."
    ),
    FeatureWords(
        Feature(
            "region",
            "category",
            "profile",
            "home region",
            "customers",
            "attribute",
            column="region",
            actionable=True,
        ),
        True,
        None,
        Observed(("north", "south")),
        None,
        "Region.",
    ),
]


def _catalogue() -> dict[str, Any]:
    def column(name: str, meaning: str, unit: str | None = None) -> dict[str, Any]:
        return {"name": name, "type": "string", "meaning": meaning, "unit": unit}

    months = [
        column("customer_key", "Key."),
        column("month", "Month, YYYY-MM."),
        column("revenue", "Sum of invoices.", "EUR"),
        column("data_mb", "Sum of data.", "MB"),
        column("tickets", "Number of tickets.", "rows"),
        column("plan", "Name of the plan."),
        column("monthly_price", "Price of the plan.", "EUR"),
        column("started_on", "First day."),
        column("autopay", "True when invoices are collected."),
        column("region", "Region of the address."),
        column("status", "active or former."),
    ]
    contacts = [
        column("customer_key", "Key."),
        column("source", "Source."),
        column("happened_on", "Day of the contact."),
        column("offer", "What was offered."),
        column("cost", "What it cost.", "EUR"),
        column("note", "Nobody fills it in."),
        column("mark_id", "Number of the mark."),
        column("outcome", "What came of it."),
        column("state", "made or withdrawn."),
        column("left_on", "Day of the ending."),
    ]
    return {"customer_months": {"columns": months}, "contacts": {"columns": contacts}}


def _snapshots(count: int) -> pd.DataFrame:
    rng = np.random.default_rng(3)
    frame = pd.DataFrame(
        {
            "tickets_count_3m": rng.integers(0, 4, count).astype(float),
            "tenure_days": rng.uniform(30, 3000, count),
            "region": rng.choice(["north", "south"], count),
        }
    )
    frame.loc[1, "tenure_days"] = np.nan
    return frame


def frames() -> dict[str, pd.DataFrame]:
    """The tables as frames."""
    count = len(SCORED)
    values = _snapshots(count)
    scored = score_frame(values, model(), [w.feature for w in WORDS]).assign(
        customer_key=SCORED,
        decile=1,
        model_version="3",
        risk_tier=["high" if n % 3 == 0 else "low" for n in range(count)],
        segment=["at risk" if n % 3 == 0 else "steady" for n in range(count)],
        value_tier=["high" if n % 2 else None for n in range(count)],
        driver="service",
        value=20.0,
        action="Call this week.",
    )
    history = pd.concat(
        [
            scored.assign(as_of_date=day, model_version="2" if day < AS_OF else "3", probability=share)
            if day < AS_OF
            else scored.assign(as_of_date=day)
            for day, share in zip(DAYS, (0.11, 0.22, 0.33), strict=True)
        ]
    ).sort_values(["customer_key", "as_of_date"])
    current = scored.assign(
        as_of_date=AS_OF,
        status="scored",
        expected_months=9.5,
        expected_months_low=9.1,
        expected_months_high=9.9,
        horizon_months=11,
        survival_3m=0.97,
        survival_6m=0.9,
        survival_12m=None,
        lifetime_value=240.0,
        lifetime_value_low=228.0,
        lifetime_value_high=252.0,
        value_horizon_months=24,
    )
    others = pd.DataFrame({"customer_key": WITHOUT.values(), "status": WITHOUT.keys()})
    others["status_reason"] = "Told because of " + others["status"] + "."
    others.loc[others["status"] == "former", "ended_on"] = date(2025, 12, 5)
    others.loc[others["status"] == "merged", "survivor_key"] = SCORED[9]  # who left
    # Of the first day's cases: some left by choice, some otherwise, and two are out of sight.
    left = [
        (SCORED[n], "voluntary" if n % 4 == 1 else "involuntary", date(2025, 11, 20)) for n in range(3, 60, 6)
    ]
    late = [(SCORED[n], "voluntary", date(2025, 12, 8)) for n in range(0, 30, 6)]  # after the window
    endings = pd.DataFrame(
        [*left, *late, (WITHOUT["former"], "voluntary", date(2025, 12, 5))],
        columns=["customer_key", "kind", "ended_on"],
    ).assign(source="subscriptions", reason="price", started_on=date(2024, 1, 1), notice_on=None)
    earlier = history[history["as_of_date"] == DAYS[0]].head(3)
    lost = earlier.assign(
        customer_key=[WITHOUT[name] for name in ("unknown", "disappeared", "merged")],
        segment="at risk",
        value_tier="high",
    )
    history = pd.concat([history, lost]).sort_values(["customer_key", "as_of_date"])
    return {
        "customers": pd.concat([current, others]).sort_values("customer_key"),
        "scores": history[
            ["customer_key", "as_of_date", "probability", "decile", "model_version", "driver", "raw"]
        ],
        "segments": history[
            ["customer_key", "as_of_date", "segment", "action", "risk_tier", "value_tier", "driver"]
        ],
        "snapshots": values.assign(customer_key=SCORED, as_of_date=AS_OF),
        "customer_months": _months(),
        "contacts": _contacts(),
        "churn_events": endings.sort_values("customer_key"),
        "objections": pd.DataFrame({"customer_key": [OBJECTED]}),
    }


def _months() -> pd.DataFrame:
    rows = [
        {
            "customer_key": key,
            "month": month,
            "revenue": 20.0 + n,
            "data_mb": 5000.0 * n,
            "tickets": float(n % 2),
            "plan": "basic",
            "monthly_price": 20.5,
            "started_on": date(2024, 1, 1),
            "autopay": True,
            "region": None,
            "status": "active",
        }
        for key in [SCORED[0], *WITHOUT.values()]
        for n, month in enumerate(("2025-08", "2025-09", "2025-11", "2025-12"))
    ]
    return pd.DataFrame(rows)


def _contacts() -> pd.DataFrame:
    told = [
        (SCORED[0], date(2025, 9, 1), None),
        (SCORED[0], date(2025, 12, 1), None),
        (WITHOUT["former"], date(2025, 12, 5), date(2025, 12, 5)),
        (WITHOUT["unknown"], date(2025, 6, 1), None),
    ]
    rows = pd.DataFrame(told, columns=["customer_key", "happened_on", "left_on"])
    rows = rows.assign(source="retention_contacts", offer="discount_10", cost=4.5, note=None)
    marked = pd.DataFrame(
        [("m1", "thinking", "made"), ("m2", "leaving", "withdrawn"), ("m3", "accepted", "made")],
        columns=["mark_id", "outcome", "state"],
    ).assign(customer_key=MARKED, happened_on=date(2025, 12, 10), source="app_contacts")
    return pd.concat([rows, marked]).sort_values("customer_key")


def publish_told(
    root: Path | str,
    number: int = 0,
    *,
    value: str | None = None,
    words: Sequence[FeatureWords] = WORDS,
    **edits: Any,
) -> Manifest:
    """Publishes the release.

    Args:
        root: of the releases.
        number: later ones have greater numbers.
        value: the feature that is the customer's value, if any.
        words: the features.
        edits: tables that replace those of `frames`, None to leave one out; or fields of `About`.
    """
    tables: dict[str, Any] = frames() | {name: edits.pop(name) for name in list(edits) if name in frames()}
    held = {
        name: pa.Table.from_pandas(frame, preserve_index=False)
        for name, frame in tables.items()
        if frame is not None
    }
    made = contents(**held)
    about = replace(made.about, as_of_dates=[str(day) for day in DAYS], **edits)
    absent = {name: f"{name} was never materialised" for name, frame in tables.items() if frame is None}
    business = BUSINESS | ({"segments": {"value": {"feature": value}}} if value else {})
    made = replace(made, about=about, words=words, business=business, catalogue=_catalogue(), absent=absent)
    return write_release(str(root), made, now=NOW, run_id=f"run{number}", keep=3)
