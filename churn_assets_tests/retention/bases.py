"""Cohorts to plan for, made without a lake."""

from collections.abc import Mapping
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from churn_assets.contracts.campaigns import Campaigns
from churn_assets.contracts.economics import Economics
from churn_assets.contracts.offers import OfferLine
from churn_assets.retention.cohort import Basis
from churn_assets.retention.effects import effects_of
from churn_assets.retention.plan import PlannedCampaign, economy, make_plan

JUNE = date(2025, 6, 30)
OFFERS = [
    OfferLine(name="mail", channel="email", contact_cost=0.5, cost=10, assumed_effect=0.1, cool_down_days=30),
    OfferLine(name="call", channel="call", contact_cost=5, cost=20, assumed_effect=0.3, cool_down_days=60),
    OfferLine(name="visit", channel="visit", contact_cost=40, cost=0, assumed_effect=0.5, capacity=3),
]
ECONOMICS = Economics(lifetime_value=500)
SECTION = Campaigns.model_validate(
    {"budget": 900, "capacity": [{"channel": "call", "contacts": 60}], "holdout": 0.1, "exploration": 0.05}
)
NO_CONTACTS = pd.DataFrame({"campaign": [], "treated": [], "churned": [], "accepted": []}).astype(
    {"treated": bool, "churned": object, "accepted": object}
)


def cohort(customers: int = 1200, seed: int = 3, **columns: Any) -> pd.DataFrame:
    """Scored customers, all of whom may be contacted; `columns` replace theirs."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"customer_key": [f"{n:016x}" for n in range(customers)]})
    frame["probability"] = rng.beta(0.6, 5, customers)
    frame["value"] = rng.lognormal(4, 0.7, customers)
    for name, tiers in (("risk", "probability"), ("value", "value")):
        frame[f"{name}_tier"] = np.where(frame[tiers] > frame[tiers].quantile(0.8), "high", "low")
    frame["segment"], frame["model_version"] = "all", "1"
    for offer in OFFERS:
        frame[offer.name] = True
    own: dict[str, Any] = {"excluded": False, "consent": True, "objected": False, "contacted_on": None}
    for name, values in (own | columns).items():
        frame[name] = values
    return frame.astype({"excluded": object, "consent": object, "contacted_on": object})


def basis(frame: pd.DataFrame, contacts: Mapping[str, pd.DataFrame] | None = None) -> Basis:
    """What a plan for these customers rests on."""
    told = dict.fromkeys([offer.name for offer in OFFERS], NO_CONTACTS) | dict(contacts or {})
    tiers = zip(frame["risk_tier"], frame["value_tier"], strict=True)
    strata = {key: f"{r} {v}" for key, (r, v) in zip(frame["customer_key"], tiers, strict=True)}
    return Basis(JUNE, frame, effects_of(OFFERS, told), strata, "retention-2025-01", True)


def planned(frame: pd.DataFrame, section: Campaigns = SECTION, **more: Any) -> PlannedCampaign:
    """The plan for these customers."""
    found = basis(frame, **more)
    return make_plan(found, economy(OFFERS, section, found), section, ECONOMICS)
