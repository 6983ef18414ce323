"""The benchmark of effects by customer: limits hold, the oracle earns most, and the figures are told."""

from datetime import date

import numpy as np
import pandas as pd

from benchmarks.uplift import (
    ALWAYS,
    CONSTANT,
    EVERYBODY,
    ORACLE,
    RISK,
    USED,
    business_of,
    draw,
    offers_of,
    policies_of,
    told,
)
from churn_assets.retention.effects import effect_of

CUSTOMERS = 400


def _month() -> tuple[pd.DataFrame, np.ndarray]:
    """Customers of a month with the truth about them; the estimates know it but for some noise."""
    rng = np.random.default_rng(3)
    business = business_of(EVERYBODY, CUSTOMERS)
    risk = rng.uniform(0.01, 0.4, CUSTOMERS)
    columns: dict[str, np.ndarray] = {
        "risk": risk,
        "subscriptions_monthly_price": rng.uniform(10, 60, CUSTOMERS),
    }
    for name in offers_of(business):
        columns[f"effect of {name}"] = -risk * rng.uniform(-0.2, 0.8, CUSTOMERS)
        columns[f"acceptance of {name}"] = np.full(CUSTOMERS, 0.3)
    rows = pd.DataFrame(columns).assign(as_of_date=date(2025, 6, 30))
    truth = -rows[[f"effect of {name}" for name in offers_of(business)]].to_numpy()
    return rows, truth + rng.normal(0, 0.01, truth.shape)


def test_the_oracle_earns_most_and_wakes_nobody_up() -> None:
    rows, near = _month()
    business = business_of(EVERYBODY, CUSTOMERS)
    nobody = pd.DataFrame({"campaign": [], "treated": [], "churned": [], "accepted": []}, dtype=object)
    effects = {o.name: effect_of(o, nobody.astype({"treated": bool})) for o in business.file.offers}
    constant = np.column_stack([effects[name].prevented * rows["risk"] for name in offers_of(business)])
    found = policies_of(rows, {CONSTANT: constant, USED: near, ALWAYS: near}, effects, business)
    profit = {policy: did["profit"] for policy, did in found.items()}
    assert set(found) == {RISK, CONSTANT, USED, ALWAYS, ORACLE}
    assert profit[ORACLE] >= max(profit.values()) > 0 and found[ORACLE]["woken"] == 0
    assert profit[USED] == profit[ALWAYS] > profit[CONSTANT]
    assert found[USED]["woken"] < found[RISK]["woken"]
    assert all(did["contacts"] > 0 for did in found.values())


def test_the_figures_are_told_and_drawn() -> None:
    area = {"constant": 0.7, "by customer": 0.8, "features": 0.9, "truth": 1.0}
    own = {"contacts": 1_000, "negative": 0.25, "area": area}
    judged = {
        "learner": "X-learner",
        "trust": 0.5,
        "used": False,
        "qini_gain": [0.1, -0.1, 0.3],
        "needed": None,
    }
    offers = [own | {"offer": "one"} | judged, own | {"offer": "two", "why_not": "Too few left."}]
    did = {"contacts": 10, "saved": 1.0, "profit": 50.0, "woken": 2}
    world = {
        "seed": 1,
        "kind": EVERYBODY,
        "offers": offers,
        "rank": {CONSTANT: [0.3, 0.2, 0.4]},
        "policies": {RISK: did, ORACLE: did | {"profit": 100.0, "woken": 0}},
    }
    lines = dict(told([world]))
    name = "uplift, world 1, offers to everybody"
    assert lines[f"{name}: {RISK}"] == "profit 50 (50% of the oracle's), 10 contacts, 1 saved, 2 woken up"
    assert "0.30 (0.20 to 0.40)" in lines[f"{name}: rank correlation with the truth"]
    assert (
        "constant 70%, by customer 80%, features 90%; X-learner, trust 0.50, not used"
        in lines[f"{name}: one"]
    )
    assert lines[f"{name}: two"].endswith("Too few left.")
    assert draw([world]).startswith(b"\x89PNG")
