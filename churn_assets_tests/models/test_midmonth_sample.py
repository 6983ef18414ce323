"""The sample of a training that also learns from days between month ends."""

from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg
import pytest

from churn_assets.contracts.loader import load_business
from churn_assets.graph.names import CHURN_MODEL
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.models.request import TrainingRequest
from churn_assets.models.training import _sample
from churn_assets.months import day_of
from churn_assets_tests.lakes import settings_for, small_business
from churn_assets_tests.models.test_failed_checks import (
    COHORTS,
    CUSTOMERS,
    DAYS_TO_LABEL,
    MODEL,
    honest,
    write_cohorts,
)
from churn_assets_tests.worlds import Lake

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.one_engine(reason="reads a sample and trains in Python")

TRAINED_AS_OF = date(2025, 11, 30)  # the newest mature cohort is September


def write_days(lake: Lake, months: list[str]) -> None:
    """Snapshots and settled labels as of the 10th of these months: those of the month's end under another date."""
    for source, table in (
        (tables.CUSTOMER_SNAPSHOTS, tables.midmonth_snapshots(lake.business)),
        (tables.CHURN_LABELS, tables.MIDMONTH_LABELS),
    ):
        rows: list[dict[str, Any]] = []
        for row in lake.lakehouse.arrow(source).to_pylist():
            day = day_of(f"{row['as_of_date']:%Y-%m}", 10)
            if f"{day:%Y-%m}" in months:
                dates = {"as_of_date": day, "known_at": day}
                dates |= {"label_available_at": day + timedelta(days=DAYS_TO_LABEL)}
                rows.append(row | {name: at for name, at in dates.items() if name in row})
        days = [day_of(month, 10) for month in months]
        lake.lakehouse.replace_rows(table, table.rows(rows), "as_of_date", days, run_id="test")


@pytest.fixture
def lake(spark: "SparkSession", tmp_path: Path) -> Lake:
    """Cohorts of April to October, in a business that declares the 10th and has no tables of it yet."""
    training = {"candidates": ["logistic_regression"], "validation_cohorts": 1, "row_limit": 10_000}
    calendar = {"start": "2024-10", "end": "2026-06"}
    folder = small_business(tmp_path, training=training | {"as_of_days": [10]}, calendar=calendar)
    settings = settings_for(tmp_path, folder)
    found = Lake(settings, load_business(settings.business_path))
    write_cohorts(found, honest)
    return found


def sample(lake: Lake) -> tuple[list[date], list[str]]:
    """The days between month ends in the sample, and what was told."""
    told: list[str] = []
    lakehouse: Lakehouse = lake.lakehouse
    wanted = TrainingRequest(lake.business, lakehouse, None, TRAINED_AS_OF, False, "run", told.append)  # type: ignore[arg-type]
    found = _sample(wanted)
    days = sorted(set(found.frame["as_of_date"]) - set(found.split.cohorts))
    assert days == list(found.split.midmonth)
    return days, told


def test_missing_days_are_told_and_those_at_hand_are_read(lake: Lake) -> None:
    """Of the days after the first cohort, those whose horizon is over on 30 September can teach."""
    days, [told] = sample(lake)
    assert days == [] and told.startswith("2025-05 to 2025-08: no settled labels as of days 10 of the month")
    write_days(lake, ["2025-04", "2025-05", "2025-07", "2025-08", "2025-09"])
    days, [told] = sample(lake)
    assert days == [date(2025, month, 10) for month in (5, 7, 8)]
    assert told.startswith("2025-06: no settled labels")
    write_days(lake, ["2025-06"])
    assert sample(lake) == ([date(2025, month, 10) for month in (5, 6, 7, 8)], [])


@pytest.mark.one_python(reason="fits models, mostly in scikit-learn")
def test_the_training_says_from_how_many_days_it_learned(lake: Lake) -> None:
    write_days(lake, COHORTS)
    with dg.DagsterInstance.ephemeral() as instance:
        assert lake.run(MODEL, ["2025-11"], instance=instance).success
        event = instance.get_latest_materialization_event(dg.AssetKey(CHURN_MODEL.key))
    assert event is not None and event.asset_materialization is not None
    metadata = event.asset_materialization.metadata
    assert metadata["as_of days between cohorts"].value == 4
    [row] = lake.lakehouse.arrow(tables.TRAINING_RUNS).to_pylist()
    assert "| 2025-10-10 |" in metadata["days of the month"].value
    assert row["rows"] == (4 + 4) * CUSTOMERS and row["learned_until"] == date(2025, 7, 31)
