"""Fixtures: a small lake with three scored cohorts, made without Spark."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from churn_assets.contracts.business import Business
from churn_assets.contracts.loader import load_business
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.months import add_months, month_end, month_range
from churn_assets_tests.lakes import settings_for, small_business

MONTHS = ["2025-06", "2025-07", "2025-08"]
CUSTOMERS = 400


@pytest.fixture
def business(tmp_path: Path) -> Business:
    """customers, subscriptions and tickets, 2025."""
    return load_business(small_business(tmp_path, retraining=None))


@pytest.fixture
def lakehouse(tmp_path: Path, business: Business) -> Lakehouse:
    """Three scored cohorts: June has matured, July too but lacks an extract, August is pending."""
    house = Lakehouse(settings_for(tmp_path))
    rng = np.random.default_rng(3)
    scores, labels = [], []
    for month in MONTHS:
        raw = rng.normal(size=CUSTOMERS)
        left = rng.random(CUSTOMERS) < 1 / (1 + np.exp(2 - 1.5 * raw))
        for i in range(CUSTOMERS):
            key = f"{i * 16**8 // CUSTOMERS:08x}"
            day = month_end(month)
            scores.append(
                {
                    "customer_key": key,
                    "as_of_date": day,
                    "model_version": "1",
                    "raw": raw[i],
                    "probability": 1 / (1 + np.exp(2 - raw[i])),
                }
            )
            pending = month == "2025-08"
            labels.append(
                {
                    "customer_key": key,
                    "as_of_date": day,
                    "label": None if pending else int(left[i]),
                    "outcome": "pending" if pending else "churned" if left[i] else "stayed",
                    "label_available_at": month_end(add_months(month, 2)),
                }
            )
    write(house, tables.CHURN_SCORES, scores)
    write(house, tables.CHURN_LABELS, labels)
    passed = [
        {"source": s.name, "extract_month": m, "balances": True}
        for s in business.sources
        for m in month_range("2025-06", "2025-09")
        if (s.name, m) != ("tickets", "2025-09")
    ]
    rows, months = tables.RECONCILIATION.rows(passed), month_range("2025-06", "2025-09")
    house.replace_rows(tables.RECONCILIATION, rows, "extract_month", months, run_id="run")
    return house


def write(house: Lakehouse, table: tables.Table, rows: Sequence[dict[str, Any]]) -> None:
    days = sorted({row["as_of_date"] for row in rows})
    house.replace_rows(table, table.rows(list(rows)), "as_of_date", days, run_id="run")


def put_in_charge(
    house: Lakehouse, auc: float, version: str = "1", since: date | None = None, **learned: date
) -> None:
    """A model trained as of May, in charge from then on, or from `since` on."""
    trained = date(2025, 5, 31)
    now = datetime(2025, 6, 2, tzinfo=UTC)
    training = {"trained_as_of": trained, "model_version": version, "auc": auc, "trained_at": now} | learned
    decision = {
        "in_charge_from": since or trained,
        "trained_as_of": trained,
        "model_version": version,
        "promoted": True,
        "decided_at": now,
    }
    for table, row in ((tables.TRAINING_RUNS, training), (tables.CHAMPIONS, decision)):
        house.replace_rows(table, table.rows([row]), "model_version", [version], run_id="run")
