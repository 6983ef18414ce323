"""What a replay does with the plan of a month: it approves, exports, orders, compares and measures."""

from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from churn_assets.contracts.business import Business
from churn_assets.history.people import consents, objections
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.months import month_end
from churn_assets.operations.campaigns.record import campaign_records, plan_recorded
from churn_assets.replay.campaign_months import CampaignLife
from churn_assets.replay.campaign_world import CampaignPlan
from churn_assets.replay.campaigns import _campaigns
from churn_assets.replay.policies import OFF, ORACLE, PLAN, POLICIES
from churn_assets.retention.arms import CONTACTED
from churn_assets.retention.planning import plan_of, plan_rows, planning, record_of
from churn_assets.retention.results import result_rows, results
from churn_assets.simulator.dates import NEVER, to_day
from churn_assets.simulator.offer_effects import TrueEffects
from churn_assets_tests.retention.measured_lakes import list_contacts, with_outcomes
from churn_assets_tests.retention.planned_lakes import CUSTOMERS, LAST, business_with, key, planned_lake

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.one_engine(
    reason="calls the assets of `retention`, which have tests on both engines"
)

JULY, LEFT_ON = date(2025, 7, 31), date(2025, 8, 20)
SEED_OF = CampaignPlan(customers=500, months=16, seed=3)


@dataclass
class Living:
    """A world in which every offer halves a churn of 20 %, and whoever is told left on LEFT_ON."""

    left: set[int] = field(default_factory=set)
    plan: CampaignPlan = SEED_OF
    day: int = to_day(LAST)
    treated: float = 0.1

    def true_effects(self, slots: np.ndarray, after: int) -> TrueEffects:
        untreated = np.full(len(slots), 0.2)
        return TrueEffects(untreated, np.full((len(slots), 4), self.treated), np.full((len(slots), 4), 0.5))

    def left_by_choice(self, slots: np.ndarray) -> np.ndarray:
        return np.where(np.isin(slots, list(self.left)), to_day(LEFT_ON), NEVER)


@dataclass
class World:
    """What a life asks of its world; the slot of a customer is the number of the id."""

    world: Living
    alone: dict[str, Living]
    plan: CampaignPlan = SEED_OF

    def slots_of(self, customer_ids: pd.Series) -> np.ndarray:
        return customer_ids.str[1:].astype(int).to_numpy()


@pytest.fixture
def business(spark: "SparkSession", tmp_path: Path) -> Business:
    return business_with(tmp_path)


@pytest.fixture
def lake(tmp_path: Path, business: Business) -> Lakehouse:
    """Cohorts with outcomes in which nobody left, and the plan of July."""
    house, section = planned_lake(tmp_path, business), business.file.campaigns
    assert section is not None
    with_outcomes(house, business, dict.fromkeys(range(0, CUSTOMERS, 4), LEFT_ON))
    found = planning(house, business, section, JULY)
    plan_recorded(house, [record_of(found)])
    house.replace_rows(tables.CAMPAIGN_PLAN, plan_rows(found.plan.rows), "as_of_date", [JULY], run_id="made")
    return house


def _life(house: Lakehouse, business: Business, world: Any) -> CampaignLife:
    return CampaignLife(house.settings, business, world, None, lambda _: None)  # type: ignore[arg-type]


def test_the_replay_approves_exports_contacts_the_list_and_measures_against_the_truth(
    lake: Lakehouse, business: Business
) -> None:
    ours, alone = Living(set(range(0, CUSTOMERS, 4))), Living(set(range(0, CUSTOMERS, 2)))
    life = _life(lake, business, World(ours, {"retention-2025-07": alone}))
    lived = life._campaign("2025-07")
    told = [(r.what, r.by, str(r.at.date())) for r in campaign_records(lake)]
    assert told[1:] == [("approved", "replay", "2025-08-01"), ("exported", "replay", "2025-08-02")]
    plan = plan_of(lake, JULY)
    out = plan[plan["arm"].isin(CONTACTED)].set_index("customer_key")["offer"]
    agreed = consents(lake, business)
    assert agreed is not None
    kept = [k for k in out.index if agreed.get(k) and k not in objections(lake, business).keys]
    assert {(key(slot), offer) for slot, offer in lived.orders} == {(k, out[k]) for k in kept}
    assert set(lived.policies) == set(POLICIES)
    assert lived.policies[OFF] == {"contacts": 0.0, "saved": 0.0, "profit": 0.0}
    best = lived.policies[ORACLE]
    assert best["saved"] == pytest.approx(0.1 * best["contacts"])
    assert best["profit"] == max(of["profit"] for of in lived.policies.values())
    assert life._campaign("2025-07") == lived, "it goes on after an interruption"
    assert len(campaign_records(lake)) == 3, "and acts once"

    numbers = [slot for slot, _ in lived.orders]
    list_contacts(business, lake, numbers, "retention-2025-07", date(2025, 8, 3))
    [found] = results(lake, business, [LAST])
    rows = result_rows([found], business.file.currency)
    lake.replace_rows(tables.CAMPAIGN_RESULTS, rows, "as_of_date", [LAST], run_id="made")
    measured = {(one.campaign_id, one.days): one for one in _campaigns(life, lake, business)}
    one = measured["retention-2025-07", 30]
    planned = list(plan.loc[plan["arm"] == "planned", "customer_key"])
    odd = sum(n % 4 == 2 for n in range(CUSTOMERS) if key(n) in set(planned))
    assert one.treated == len(planned) and one.truth == pytest.approx(-odd / len(planned))
    assert measured["all", 30].truth == one.truth


def test_where_offers_do_nothing_every_contact_loses_money(lake: Lakehouse, business: Business) -> None:
    """The oracle knows it, and contacts nobody; our plan believes what is assumed."""
    brought = _life(lake, business, World(Living(treated=0.2), {}))._policies("2025-07")
    assert brought[ORACLE] == brought[OFF] == {"contacts": 0.0, "saved": 0.0, "profit": 0.0}
    assert brought[PLAN]["contacts"] > 0 == brought[PLAN]["saved"] and brought[PLAN]["profit"] < 0


def test_a_month_without_a_plan_is_told(lake: Lakehouse, business: Business) -> None:
    from churn_assets.operations.campaigns.record import CampaignError

    life = _life(lake, business, World(Living(), {}))
    with pytest.raises(CampaignError, match=f"There is no campaign retention-{month_end('2025-09'):%Y-%m}"):
        life._campaign("2025-09")
