"""The benchmark of campaigns: every policy keeps to the same limits, and nobody earns more than the oracle."""

import numpy as np
import pandas as pd
import pytest

from benchmarks.campaign_tables import markdown
from benchmarks.campaign_worlds import FEATURES, trial
from benchmarks.campaigns import World, told
from churn_assets.contracts.loader import load_business
from churn_assets.replay.policies import OFF, ORACLE, PLAN, RANDOM, RISK, PolicyQuestion, answer
from churn_assets.retention.arms import CONTACTED
from churn_assets.retention.plan import economy, values
from churn_assets.settings import SHIPPED_BUSINESSES
from churn_assets_tests.retention.bases import ECONOMICS, OFFERS, SECTION, basis, cohort

pytestmark = pytest.mark.one_python(reason="NumPy and SciPy count")

POLICIES = (PLAN, RISK, RANDOM, ORACLE)


def _question() -> tuple[PolicyQuestion, np.ndarray, np.ndarray]:
    """A month in which the last offer works best, and what is true of everybody."""
    found = basis(cohort())
    rng = np.random.default_rng(4)
    probability = found.cohort["probability"].to_numpy()
    change = -probability[:, None] * np.array([0.05, 0.2, 0.6]) * rng.random((len(probability), 3)) * 2
    takes = rng.random((len(probability), 3))
    money = economy(OFFERS, SECTION, found)
    asked = PolicyQuestion(
        found, SECTION, ECONOMICS, money, lambda who: (change[who], takes[who]), np.random.default_rng(1)
    )
    return asked, change, takes


@pytest.mark.parametrize("policy", POLICIES)
def test_every_policy_keeps_to_budget_and_capacities(policy: str) -> None:
    asked, _, _ = _question()
    rows = answer(policy, asked)
    out = rows[rows["arm"].isin(CONTACTED)]
    place = out["offer"].map({offer.name: n for n, offer in enumerate(OFFERS)}).to_numpy(dtype=int)
    used = asked.money.use[:, place].sum(axis=1)
    assert len(out) and (used <= asked.money.limits + 1e-6).all()
    assert list(rows["customer_key"]) == list(asked.basis.cohort["customer_key"])


def test_nobody_contacts_nobody_and_the_oracle_earns_most() -> None:
    asked, change, takes = _question()
    value = values(asked.basis.cohort["value"].to_numpy(), ECONOMICS.lifetime_value)
    names, contact = [o.name for o in OFFERS], np.array([o.contact_cost for o in OFFERS])
    profit = -change * value[:, None] - contact - takes * np.array([o.cost for o in OFFERS])

    def earned(policy: str) -> float:
        rows = answer(policy, asked)
        out = np.flatnonzero(rows["arm"].isin(CONTACTED))
        return float(sum(profit[at, names.index(rows["offer"].iloc[at])] for at in out))

    assert earned(OFF) == 0
    assert earned(ORACLE) > max(earned(policy) for policy in (PLAN, RISK, RANDOM))
    assert earned(PLAN) > earned(RANDOM)


def test_the_highest_risk_comes_first_with_the_strongest_offer() -> None:
    asked, _, _ = _question()
    rows = answer(RISK, asked)
    risk = asked.basis.cohort["probability"]
    contacted = rows["offer"].notna()
    assert contacted.any() and risk[contacted].min() >= risk[~contacted].quantile(0.9)
    assert set(rows["offer"][risk.nlargest(3).index]) == {"visit"}


def _world(works: bool, claims: bool, inside: bool) -> World:
    """Figures of a world with two measured campaigns."""
    policy = {"contacts": 10, "saved": 1.0, "left": 90, "left_eligible": 45, "profit": 60.0, "expected": 50.0}
    alone = policy | {"left": 100, "left_eligible": 50, "profit": 0.0}
    interval = [-0.02, -0.03, -0.01] if inside else [0.02, 0.01, 0.03]
    campaign = {"days": 30, "difference": interval, "adjusted": None, "truth": -0.02, "claims": claims}
    return {
        "seed": 1,
        "offers_work": works,
        "policies": {PLAN: policy, OFF: alone, ORACLE: policy | {"profit": 100.0}},
        "campaigns": [campaign | {"campaign_id": name} for name in ("retention-2025-01", "all")],
        "months": [{"planned": 4, "exploration": 2}],
    }


@pytest.mark.parametrize("inside", [True, False])
def test_the_figures_are_told(inside: bool) -> None:
    figures = dict(told([_world(True, True, inside), _world(False, not inside, True)]))
    assert figures["interval covers the truth, 30 days, difference"] == (
        "1 of 1 campaigns (100%)" if inside else "0 of 1 campaigns (0%)"
    )
    assert "50 of those who may be contacted left without, 45 with our plans (-10.0%" in figures["world 1"]
    assert "60% of the oracle's" in figures["world 1"]
    free = figures["offers that do nothing: campaigns without a claim"]
    assert free == ("1 of 1" if inside else "0 of 1")
    assert figures["world 1, offers that do nothing: planned + explored"] == "4+2"


def test_the_tables_of_the_docs_are_written_as_they_are() -> None:
    first, second = _world(True, True, True), _world(True, False, False) | {"seed": 2}
    second["policies"][RISK] = second["policies"][PLAN] | {"profit": 70.0}
    for world in (first, second):
        world["policies"].setdefault(RISK, world["policies"][PLAN] | {"profit": 20.0})
        world["policies"][RANDOM] = world["policies"][PLAN] | {"profit": -5.0}
    told = markdown([first, second, _world(False, True, True)]).splitlines()
    assert told[2] == "| 1 | 50, 45: -10.0 % | -10.0 % | 60 EUR | 20 | -5 | 100 | 60 % |"
    measured = dict(line.strip("| ").split(" | ") for line in told[7:])
    assert list(measured.values()) == [
        "1 of 2 (1 of 2 after 30 days), adjusted by the score 0 of 0; of all campaigns of a world together 1 of 2",
        "by 10.0 % or more",
        "1 of 2",
        "60 % or more",
        "0 of 1",
        "4 to 4 planned contacts a month on average, 2 to 2 explored",
    ]
    assert markdown([]).startswith("| world |")


@pytest.mark.slow
def test_a_trial_tells_features_treatment_outcome_and_truth() -> None:
    business = load_business(SHIPPED_BUSINESSES / "telecom")
    rows = trial(3, 900, list(business.file.offers), months=2)
    assert set(FEATURES) <= set(rows.columns) and rows["churned"].isin([0.0, 1.0]).all()
    alone = rows["treatment"] == "none"
    assert 0.4 < alone.mean() < 0.6
    assert (rows["treatment"][~alone] == rows["would_get"][~alone]).all()
    assert rows["true_effect"].mean() < 0 and rows["untreated"].between(0, 1).all()
    fits = rows.set_index("would_get", append=True)[[f"effect of {o.name}" for o in business.file.offers]]
    told_of = pd.Series(
        [row[f"effect of {offer}"] for (_, offer), row in fits.iterrows()], index=rows.index, dtype=float
    )
    pd.testing.assert_series_equal(told_of, rows["true_effect"], check_names=False)
