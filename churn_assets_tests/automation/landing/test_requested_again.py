"""Which months the landing sensor requests again: those whose run died, and those that were refused."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from unittest.mock import patch

import dagster as dg
import pytest

from churn_assets.automation import landing_sensor
from churn_assets.automation.landing_sensor import ingest_new_files_sensor
from churn_assets.contracts.business import Business
from churn_assets.contracts.source import MonthRule
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets_tests.automation.landing.files import deliver, judge


@dataclass
class Daemon:
    """Ticks with the cursor of the tick before; what the requested runs do is up to the test."""

    lakehouse: Lakehouse
    business: Business
    instance: dg.DagsterInstance
    cursor: str | None = None
    said: str = ""

    def tick(self, day: str = "2026-01-01") -> list[tuple[str, str]]:
        """The ranges that are requested."""
        context = dg.build_sensor_context(
            instance=self.instance, cursor=self.cursor, resources={"lakehouse": self.lakehouse}
        )
        with patch.object(landing_sensor, "datetime") as clock:
            clock.now.return_value = datetime.fromisoformat(f"{day}T12:00:00+00:00")
            result: Any = ingest_new_files_sensor(self.business)(context)
        if isinstance(result, dg.SkipReason):
            self.cursor, self.said = context.cursor, str(result.skip_message)
            return []
        self.cursor, self.said = result.cursor, ""
        keys = ("dagster/asset_partition_range_start", "dagster/asset_partition_range_end")
        return [(r.tags[keys[0]], r.tags[keys[1]]) for r in result.run_requests]


@pytest.fixture
def daemon(lakehouse: Lakehouse, business: Business) -> Iterator[Daemon]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield Daemon(lakehouse, business, instance)


def test_what_a_failed_run_left_out_is_asked_for_again_when_something_changes(daemon: Daemon) -> None:
    """Subscriptions lack March, so silver refuses it; customers of February did not get that far."""
    for month in ("2025-01-31", "2025-02-28", "2025-03-31"):
        deliver(daemon.lakehouse, "customers", month)
        if month != "2025-03-31":
            deliver(daemon.lakehouse, "subscriptions", month)
    assert daemon.tick() == [("2025-01", "2025-03")]
    assert daemon.tick() == [] and "2025-01 to 2025-03 did not reach silver" in daemon.said
    judge(daemon.lakehouse, daemon.business, ["2025-01", "2025-03"])
    assert daemon.tick() == [] and "2025-02 did not reach silver" in daemon.said
    deliver(daemon.lakehouse, "subscriptions", "2025-03-31")
    assert daemon.tick() == [("2025-02", "2025-03")]
    judge(daemon.lakehouse, daemon.business)
    assert daemon.tick() == [] and "Not passed" not in daemon.said


def test_a_run_that_died_is_tried_again_the_next_day(daemon: Daemon) -> None:
    deliver(daemon.lakehouse, "customers", "2025-01-31")
    assert daemon.tick("2026-01-01") == [("2025-01", "2025-01")]
    assert daemon.tick("2026-01-01") == []
    assert daemon.tick("2026-01-02") == [("2025-01", "2025-01")]
    run = dg.DagsterRun(job_name="ingest", run_id="1" * 8, status=dg.DagsterRunStatus.STARTED)
    daemon.instance.add_run(run)
    assert daemon.tick("2026-01-03") == [], "it may be the one"
    daemon.instance.report_run_failed(run)
    assert daemon.tick("2026-01-03") == [("2025-01", "2025-01")]
    judge(daemon.lakehouse, daemon.business)
    assert daemon.tick("2026-01-04") == []


def test_a_file_delivered_again_whose_run_died_is_not_taken_for_the_one_that_passed(daemon: Daemon) -> None:
    deliver(daemon.lakehouse, "customers", "2025-01-31")
    assert daemon.tick() == [("2025-01", "2025-01")]
    judge(daemon.lakehouse, daemon.business)
    deliver(daemon.lakehouse, "customers", "2025-01-31", rows=2)
    assert daemon.tick() == [("2025-01", "2025-01")]
    assert daemon.tick("2026-01-02") == [("2025-01", "2025-01")]


def test_a_refused_month_is_asked_for_again_when_its_source_changes_before_it(daemon: Daemon) -> None:
    """It may have been refused for a gap, or for more rows than in the months before it."""
    for month in ("2025-01-31", "2025-02-28", "2025-04-30"):
        deliver(daemon.lakehouse, "customers", month)
    assert daemon.tick() == [("2025-01", "2025-02"), ("2025-04", "2025-04")]
    judge(daemon.lakehouse, daemon.business, refused={("customers", "2025-04"): "gap"})
    assert daemon.tick("2026-01-02") == [] and "customers 2025-04 was refused" in daemon.said
    deliver(daemon.lakehouse, "subscriptions", "2025-03-31")
    deliver(daemon.lakehouse, "customers", "2025-05-31")
    assert daemon.tick("2026-01-02") == [("2025-03", "2025-03"), ("2025-05", "2025-05")]
    judge(daemon.lakehouse, daemon.business, refused={("customers", "2025-04"): "gap"})
    deliver(daemon.lakehouse, "customers", "2025-03-31")
    assert daemon.tick("2026-01-02") == [("2025-03", "2025-04")]


def test_a_refused_month_is_asked_for_again_when_its_contract_was_edited(daemon: Daemon) -> None:
    for month in ("2025-01-31", "2025-02-28"):
        deliver(daemon.lakehouse, "customers", month)
        deliver(daemon.lakehouse, "subscriptions", month)
    assert daemon.tick() == [("2025-01", "2025-02")]
    refused = {("customers", "2025-01"): "fill", ("subscriptions", "2025-02"): "refusedShare"}
    judge(daemon.lakehouse, daemon.business, refused=refused)
    assert daemon.tick("2026-01-02") == [], "nothing has changed"
    mended = MonthRule("fill", 0.0, 1.0, "warn")
    customers, *others = daemon.business.sources
    edited = replace(customers, month_rules=(*customers.month_rules, mended))
    daemon.business = replace(daemon.business, sources=(edited, *others))
    assert daemon.tick("2026-01-02") == [("2025-01", "2025-01")], "the other contract is as it was"
    assert daemon.tick("2026-01-02") == []
    assert daemon.tick("2026-01-03") == [("2025-01", "2025-01")], "that run died"
    judge(daemon.lakehouse, daemon.business, refused=refused)
    assert daemon.tick("2026-01-04") == [], "it was refused by the edited contract, too"


def test_months_without_keys_are_asked_for_again_when_the_month_to_mend_changes(daemon: Daemon) -> None:
    """Customers of February are respelt; those ids get no key, so no month that delivers them has passed."""
    for month in ("2025-01-31", "2025-02-28", "2025-03-31"):
        deliver(daemon.lakehouse, "customers", month)
        deliver(daemon.lakehouse, "subscriptions", month)
    assert daemon.tick() == [("2025-01", "2025-03")]
    refused = {("customers", "2025-02"): "fill, idOverlap", ("subscriptions", "2025-01"): "idOverlap"}
    judge(daemon.lakehouse, daemon.business, refused=refused)
    deliver(daemon.lakehouse, "customers", "2025-03-31", rows=2)
    assert daemon.tick() == [("2025-03", "2025-03")], "that mends nothing"
    judge(daemon.lakehouse, daemon.business, refused=refused)
    deliver(daemon.lakehouse, "customers", "2025-02-28", rows=2)
    assert daemon.tick() == [("2025-01", "2025-02")]
