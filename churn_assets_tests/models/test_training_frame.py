"""Which cohorts a training may see, and which customers when there are more than it may read."""

from datetime import date

import pyarrow as pa
import pytest

from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.models.training_frame import key_bound, mature_cohorts, training_frame
from churn_assets_tests.lakes import declaring, settings_for

JUNE, JULY, AUGUST = date(2025, 6, 30), date(2025, 7, 31), date(2025, 8, 31)
AVAILABLE = {JUNE: date(2025, 8, 14), JULY: date(2025, 9, 14), AUGUST: date(2025, 10, 14)}
CUSTOMERS = 400


@pytest.fixture(scope="module")
def lakehouse(tmp_path_factory: pytest.TempPathFactory) -> Lakehouse:
    """400 customers in three cohorts, keys spread evenly; August is pending, a tenth has no label."""
    house = Lakehouse(settings_for(tmp_path_factory.mktemp("sample")))
    keys = [f"{i * 16**8 // CUSTOMERS:08x}" for i in range(CUSTOMERS)]
    snapshots, labels = [], []
    for day, available in AVAILABLE.items():
        for i, key in enumerate(keys):
            of_both = {"customer_key": key, "as_of_date": day}
            values = {"known_at": day, "tenure_days": 10.0 * i, "feature": float(i)}
            left, pending = i % 10 == 0, day == AUGUST
            label = {
                "label": None if pending or left else i % 2,
                "outcome": "pending" if pending else "involuntary_end" if left else "stayed",
                "label_available_at": available,
            }
            snapshots.append(of_both | values)
            labels.append(of_both | label)
    rows = pa.Table.from_pylist(snapshots)
    house.append_rows(declaring(tables.CUSTOMER_SNAPSHOTS, rows), rows, run_id="run")
    house.append_rows(tables.CHURN_LABELS, tables.CHURN_LABELS.rows(labels), run_id="run")
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
