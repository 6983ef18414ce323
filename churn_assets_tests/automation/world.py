"""A lake and an event log without steps: tests tell what happened, and see what the daemon would launch."""

import shutil
from collections.abc import Sequence
from copy import copy
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from unittest.mock import patch

import dagster as dg

from churn_assets.automation.refresh_cohorts_sensor import COHORT_TABLES, refresh_cohorts_sensor
from churn_assets.bronze.assets import EXTRACTS
from churn_assets.contracts.loader import load_business
from churn_assets.features.labels import cohorts
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.months import month_end, month_range
from churn_assets.silver.reconciliation import extract_dates
from churn_assets_tests.lakes import settings_for, small_business

ALL = month_range("2025-01", "2025-12")
COHORTS = month_range("2025-03", "2025-12")
WINDOWS = {"observation_months": 3, "gap_days": 7, "outcome_days": 30, "settlement_days": 3}
SETTLED = (tables.CHURN_LABELS, tables.MODEL_PERFORMANCE, tables.DRIFT)
Request = tuple[str, str, str]


class World:
    """A lake and an event log in which steps leave the traces of the real ones, and a daemon that only ticks."""

    def __init__(self, folder: Path, instance: dg.DagsterInstance) -> None:
        self.business = load_business(small_business(folder, windows=WINDOWS))
        self.lakehouse, self.instance = Lakehouse(settings_for(folder)), instance
        self.sensor = refresh_cohorts_sensor(self.business)
        self.files = {(s.name, m): "as delivered" for s in self.business.sources for m in ALL}
        self.extracts = {(s.name, m): [month_end(m)] for s in self.business.sources for m in ALL}
        self.cursor: str | None = None
        self.launched: set[str] = set()
        self.told = ""
        self.now = datetime.now(UTC)

    def copied(self, folder: Path, instance: dg.DagsterInstance) -> "World":
        """The same world in another folder, with the same events in another instance in memory."""
        other = copy(self)
        other.lakehouse, other.instance = Lakehouse(settings_for(folder)), instance
        shutil.copytree(self.lakehouse.settings.lake_uri, other.lakehouse.settings.lake_uri)
        events, empty = (i.event_log_storage._held_conn.connection for i in (self.instance, instance))
        events.driver_connection.backup(empty.driver_connection)
        other.files, other.extracts = dict(self.files), dict(self.extracts)
        other.launched = set(self.launched)
        return other

    def deliver(self, source: str, month: str, content: str, extracts: Sequence[date] | None = None) -> None:
        """Other files of a month than before."""
        self.files[source, month] = content
        if extracts is not None:
            self.extracts[source, month] = list(extracts)

    def ingest(self, first: str, last: str | None = None, refuses: str = "", without: str = "") -> None:
        """A run over a range of months; silver `refuses` a source, or the run has all sources but one."""
        months = month_range(first, last or first)
        rows = []
        for source in self.business.sources:
            for month in months:
                self.write(tables.bronze(source), [month], {EXTRACTS: self.files[source.name, month]})
                refused_by = "volume" if source.name == refuses else None
                row = {"source": source.name, "extract_month": month, "refused_by": refused_by}
                row |= {"balances": not refused_by, "extract_dates": self.extracts[source.name, month]}
                rows += [row] if source.name != without else []
            if source.name not in (refuses, without):
                self.write(tables.silver(source), months)
        balance = tables.RECONCILIATION.rows(rows)
        self.lakehouse.replace_rows(tables.RECONCILIATION, balance, "extract_month", months, run_id="run")

    def month_end(self, first: str, last: str | None = None, written: Sequence[Any] = COHORT_TABLES) -> None:
        """A run that makes cohorts; labels settle as far as the extracts that have passed allow."""
        months = month_range(first, last or first)
        self._label(months)
        for table in written:
            self.write(table, months)

    def settle(self, month: str, written: Sequence[Any] = SETTLED) -> None:
        """A run that settles a cohort; it fails after the tables that it has `written`."""
        self._label([month])
        for table in written:
            self.write(table, [month])

    def _label(self, months: Sequence[str]) -> None:
        known = extract_dates(self.lakehouse, self.business.label_source)
        rows = [
            {
                "as_of_date": c.as_of_date,
                "outcome": "stayed" if c.mature else "pending",
                "label_available_at": c.label_available_at,
            }
            for c in cohorts(map(month_end, months), self.business.file.windows, known)
        ]
        days = [row["as_of_date"] for row in rows]
        labels = tables.CHURN_LABELS.rows(rows)
        self.lakehouse.replace_rows(tables.CHURN_LABELS, labels, "as_of_date", days, run_id="run")

    def write(self, table: Any, months: Sequence[str], metadata: dict[str, Any] | None = None) -> None:
        """The traces of a step that has written a table."""
        for month in months:
            event = dg.AssetMaterialization(table.key, partition=month, metadata=metadata)
            self.instance.report_runless_asset_event(event)

    def tick(self) -> list[Request]:
        """What the daemon launches after one tick: run keys that it has launched before it leaves out."""
        # a new context each time, as after a restart of the daemon: only the cursor survives
        context = dg.build_sensor_context(
            instance=self.instance, cursor=self.cursor, resources={"lakehouse": self.lakehouse}
        )
        with patch(f"{refresh_cohorts_sensor.__module__}.datetime", wraps=datetime) as clock:
            clock.now.return_value = self.now
            result: Any = self.sensor(context)
        self.cursor = result.cursor or self.cursor
        self.told = result.skip_reason.skip_message if result.skip_reason else ""
        found = []
        for request in result.run_requests or []:
            if request.run_key not in self.launched:
                self.launched.add(request.run_key)
                first, last = (
                    request.tags[f"dagster/asset_partition_range_{end}"] for end in ("start", "end")
                )
                found.append((request.job_name, first, last))
        assert "spark" not in vars(self.lakehouse)
        return found
