"""Synthetic training frames with a known signal, small enough for tests."""

from datetime import date
from typing import NoReturn

import numpy as np
import pandas as pd

from churn_assets.ml.training.split import temporal_split

FEATURES = [
    "invoices__amount__sum_3m",
    "usage__gb__trend",
    "tickets__count_3m",
    "autopay",
    "region",
    "nothing",
]
COHORTS = [date(2025, 6, 30), date(2025, 7, 31), date(2025, 8, 31), date(2025, 9, 30), date(2025, 10, 31)]
COHORTS += [date(2025, 11, 30), date(2025, 12, 31)]
SPLIT = temporal_split(COHORTS, gap_days=7, outcome_days=30)


def no_spark() -> NoReturn:
    """Stands where a session would be given to a training that needs none."""
    raise AssertionError("no candidate of this training needs Spark")


def training_frame(
    customers: int = 600, cohorts: list[date] | None = None, seed: int = 0, base: float = -1.6
) -> pd.DataFrame:
    """Snapshots whose log-odds of churn are linear in trend, tickets, autopay and region (true AUC about 0.8)."""
    rng = np.random.default_rng(seed)
    days = COHORTS if cohorts is None else cohorts
    n = customers * len(days)
    trend = rng.normal(size=n)
    tickets = rng.poisson(0.7, size=n).astype(float)
    autopay = rng.random(n) < 0.6
    region = rng.choice(["north", "south", "centre"], size=n, p=[0.5, 0.3, 0.2]).astype(object)
    log_odds = base - 1.0 * trend + 0.6 * tickets - 0.8 * autopay + 0.7 * (region == "south")
    trend[rng.random(n) < 0.1] = np.nan
    region[rng.random(n) < 0.05] = None
    return pd.DataFrame(
        {
            "customer_key": np.tile([f"key{i:05d}" for i in range(customers)], len(days)),
            "as_of_date": np.repeat(days, customers),
            "label": (rng.random(n) < 1 / (1 + np.exp(-log_odds))).astype(int),
            "tenure_days": rng.integers(30, 3000, size=n),
            "invoices__amount__sum_3m": rng.lognormal(3, 1.5, size=n),
            "usage__gb__trend": trend,
            "tickets__count_3m": tickets,
            "autopay": autopay,
            "region": region,
            "nothing": np.nan,
        }
    )
