"""A lake that holds only current scores, to raise alerts in."""

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import dagster as dg

from churn_assets.alerts.assets import alert_assets
from churn_assets.alerts.store import alerts
from churn_assets.contracts.business import Business
from churn_assets.contracts.loader import load_business
from churn_assets.graph.as_of_day import ASKED_DAY, AskedDay
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets_tests.lakes import settings_for, small_business

FILES = {"name": "files", "kind": "folder", "folder": "f"}
RULES = {
    "cap": 3,
    "cool_down_days": 14,
    "rules": [{"name": "rose", "rose": 0.15}, {"name": "high", "entered": "high", "cap": 1}],
}


def business_of(tmp_path: Path, **edits: Any) -> Business:
    """A small telecom business with two rules and a channel that writes files."""
    return load_business(small_business(tmp_path, **({"alerts": RULES, "channels": [FILES]} | edits)))


def lake(home: Path, rows: Sequence[dict[str, Any]]) -> Lakehouse:
    """A lake with these current scores."""
    house = Lakehouse(settings_for(home))
    put_scores(house, rows)
    return house


def put_scores(house: Lakehouse, rows: Sequence[dict[str, Any]]) -> None:
    """Replaces the days of these rows."""
    days = sorted({row["as_of_date"] for row in rows})
    table = tables.CURRENT_SCORES
    house.replace_rows(table, table.rows(list(rows)), "as_of_date", days, run_id="test")


def raised(
    house: Lakehouse,
    business: Business,
    raise_on_error: bool = True,
    instance: dg.DagsterInstance | None = None,
    asked: date | None = None,
) -> dg.ExecuteInProcessResult:
    """Materialises the alerts; without an instance as the first run of a home. `asked`: a day computed again."""
    upstream = (tables.CURRENT_SCORES, tables.CURRENT_SNAPSHOT)
    return dg.materialize(
        [*alert_assets(business), *(dg.AssetSpec(table.key) for table in upstream)],
        selection=dg.AssetSelection.assets(tables.RISK_ALERTS.key),
        resources={"lakehouse": house, ASKED_DAY: AskedDay(asked)},
        instance=instance,
        raise_on_error=raise_on_error,
    )


def states(house: Lakehouse) -> dict[tuple[str, str], tuple[str, str | None]]:
    """(customer, rule) -> state and why, of the newest day."""
    rows = alerts(house)
    newest = [row for row in rows if row["as_of_date"] == rows[0]["as_of_date"]] if rows else []
    return {(row["customer_key"], row["rule"]): (row["state"], row["why"]) for row in newest}
