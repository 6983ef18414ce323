"""Simulates a telecom operator day by day: writes the extracts of six sources, and the truth in a separate folder."""

from __future__ import annotations

import math
from datetime import date
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa

from churn_assets.months import month_of
from churn_assets.simulator.dates import month_end, to_date, to_day
from churn_assets.simulator.dirt import CUT_SHARE, TRUNCATED_SHARE, Dirt
from churn_assets.simulator.extracts import Landing
from churn_assets.simulator.forecast import AHEAD
from churn_assets.simulator.living import LivingWorld
from churn_assets.simulator.plan import TELECOM_SOURCES, Progress, SimulationPlan, SimulationSummary
from churn_assets.simulator.state import NON_PAYMENT
from churn_assets.simulator.state_extracts import (
    Columns,
    customer_columns,
    subscription_columns,
)
from churn_assets.simulator.truth import (
    Truth,
    eligible,
    ends_table,
    rank_auc,
    traits_table,
    write_truth,
)
from churn_assets.simulator.usage_feed import UsageFeed, usage_table

EXTENSIONS = {
    "customers": "csv",
    "subscriptions": "csv",
    "retention_contacts": "csv",
    "invoices": "jsonl",
    "tickets": "jsonl",
    "usage": "parquet",
}


def simulate_telecom(
    plan: SimulationPlan,
    landing: Path,
    truth: Path,
    progress: Progress | None = None,
    coming: Path | None = None,
) -> SimulationSummary:
    """Writes the extracts of `plan` under `landing` and hazard.parquet, ends.parquet, customers.parquet under `truth`.

    With `coming`, the extracts from plan.daily_from on are written there instead; `coming.deliver_day` moves the
    extracts of a day into the landing zone.

    progress(label, done, total) is called after every month. Files of the same plan are replaced one by one.
    Raises FileExistsError, before it writes anything, if a source's folder in `landing` has files outside of the plan.
    Cost: about one second per 400,000 usage rows; memory grows with customers, not with months.
    """
    return Telecom(plan, landing, truth, coming).run(progress)


class Telecom:
    """A telecom operator that delivers, month by month: `begin`, `live_month` for each month of the plan, `finish`.

    Args:
        plan, landing, truth, coming: see `simulate_telecom`.
        own_until, offers_work: see `LivingWorld`.
        keep: leaves extracts that are there as they are.
    """

    def __init__(
        self,
        plan: SimulationPlan,
        landing: Path,
        truth: Path,
        coming: Path | None = None,
        *,
        own_until: date | None = None,
        offers_work: bool = True,
        keep: bool = False,
    ) -> None:
        self.plan = plan
        self.truth_folder = truth
        self.summary = SimulationSummary()
        self.landing = Landing(landing, self.summary, coming, plan.is_daily, keep)
        self.dirt = Dirt(plan)
        self.start = to_day(plan.start)
        self.world = LivingWorld(plan, own_until, offers_work, for_extracts=True)
        self.change_days = {to_day(value) for value in plan.change_extracts}
        self.usage = UsageFeed(self.dirt)
        self.truth = Truth()
        self.delivered_until = self.start - 1

    def run(self, progress: Progress | None) -> SimulationSummary:
        """Lives through all months and writes everything."""
        self.begin()
        for number, month in enumerate(self.plan.month_keys, start=1):
            self.live_month()
            if progress is not None:
                progress(f"telecom {month}", number, self.plan.months)
        return self.finish()

    def begin(self) -> None:
        """Marks the landing zone, and lives until the day before the first month; see `Landing.begin`."""
        self.landing.begin(self._planned(), TELECOM_SOURCES)
        while self.world.day < self.start - 1:
            self._live()

    def live_month(self) -> None:
        """Lives until the end of the next month, and delivers its extracts."""
        last = to_day(month_end(to_date(self.world.day + 1)))
        while self.world.day < last:
            self._live()
            if self.world.day in self.change_days:
                self._deliver_changes(to_date(self.world.day))
        self._close_month(last)

    def finish(self) -> SimulationSummary:
        """Writes the truth, and removes the mark."""
        self._conclude()
        self.landing.finish()
        return self.summary

    def _planned(self) -> list[Path]:
        paths = [self.landing.path("customers", value, 1, "csv") for value in self.plan.month_ends]
        for source in TELECOM_SOURCES[1:]:
            for value in self.plan.change_extracts:
                parts = (1, 2) if self.dirt.resent(source, value) else (1,)
                paths += [self.landing.path(source, value, part, EXTENSIONS[source]) for part in parts]
        return paths

    def _live(self) -> None:
        """Simulates one day, and keeps what was used on it for the next extract."""
        used = self.world.live()
        if self.world.day >= self.start:
            self.usage.add(self.world.day, self.world.state.number[used.slots], used.measures)

    def _deliver_changes(self, extract_date: date) -> None:
        since, until, world = self.delivered_until, to_day(extract_date), self.world
        self.delivered_until = until
        self._write_columns(
            "subscriptions", extract_date, subscription_columns(world.state, world.people, world.ids)
        )
        self._write_columns("retention_contacts", extract_date, world.retention.deliver(world.ids))
        self._write_lines("invoices", extract_date, world.billing.deliver(since, until, world.ids))
        self._write_lines("tickets", extract_date, world.helpdesk.deliver(since, until, world.ids))
        rows = usage_table(self.usage.deliver(extract_date))
        if self.dirt.truncated("usage", extract_date):
            rows = rows.slice(0, math.ceil(rows.num_rows * TRUNCATED_SHARE))
        if self.dirt.resent("usage", extract_date):
            self.landing.write_parquet(
                "usage", extract_date, 1, rows.slice(0, int(rows.num_rows * CUT_SHARE))
            )
            self.landing.write_parquet("usage", extract_date, 2, rows)
        else:
            self.landing.write_parquet("usage", extract_date, 1, rows)

    def _write_columns(self, source: str, extract_date: date, columns: Columns) -> None:
        self._write_table(
            source, extract_date, self.dirt.spoil_columns(source, extract_date, columns), mark=False
        )

    def _write_table(self, source: str, extract_date: date, columns: Columns, mark: bool) -> None:
        table = pa.table({name: pa.array(values, pa.string()) for name, values in columns.items()})
        if self.dirt.truncated(source, extract_date):
            table = table.slice(0, math.ceil(table.num_rows * TRUNCATED_SHARE))
        self.landing.write_csv(source, extract_date, 1, table, mark)

    def _write_lines(self, source: str, extract_date: date, lines: list[str]) -> None:
        lines = self.dirt.spoil_lines(source, extract_date, lines)
        if self.dirt.truncated(source, extract_date):
            lines = lines[: math.ceil(len(lines) * TRUNCATED_SHARE)]
        self.landing.write_lines(source, extract_date, 1, lines)

    def _close_month(self, day: int) -> None:
        extract_date, world = to_date(day), self.world
        columns, slots = customer_columns(self.plan.seed, world.state, world.people, day, world.ids)
        columns, mark = self.dirt.dress_customers(extract_date, columns, slots, world.people.size)
        self._write_table("customers", extract_date, columns, mark)
        count = world.present
        regime_on = {ahead: world.regime(day + ahead) for ahead in (0, *AHEAD)}
        self.truth.record(world.state.first(count), world.people.first(count), day, regime_on)
        month_start = to_day(extract_date.replace(day=1))
        ended = (world.state.ended_on >= month_start) & (world.state.ended_on <= day)
        key = month_of(extract_date)
        self.summary.active[key] = int(world.state.alive.sum())
        self.summary.churners[key] = int((ended & (world.state.reason < NON_PAYMENT)).sum())
        self.summary.involuntary[key] = int((ended & (world.state.reason >= NON_PAYMENT)).sum())

    def _conclude(self) -> None:
        world = self.world
        hazard = self.truth.hazard(world.state, world.ids, to_day(self.plan.end))
        write_truth(self.truth_folder, "hazard", hazard)
        write_truth(self.truth_folder, "ends", ends_table(world.state, world.ids, self.start))
        write_truth(self.truth_folder, "customers", traits_table(world.state, world.people, world.ids))
        judged = eligible(hazard)
        outcome = judged["voluntary_end_in_window"].astype(bool).to_numpy()
        self.summary.hazard_auc = rank_auc(judged["churn_probability"].to_numpy(), outcome)
        keys = self.plan.month_keys
        shares = [self.summary.churners[key] / self.summary.active[before] for before, key in pairwise(keys)]
        self.summary.base_rate = float(np.mean(shares))
