"""Which cohorts a training may see, and which customers when there are more than it may read."""

from datetime import date
from typing import TYPE_CHECKING

import pytest

from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.models.sample import key_bound, mature_cohorts, training_frame
from churn_assets_tests.lakes import settings_for

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

JUNE, JULY, AUGUST = date(2025, 6, 30), date(2025, 7, 31), date(2025, 8, 31)
AVAILABLE = {JUNE: date(2025, 8, 14), JULY: date(2025, 9, 14), AUGUST: date(2025, 10, 14)}
CUSTOMERS = 400


@pytest.fixture(scope="module")
def lakehouse(spark: "SparkSession", tmp_path_factory: pytest.TempPathFactory) -> Lakehouse:
    """400 customers in three cohorts, keys spread evenly; August is pending, a tenth has no label."""
    house = Lakehouse(settings_for(tmp_path_factory.mktemp("sample")))
    keys = [f"{i * 16**8 // CUSTOMERS:08x}" for i in range(CUSTOMERS)]
    snapshots = [(key, day, day, 10.0 * i, float(i)) for day in AVAILABLE for i, key in enumerate(keys)]
    labels = [
        (key, day, None if day == AUGUST or i % 10 == 0 else i % 2, outcome, AVAILABLE[day])
        for day in AVAILABLE
        for i, key in enumerate(keys)
        for outcome in ["pending" if day == AUGUST else "involuntary_end" if i % 10 == 0 else "stayed"]
    ]
    house.replace(
        tables.CUSTOMER_SNAPSHOTS,
        spark.createDataFrame(
            snapshots,
            "customer_key string, as_of_date date, known_at date, tenure_days double, feature double",
        ),
        "as_of_date > '2025-01-01'",
        run_id="run",
    )
    house.replace(
        tables.CHURN_LABELS,
        spark.createDataFrame(
            labels,
            "customer_key string, as_of_date date, label int, outcome string, label_available_at date",
        ),
        "as_of_date > '2025-01-01'",
        run_id="run",
    )
    return house


@pytest.mark.parametrize(
    ("trained_as_of", "cohorts"),
    [
        (date(2025, 8, 13), []),
        (date(2025, 8, 14), [JUNE]),
        (date(2025, 9, 14), [JUNE, JULY]),
        (date(2026, 1, 31), [JUNE, JULY]),  # August's day has come, but nothing has settled it
    ],
)
def test_a_cohort_is_mature_from_the_day_its_labels_were_available(
    lakehouse: Lakehouse, trained_as_of: date, cohorts: list[date]
) -> None:
    assert mature_cohorts(lakehouse, trained_as_of) == cohorts


def test_the_frame_holds_every_labelled_snapshot_in_order(lakehouse: Lakehouse) -> None:
    frame = training_frame(lakehouse, ["feature"], [JULY, JUNE], 10_000)
    assert list(frame.columns) == [
        "customer_key",
        "as_of_date",
        "label",
        "known_at",
        "tenure_days",
        "feature",
    ]
    assert len(frame) == 2 * CUSTOMERS * 9 // 10
    assert frame["label"].notna().all()
    assert frame["as_of_date"].tolist() == sorted(frame["as_of_date"])
    assert (frame["tenure_days"] == 10 * frame["feature"]).all()


def test_beyond_the_limit_whole_customers_are_drawn(lakehouse: Lakehouse) -> None:
    limit = 300
    frame = training_frame(lakehouse, ["feature"], [JUNE, JULY], limit)
    assert 0.8 * limit <= len(frame) <= limit
    cohorts = frame.groupby("customer_key")["as_of_date"].nunique()
    assert (cohorts == 2).all()
    again = training_frame(lakehouse, ["feature"], [JUNE], limit)
    assert set(again["customer_key"]) >= set(frame["customer_key"])


@pytest.mark.parametrize(
    ("rows", "bound"), [(0, None), (100, None), (101, "fd7720f3"), (200, "80000000"), (1600, "10000000")]
)
def test_keys_are_bounded_only_beyond_the_limit(rows: int, bound: str | None) -> None:
    assert key_bound(rows, 100) == bound
