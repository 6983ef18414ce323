"""One small simulated telecom operator, ingested once for all tests that only look at it."""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import dagster as dg
import pandas as pd

from churn_assets.contracts.business import Business
from churn_assets.contracts.loader import load_business
from churn_assets.definitions import build_defs
from churn_assets.graph.partitions import range_tags
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.lakehouse.tables import Table
from churn_assets.settings import Settings
from churn_assets.simulator.plan import SimulationPlan
from churn_assets.simulator.telecom import simulate_telecom
from churn_assets_tests.lakes import business_copy, edit_yaml, settings_for

MONTHS = [f"2025-0{m}" for m in range(1, 7)]
LOST = "2025-05"
INGEST = dg.AssetSelection.groups("bronze", "silver")
AGAIN = dg.AssetSelection.assets(["bronze", "usage"], ["silver", "usage"], ["silver", "reconciliation"])
FEATURED = dg.AssetSelection.groups("features") - dg.AssetSelection.assets(tables.CURRENT_SNAPSHOT.key)
SNAPSHOTS = dg.AssetSelection.assets(["features", "customer_snapshots"])
WINDOWS = {"observation_months": 3, "gap_days": 7, "outcome_days": 30, "settlement_days": 3}
# an entity, a spell, events that are told once and events that change later
SOURCES = ("customers", "subscriptions", "usage", "invoices")
FEATURES = [
    {"source": "subscriptions", "aggregate": "tenure"},
    {"source": "subscriptions", "aggregate": "days_to_expiry"},
    {"source": "subscriptions", "aggregate": "attribute", "column": "plan"},
    {"source": "subscriptions", "aggregate": "attribute", "column": "monthly_price"},
    {"source": "subscriptions", "aggregate": "change", "column": "monthly_price", "months": [3]},
    {"source": "subscriptions", "aggregate": "change_recency", "column": "monthly_price"},
    {"source": "customers", "aggregate": "attribute", "column": "region"},
    {"source": "usage", "aggregate": "sum", "measure": "data_mb", "months": [1, 3], "days": [7]},
    {"source": "usage", "aggregate": "trend", "measure": "data_mb", "months": [1]},
    {"source": "usage", "aggregate": "recency"},
    {"source": "invoices", "aggregate": "sum", "measure": "amount", "months": [3]},
    {"source": "invoices", "aggregate": "share", "category": "status", "value": "paid", "months": [3]},
    {"name": "data_share_last_week", "sql": "usage_data_mb_sum_7d / nullif(usage_data_mb_sum_1m, 0)"},
]
SEGMENTS = {
    "risk": {"high": 0.9, "elevated": 0.7},
    "value": {"feature": "usage_data_mb_sum_3m", "high": 0.67, "middle": 0.33},
    "rules": [{"name": "all", "action": "wait"}],
}


def small_business(folder: Path, first: str, last: str) -> Path:
    """Some sources of the telecom business, short windows and few features, between two months."""
    business = business_copy(
        folder,
        calendar={"start": first, "end": last},
        windows=WINDOWS,
        features=FEATURES,
        segments=SEGMENTS,
        customer_months=None,
        monitoring=None,
        training={"candidates": ["logistic_regression"], "validation_cohorts": 1, "row_limit": 10000},
    )
    for contract in (business / "contracts").glob("*.yaml"):
        if contract.stem not in SOURCES:
            contract.unlink()
    edit_yaml(business / "contracts" / "subscriptions.yaml", _any_volume)
    return business


def _any_volume(contract: dict[str, Any]) -> None:
    """So few subscriptions change in a month that no volume of them is unusual."""
    table = contract["schema"][0]
    table["quality"] = [q for q in table["quality"] if q["implementation"]["rule"] != "volume"]


def failures(result: dg.ExecuteInProcessResult) -> dict[str, str]:
    """Step -> what it said when it failed."""
    found = {}
    for event in result.all_events:
        if event.is_step_failure:
            data = event.step_failure_data
            error = data.error
            while error is not None and error.cause is not None:
                error = error.cause
            described = data.user_failure_data and data.user_failure_data.description
            found[str(event.step_key)] = described or (error.message if error else "")
    return found


_newest: tuple[Settings, Business, dg.Definitions] | None = None


def _definitions(settings: Settings) -> dg.Definitions:
    """`build_defs`, which takes 0.2 CPU seconds; for the runs of one lake once, unless a test edits the business."""
    global _newest
    business = load_business(settings.business_path)
    if _newest is None or _newest[0] != settings or _newest[1] is not business:
        _newest = settings, business, build_defs(settings)
    return _newest[2]


@dataclass(frozen=True)
class Lake:
    """A lake with its business; tables are read as pandas frames, rows sorted."""

    settings: Settings
    business: Business

    @property
    def lakehouse(self) -> Lakehouse:
        """Its lakehouse, on the session of the test run."""
        return Lakehouse(self.settings)

    def run(
        self,
        selection: dg.AssetSelection,
        months: Sequence[str],
        *,
        instance: Any = None,
        tags: Mapping[str, str] | None = None,
    ) -> dg.ExecuteInProcessResult:
        """One run of some assets for a range of months; the caller looks at success."""
        job = dg.define_asset_job("one_run", selection)
        merged = dg.Definitions.merge(_definitions(self.settings), dg.Definitions(jobs=[job]))
        return merged.resolve_job_def("one_run").execute_in_process(
            tags=range_tags(months) | dict(tags or {}),
            run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
            raise_on_error=False,
            instance=instance,
        )

    def succeed(self, selection: dg.AssetSelection, months: Sequence[str], **tags: str) -> None:
        """`run`, which must succeed."""
        result = self.run(selection, months, tags=tags)
        assert result.success, failures(result)

    def frame(self, table: Table, columns: Sequence[str] | None = None) -> pd.DataFrame:
        """Whole table; rows in an order that depends on nothing but their content."""
        frame = self.lakehouse.arrow(table, list(columns) if columns else None).to_pandas()
        names = sorted(frame.columns)
        return frame[names].sort_values(names, key=lambda c: c.astype(str), ignore_index=True)

    def sibling(self, folder: Path, *, landing: bool = True, keys: bool = True) -> "Lake":
        """An empty lake of the same business with the same extracts and the same customer_keys."""
        settings = settings_for(folder, self.settings.business)
        if landing:
            shutil.copytree(self.settings.landing_uri, settings.landing_uri)
        if keys:
            path = tables.CUSTOMER_KEYS.path
            shutil.copytree(f"{self.settings.lake_uri}/{path}", f"{settings.lake_uri}/{path}")
        return Lake(settings, self.business)


def simulated(folder: Path, customers: int, first: str, last: str, months: int, **plan: Any) -> Lake:
    """A lake below `folder` with extracts and no table yet."""
    settings = settings_for(folder, small_business(folder, first, last))
    start = date.fromisoformat(f"{first}-01")
    simulate_telecom(
        SimulationPlan(customers=customers, start=start, months=months, seed=3, **plan),
        Path(settings.landing_uri),
        folder / "truth",
    )
    return Lake(settings, load_business(settings.business_path))


def lost_and_found(folder: Path) -> dict[str, Any]:
    """A lake whose usage of LOST arrived truncated, was refused, was delivered again and passed.

    `lake` is the finished lake, `instance` holds the events of its runs; `silver usage` counts the rows of its months
    after the first, the others are their results.
    """
    span = MONTHS[0], MONTHS[-1], len(MONTHS)
    lake = simulated(folder, 60, *span, truncate=(("usage", LOST),))
    whole = simulated(folder / "whole", 60, *span)
    instance = dg.DagsterInstance.ephemeral()
    told: dict[str, Any] = {"lake": lake, "instance": instance}
    told["truncated"] = lake.run(INGEST, MONTHS, instance=instance)
    usage_rows = lake.frame(tables.silver(lake.business.source("usage")), ["extract_month"])
    told["silver usage"] = list(usage_rows["extract_month"].value_counts().items())
    told["refused"] = lake.run(SNAPSHOTS, [LOST], instance=instance)
    usage = Path(lake.settings.landing_uri) / "usage"
    shutil.rmtree(usage)
    shutil.copytree(Path(whole.settings.landing_uri) / "usage", usage)
    told["again"] = lake.run(
        dg.AssetSelection.assets(["bronze", "usage"], ["silver", "usage"], ["silver", "reconciliation"]),
        MONTHS,
        instance=instance,
    )
    told["features"] = lake.run(FEATURED, MONTHS[2:], instance=instance)
    return told
