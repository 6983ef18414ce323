"""The sensor records the configuration and the service levels once a day."""

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import dagster as dg

from churn_assets.automation.daily_records import record_day, scores_fresh
from churn_assets.automation.failed_runs import EndedRun
from churn_assets.automation.incident_sensor import incidents_sensor
from churn_assets.contracts.business import Business
from churn_assets.definitions import build_defs
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.operations.configuration.items import items_on, recorded_days
from churn_assets.operations.service_levels.levels import recorded_levels
from churn_assets_tests.lakes import settings_for


def test_scores_are_fresh_until_the_next_month_is_due(lakehouse: Lakehouse, business: Business) -> None:
    assert scores_fresh(lakehouse, business, date(2025, 9, 10)) is True, "August is scored"
    assert scores_fresh(lakehouse, business, date(2025, 10, 6)) is True, "September is not due yet"
    assert scores_fresh(lakehouse, business, date(2025, 10, 7)) is False


def test_nothing_is_promised_before_the_first_scores(lakehouse: Lakehouse, business: Business) -> None:
    empty = Lakehouse(lakehouse.settings.model_copy(update={"lake": f"{lakehouse.settings.home}/empty"}))
    assert scores_fresh(empty, business, date(2025, 10, 7)) is None


def test_a_day_is_recorded_with_all_assets_and_no_secret(lakehouse: Lakehouse, business: Business) -> None:
    secret = lakehouse.settings.model_copy(
        update={"maven": "https://me:hunter2@example.com/x", "spark_conf": {"spark.password": "hunter2"}}
    )
    house = Lakehouse(secret)
    day = date(2025, 9, 10)
    run = EndedRun("r", "month_end", "2025-08", "2025-08", datetime(2025, 9, 4, tzinfo=UTC), True, False)
    repository = build_defs(secret.model_copy(update={"business": "telecom"})).get_repository_def()
    record_day(house, business, repository, [run], day, "test")
    items = items_on(house, day)
    assert items["gold/customers"].detail.startswith("after silver/")
    assert items["churn.yaml"].kind == "declaration"
    assert "hunter2" not in str(items)
    by_name = {row["objective"]: row for row in recorded_levels(house)}
    assert by_name["fresh_scores"]["kept"] is True
    assert (by_name["month_end_success"]["total"], by_name["month_end_success"]["good"]) == (1, 1)


def test_the_sensor_records_today_once(tmp_path: Path, business: Business) -> None:
    lakehouse = Lakehouse(settings_for(tmp_path / "home"))
    sensor: Any = incidents_sensor(business)
    with dg.DagsterInstance.ephemeral() as instance:
        for _ in range(2):
            context = dg.build_sensor_context(instance=instance, resources={"lakehouse": lakehouse})
            sensor(context)
    assert recorded_days(lakehouse) == [datetime.now(UTC).date()]
    assert len(recorded_levels(lakehouse)) == 2
