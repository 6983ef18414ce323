"""Simulates a shop with one transaction log: customers buy at their own rate until they stop without notice.

The model follows BG/NBD (Fader, Hardie and Lee 2005: gamma purchase rates, after each purchase a beta-distributed
chance of never coming back), simulated by month with a season. Written from the description, not from any code.
"""

from __future__ import annotations

import math
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from churn_assets.months import month_of
from churn_assets.simulator.dates import NEVER, Array, iso_dates, to_date, to_day
from churn_assets.simulator.dirt import CUT_SHARE, TRUNCATED_SHARE, Dirt
from churn_assets.simulator.extracts import Landing
from churn_assets.simulator.plan import SHOP_SOURCES, Progress, SimulationPlan, SimulationSummary
from churn_assets.simulator.randomness import stream
from churn_assets.simulator.truth import write_truth

SEASON = (0.85, 0.85, 0.95, 1.0, 1.0, 0.95, 0.9, 0.9, 1.0, 1.05, 1.25, 1.4)
NEWCOMER_SHARE = 0.05
MEAN_DAILY_RATE = 1.0 / 35.0
# The outcome window of businesses/shop, which has no gap.
OUTCOME_DAYS = 180
COLUMNS = ("customer_id", "date", "quantity", "amount")


def simulate_shop(
    plan: SimulationPlan, landing: Path, truth: Path, progress: Progress | None = None
) -> SimulationSummary:
    """Writes transactions extracts (CSV, one per month, on its last day) and hazard.parquet under `truth`.

    plan.customers have bought before the history starts; about 5 % as many make their first purchase in each month.
    From plan.drift_from on, frequent buyers are twice as likely to stop, others less likely. In the summary, active
    counts customers who have bought and have not stopped, churners those who stopped in the month. Raises
    FileExistsError like simulate_telecom.
    """
    return _Shop(plan, landing, truth).run(progress)


class _Shop:
    def __init__(self, plan: SimulationPlan, landing: Path, truth: Path) -> None:
        self.plan = plan
        self.truth_folder = truth
        self.summary = SimulationSummary()
        self.landing = Landing(landing, self.summary)
        self.dirt = Dirt(plan)
        self.customers = plan.customers
        random = stream(plan.seed, "shop founders")
        self.rate, self.quit_chance = _traits(random, plan.customers)
        self.first_day = np.full(plan.customers, to_day(plan.start), dtype=np.int32)
        self.stopped_on = np.full(plan.customers, NEVER, dtype=np.int32)
        self.bought: list[tuple[Array, Array]] = []
        self.records: list[pd.DataFrame] = []

    def run(self, progress: Progress | None) -> SimulationSummary:
        plan = self.plan
        planned = [
            self.landing.path("transactions", value, part, "csv")
            for value in plan.month_ends
            for part in ((1, 2) if self.dirt.resent("transactions", value) else (1,))
        ]
        self.landing.begin(planned, SHOP_SOURCES)
        for number, (first, last) in enumerate(zip(plan.month_starts, plan.month_ends, strict=True), start=1):
            self._join(first, last)
            self._deliver(last, *self._buy(first, last))
            self._record(first, last)
            if progress is not None:
                progress(f"shop {month_of(last)}", number, plan.months)
        write_truth(self.truth_folder, "hazard", self._truth())
        self.landing.finish()
        keys = plan.month_keys
        before = [max(self.summary.active[key], 1) for key in keys]
        self.summary.base_rate = float(
            np.mean([self.summary.churners[key] / n for n, key in zip(before, keys[1:], strict=False)])
        )
        return self.summary

    def _join(self, first: date, last: date) -> None:
        random = stream(self.plan.seed, "shop newcomers", to_day(first))
        count = int(random.poisson(self.customers * NEWCOMER_SHARE * SEASON[first.month - 1]))
        rate, quit_chance = _traits(random, count)
        days = np.sort(random.integers(to_day(first), to_day(last) + 1, count))
        self.rate = np.concatenate([self.rate, rate])
        self.quit_chance = np.concatenate([self.quit_chance, quit_chance])
        self.first_day = np.concatenate([self.first_day, days.astype(np.int32)])
        self.stopped_on = np.concatenate([self.stopped_on, np.full(count, NEVER, dtype=np.int32)])

    def _buy(self, first: date, last: date) -> tuple[Array, Array]:
        """Draws slots and days of the month's purchases, sorted by day; a customer may stop after any of them."""
        random = stream(self.plan.seed, "shop purchases", to_day(first))
        begin = np.maximum(self.first_day, to_day(first))
        days_open = to_day(last) + 1 - begin
        mean = self.rate * days_open * SEASON[first.month - 1]
        new = (self.first_day >= to_day(first)) & (np.arange(len(mean)) >= self.customers)
        counts = np.where(self.stopped_on == NEVER, random.poisson(mean) + new, 0)
        slots = np.repeat(np.arange(len(counts)), counts)
        days = (begin[slots] + random.random(len(slots)) * days_open[slots]).astype(np.int32)
        order = np.lexsort((days, slots))
        slots, days = slots[order], days[order]
        quits = random.random(len(slots)) < self._quit_chance(first)[slots]
        # The first quit of a customer is the last purchase: drop the purchases after it.
        ordinal = np.cumsum(quits)
        starts = np.searchsorted(slots, slots, side="left")
        quits_before = ordinal - quits - np.where(starts > 0, ordinal[starts - 1], 0)
        kept = quits_before == 0
        last_purchase = kept & quits
        self.stopped_on[slots[last_purchase]] = days[last_purchase]
        slots, days = slots[kept], days[kept]
        self.bought.append((slots, days))
        order = np.lexsort((slots, days))
        return slots[order], days[order]

    def _quit_chance(self, first: date) -> Array:
        drift = self.plan.drift_day
        if drift is None or to_day(first) < drift:
            return self.quit_chance
        frequent = self.rate > np.float64(MEAN_DAILY_RATE)
        return np.where(frequent, np.minimum(0.9, self.quit_chance * 2.0), self.quit_chance * 0.7)

    def _deliver(self, extract_date: date, slots: Array, days: Array) -> None:
        random = stream(self.plan.seed, "shop baskets", to_day(extract_date))
        quantity = 1 + random.poisson(1.2, len(slots))
        amount = np.round(quantity * random.gamma(6.0, 2.4, len(slots)), 2)
        columns = {
            "customer_id": [f"{slot + 1:06d}" for slot in slots.tolist()],
            "date": iso_dates(days).tolist(),
            "quantity": [str(value) for value in quantity.tolist()],
            "amount": [f"{value:.2f}" for value in amount.tolist()],
        }
        columns = self.dirt.spoil_columns("transactions", extract_date, columns)
        table = pa.table({name: pa.array(columns[name], pa.string()) for name in COLUMNS})
        if self.dirt.truncated("transactions", extract_date):
            table = table.slice(0, math.ceil(table.num_rows * TRUNCATED_SHARE))
        if self.dirt.resent("transactions", extract_date):
            self.landing.write_csv(
                "transactions", extract_date, 1, table.slice(0, int(table.num_rows * CUT_SHARE))
            )
            self.landing.write_csv("transactions", extract_date, 2, table)
        else:
            self.landing.write_csv("transactions", extract_date, 1, table)

    def _record(self, first: date, last: date) -> None:
        seen = np.zeros(len(self.rate), dtype=bool)
        for slots, _ in self.bought:
            seen[slots] = True
        known = np.flatnonzero(seen)
        alive = self.stopped_on[known] == NEVER
        window = range(to_day(last) + 1, to_day(last) + OUTCOME_DAYS + 1)
        season_days = sum(SEASON[to_date(day).month - 1] for day in window)
        # a last purchase in the window counts as a purchase, so only the purchase rate matters for active customers
        idle = np.where(alive, np.exp(-self.rate[known] * season_days), 1.0)
        self.records.append(
            pd.DataFrame(
                {"slot": known, "as_of": np.int32(to_day(last)), "alive": alive, "churn_probability": idle}
            )
        )
        key = month_of(last)
        self.summary.active[key] = int(alive.sum())
        self.summary.churners[key] = int(
            ((self.stopped_on >= to_day(first)) & (self.stopped_on <= to_day(last))).sum()
        )

    def _truth(self) -> pd.DataFrame:
        """One row per customer seen so far and month end.

        Columns: customer_id, as_of_date, alive, churn_probability (of no purchase in the outcome window,
        (as_of, as_of+180]), inactive_in_window (null if the history ends before the window).
        """
        table = pd.concat(self.records, ignore_index=True)
        slots = np.concatenate([part for part, _ in self.bought])
        days = np.concatenate([part for _, part in self.bought])
        order = np.lexsort((days, slots))
        keys = slots[order].astype(np.int64) * 100_000 + days[order]
        base = table["slot"].to_numpy().astype(np.int64) * 100_000 + table["as_of"].to_numpy()
        before = np.searchsorted(keys, base, side="right")
        until = np.searchsorted(keys, base + OUTCOME_DAYS, side="right")
        unseen = table["as_of"].to_numpy() + OUTCOME_DAYS > to_day(self.plan.end)
        return pd.DataFrame(
            {
                "customer_id": [f"{slot + 1:06d}" for slot in table["slot"].tolist()],
                "as_of_date": [to_date(day) for day in table["as_of"]],
                "alive": table["alive"],
                "churn_probability": table["churn_probability"],
                "inactive_in_window": pd.Series(pd.array(until == before, dtype="boolean")).mask(unseen),
            }
        )


def _traits(random: np.random.Generator, size: int) -> tuple[Array, Array]:
    """Draws purchases per day (gamma) and the chance that a purchase is the last (beta)."""
    return random.gamma(1.3, MEAN_DAILY_RATE / 1.3, size), random.beta(0.8, 7.0, size)
