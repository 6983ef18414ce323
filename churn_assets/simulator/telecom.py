"""Simulates a telecom operator day by day: writes the extracts of six sources, and the truth in a separate folder."""

from __future__ import annotations

import math
from datetime import date
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa

from churn_assets.months import month_of
from churn_assets.simulator.behaviour import Network, step_engagement, step_usage
from churn_assets.simulator.dates import to_date, to_day
from churn_assets.simulator.dirt import CUT_SHARE, TRUNCATED_SHARE, Dirt
from churn_assets.simulator.extracts import Landing
from churn_assets.simulator.forecast import AHEAD
from churn_assets.simulator.hazard import AFTER, BEFORE, Regime
from churn_assets.simulator.invoices import Billing
from churn_assets.simulator.plan import TELECOM_SOURCES, Progress, SimulationPlan, SimulationSummary
from churn_assets.simulator.population import draw_population, warm_up_start
from churn_assets.simulator.retention import Retention
from churn_assets.simulator.state import NON_PAYMENT, initial_state
from churn_assets.simulator.state_extracts import (
    Columns,
    customer_columns,
    step_attributes,
    subscription_columns,
)
from churn_assets.simulator.subscriptions import (
    bury,
    step_ends,
    step_expiries,
    step_involuntary,
    step_joins,
    step_leaving,
    step_prices,
)
from churn_assets.simulator.tickets import Helpdesk
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
    return _Telecom(plan, landing, truth, coming).run(progress)


class _Telecom:
    def __init__(self, plan: SimulationPlan, landing: Path, truth: Path, coming: Path | None) -> None:
        self.plan = plan
        self.truth_folder = truth
        self.summary = SimulationSummary()
        self.landing = Landing(landing, self.summary, coming, plan.is_daily)
        self.dirt = Dirt(plan)
        self.start = to_day(plan.start)
        self.people = draw_population(plan)
        self.state = initial_state(self.people)
        self.ids = np.full(self.people.size, "", dtype=object)
        self.named = 0
        self.network = Network(plan.seed, self.people.size)
        self.billing = Billing(plan.seed, self.start)
        self.helpdesk = Helpdesk(plan.seed, self.start)
        self.retention = Retention(plan.seed, self.start)
        self.usage = UsageFeed(self.dirt)
        self.truth = Truth()
        self.delivered_until = self.start - 1

    def run(self, progress: Progress | None) -> SimulationSummary:
        plan = self.plan
        self.landing.begin(self._planned(), TELECOM_SOURCES)
        change_days = {to_day(value) for value in plan.change_extracts}
        month_ends = {to_day(value): number for number, value in enumerate(plan.month_ends, start=1)}
        for day in range(warm_up_start(plan), to_day(plan.end) + 1):
            self._live(day)
            if day in change_days:
                self._deliver_changes(to_date(day))
            if day in month_ends:
                self._close_month(day)
                if progress is not None:
                    progress(f"telecom {month_of(to_date(day))}", month_ends[day], plan.months)
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

    def _regime(self, day: int) -> Regime:
        drift = self.plan.drift_day
        return AFTER if drift is not None and day >= drift else BEFORE

    def _live(self, day: int) -> None:
        """Simulates one day: joins and contracts, usage, tickets, invoices and contacts, then decisions to leave."""
        seed = self.plan.seed
        count = int(np.searchsorted(self.people.joined_on, day, side="right"))
        state, people = self.state.first(count), self.people.first(count)
        step_joins(state, people, day)
        if day >= self.start:
            self._name(count)
        step_attributes(seed, state, day)
        step_expiries(seed, state, day)
        step_prices(seed, state, people, day)
        outage, drops = self.network.step(state, day)
        step_engagement(seed, state, day)
        voice, texts, data, roaming = step_usage(seed, state, people, day)
        if day >= self.start:
            rows = np.flatnonzero(state.alive)
            self.usage.add(
                day,
                state.number[rows],
                [values[rows] for values in (voice, texts, data, roaming, drops, outage)],
            )
        self.helpdesk.step(state, people, day)
        self.billing.step(state, people, day)
        self.retention.step(state, people, day)
        step_leaving(seed, state, people, day, self._regime(day))
        step_involuntary(seed, state, people, day)
        bury(state, step_ends(state, day))

    def _name(self, count: int) -> None:
        """Gives a number to active customers without one: to all of them on the first day of the history."""
        slots = np.flatnonzero(self.state.alive[:count] & (self.state.number[:count] == 0))
        if len(slots) == 0:
            return
        numbers = np.arange(self.named + 1, self.named + 1 + len(slots))
        self.named += len(slots)
        self.state.number[slots] = numbers
        self.ids[slots] = [f"C{number:07d}" for number in numbers.tolist()]
        self.state.changed[slots] = True

    def _deliver_changes(self, extract_date: date) -> None:
        since, until = self.delivered_until, to_day(extract_date)
        self.delivered_until = until
        self._write_columns(
            "subscriptions", extract_date, subscription_columns(self.state, self.people, self.ids)
        )
        self._write_columns("retention_contacts", extract_date, self.retention.deliver(self.ids))
        self._write_lines("invoices", extract_date, self.billing.deliver(since, until, self.ids))
        self._write_lines("tickets", extract_date, self.helpdesk.deliver(since, until, self.ids))
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
        extract_date = to_date(day)
        columns, slots = customer_columns(self.plan.seed, self.state, self.people, day, self.ids)
        columns, mark = self.dirt.dress_customers(extract_date, columns, slots, self.people.size)
        self._write_table("customers", extract_date, columns, mark)
        count = int(np.searchsorted(self.people.joined_on, day, side="right"))
        regime_on = {ahead: self._regime(day + ahead) for ahead in (0, *AHEAD)}
        self.truth.record(self.state.first(count), self.people.first(count), day, regime_on)
        month_start = to_day(extract_date.replace(day=1))
        ended = (self.state.ended_on >= month_start) & (self.state.ended_on <= day)
        key = month_of(extract_date)
        self.summary.active[key] = int(self.state.alive.sum())
        self.summary.churners[key] = int((ended & (self.state.reason < NON_PAYMENT)).sum())
        self.summary.involuntary[key] = int((ended & (self.state.reason >= NON_PAYMENT)).sum())

    def _conclude(self) -> None:
        hazard = self.truth.hazard(self.state, self.ids, to_day(self.plan.end))
        write_truth(self.truth_folder, "hazard", hazard)
        write_truth(self.truth_folder, "ends", ends_table(self.state, self.ids, self.start))
        write_truth(self.truth_folder, "customers", traits_table(self.state, self.people, self.ids))
        judged = eligible(hazard)
        outcome = judged["voluntary_end_in_window"].astype(bool).to_numpy()
        self.summary.hazard_auc = rank_auc(judged["churn_probability"].to_numpy(), outcome)
        keys = self.plan.month_keys
        shares = [self.summary.churners[key] / self.summary.active[before] for before, key in pairwise(keys)]
        self.summary.base_rate = float(np.mean(shares))
