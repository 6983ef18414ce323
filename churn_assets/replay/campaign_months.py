"""Runs the months of a replay with campaigns: the jobs of normal operation, an approval, and what others would do."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING

import numpy as np

from churn_assets.contracts.business import Business
from churn_assets.graph.names import INGEST, SCORE, SNAPSHOT, TRAIN
from churn_assets.graph.partitions import snapshot_months
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.months import month_end
from churn_assets.operations.campaigns.record import EXPORTED, PLANNED, campaign_records, find_campaign
from churn_assets.replay.campaign_world import CampaignWorld, LivedMonth
from churn_assets.replay.policies import (
    CONTACT_AFTER,
    PLAN,
    POLICIES,
    PolicyQuestion,
    answer,
    with_truth,
)
from churn_assets.retention.allocation import Floats
from churn_assets.retention.approval import approve
from churn_assets.retention.arms import CONTACTED
from churn_assets.retention.contacts import KEY
from churn_assets.retention.export import approved_list, export
from churn_assets.retention.planning import planning
from churn_assets.runs import run_job
from churn_assets.settings import Settings
from churn_assets.simulator.retention import OFFERS

if TYPE_CHECKING:
    import pandas as pd
    from dagster import DagsterInstance
    from numpy.typing import NDArray

BY = "replay"  # approves and exports
APPROVED_AFTER, EXPORTED_AFTER = timedelta(days=1), timedelta(days=2)  # from the as_of_date
NOON = time(12, tzinfo=UTC)


@dataclass
class CampaignLife:
    """Lives the months that were not lived yet through the pipeline, in order.

    Attributes:
        settings, business: of the replay.
        world: see there.
        instance: of Dagster.
        tell: is told what is done.
    """

    settings: Settings
    business: Business
    world: CampaignWorld
    instance: "DagsterInstance"
    tell: Callable[[str], None]

    def __post_init__(self) -> None:
        self.lakehouse = Lakehouse(self.settings)
        self.closed = list(snapshot_months(self.business).get_partition_keys())

    def month(self, month: str) -> None:
        """Lives a month, and plans its campaign if it has one."""
        plan = self.world.plan
        self.tell("simulate")
        self.world.live_month()
        if month < plan.trained:
            return
        if month not in self.world.months:
            self._pipeline(month)
            self.world.keep(month, self._campaign(month) if month in plan.planned else LivedMonth())
        if month in plan.planned:
            self.world.order(month)

    def _pipeline(self, month: str) -> None:
        if month == self.world.plan.trained:
            calendar = self.world.plan.calendar
            until = calendar[: calendar.index(month) + 1]
            self._run(INGEST, until)
            self._run(SNAPSHOT, [m for m in self.closed if m <= month])
            self._run(TRAIN, [month])
        else:
            self._run(INGEST, [month])
            back = math.ceil(self.business.file.windows.maturity_days / 28) + 1  # whose labels may settle now
            self._run(SNAPSHOT, [m for m in self.closed if m <= month][-back:])
        self._run(SCORE, [month])

    def _run(self, job: str, months: Sequence[str]) -> None:
        self.tell(job)
        run_job(self.instance, self.settings, job, months, None)

    def _campaign(self, month: str) -> LivedMonth:
        """Approves and exports the campaign of a month on simulated days, and asks what others would have done."""
        self.tell("campaign")
        day, section = month_end(month), self.business.file.campaigns
        assert section is not None  # noqa: S101 (the shipped business declares campaigns)
        name = f"{section.name}-{month}"
        noon = datetime.combine(day, NOON)
        if find_campaign(self.lakehouse, name).state == PLANNED:
            approve(self.lakehouse, name, BY, at=noon + APPROVED_AFTER)
        told = [r for r in campaign_records(self.lakehouse) if r.campaign_id == name and r.what == EXPORTED]
        if not told:  # an interrupted replay may have come so far
            export(self.lakehouse, self.business, name, BY, at=noon + EXPORTED_AFTER)
        rows = approved_list(self.lakehouse, self.business, name, with_identity=False).rows
        slots = self.slots(rows[KEY])
        return LivedMonth(list(zip(slots.tolist(), rows["offer"], strict=True)), self._policies(month))

    def slots(self, keys: "pd.Series") -> "NDArray[np.intp]":
        """The slots of customer_keys."""
        ids = self.lakehouse.arrow(tables.CUSTOMER_KEYS, [KEY, "customer_id"]).to_pandas().set_index(KEY)
        return self.world.slots_of(keys.map(ids["customer_id"]))

    def _policies(self, month: str) -> dict[str, dict[str, float]]:
        """What each policy would do at the end of a month, and what it would bring by the truth."""
        day, file, world = month_end(month), self.business.file, self.world.world
        assert file.campaigns is not None  # noqa: S101 (see above)
        found = planning(self.lakehouse, self.business, file.campaigns, day)
        slots = self.slots(found.basis.cohort[KEY])
        columns = [OFFERS.index(offer.name) - 1 for offer in file.offers]

        def truth(who: "NDArray[np.bool_]") -> tuple[Floats, Floats]:
            told = world.true_effects(slots[who], CONTACT_AFTER)
            return told.change[:, columns], told.acceptance[:, columns]

        random = np.random.default_rng([world.plan.seed, world.day])
        asked = PolicyQuestion(found.basis, file.campaigns, file.economics, found.money, truth, random)
        values = found.plan.rows["value"].to_numpy(dtype=float)
        brought = {}
        for policy in POLICIES:
            chosen = found.plan.rows if policy == PLAN else answer(policy, asked)
            rows = chosen.assign(probability=found.basis.cohort["probability"], value=values)
            out = with_truth(rows, found.money, truth)
            out = out[out["arm"].isin(CONTACTED)]
            profit = out["true_saved"] * out["value"] - out["true_cost"]
            brought[policy] = {
                "contacts": float(len(out)),
                "saved": float(out["true_saved"].sum()),
                "profit": float(profit.sum()),
            }
        return brought
