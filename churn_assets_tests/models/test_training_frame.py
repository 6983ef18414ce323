"""Which cohorts a training may see, and which customers when there are more than it may read."""

from datetime import date
from pathlib import Path

import pyarrow as pa
import pytest

from churn_assets.contracts.loader import load_business
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.models.training_frame import (
    key_bound,
    mature_cohorts,
    mature_midmonth_days,
    training_frame,
)
from churn_assets_tests.lakes import business_copy, declaring, settings_for

JUNE, JULY, AUGUST = date(2025, 6, 30), date(2025, 7, 31), date(2025, 8, 31)
AVAILABLE = {JUNE: date(2025, 8, 14), JULY: date(2025, 9, 14), AUGUST: date(2025, 10, 14)}
CUSTOMERS = 400
TRAINING = {"candidates": ["logistic_regression"]}


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


TENTH, TWENTIETH = date(2025, 7, 10), date(2025, 7, 20)


@pytest.fixture(scope="module")
def between(lakehouse: Lakehouse) -> Lakehouse:
    """The same lake with snapshots as of two days of July, those of the 20th pending."""
    rows = lakehouse.arrow(tables.CUSTOMER_SNAPSHOTS, None, [("as_of_date", "=", JULY)]).to_pylist()
    labels = lakehouse.arrow(tables.CHURN_LABELS, None, [("as_of_date", "=", JULY)]).to_pylist()
    pending = {"label": None, "outcome": "pending"}
    values = pa.Table.from_pylist([row | {"as_of_date": day} for day in (TENTH, TWENTIETH) for row in rows])
    known = {TENTH: {"label_available_at": date(2025, 8, 21)}, TWENTIETH: pending}
    told = [row | {"as_of_date": day} | new for day, new in known.items() for row in labels]
    lakehouse.append_rows(declaring(tables.MIDMONTH_SNAPSHOTS, values), values, run_id="run")
    lakehouse.append_rows(tables.MIDMONTH_LABELS, tables.MIDMONTH_LABELS.rows(told), run_id="run")
    return lakehouse


def test_days_between_cohorts_are_read_beside_them(between: Lakehouse) -> None:
    frame = training_frame(between, ["feature"], [JUNE, JULY], 10_000, [TENTH])
    assert frame["as_of_date"].value_counts().to_dict() == dict.fromkeys((JUNE, TENTH, JULY), 360)
    assert frame["as_of_date"].is_monotonic_increasing
    assert set(training_frame(between, ["feature"], [JUNE, JULY], 10_000)["as_of_date"]) == {JUNE, JULY}


def test_days_between_cohorts_count_for_the_limit(between: Lakehouse) -> None:
    frame = training_frame(between, ["feature"], [JUNE, JULY], 300, [TENTH])
    assert 0.8 * 300 <= len(frame) <= 300
    assert (frame.groupby("customer_key")["as_of_date"].nunique() == 3).all()


@pytest.mark.parametrize(
    ("days", "trained_as_of", "found"),
    [
        ([10, 20], date(2025, 8, 20), []),
        ([10, 20], date(2025, 8, 21), [TENTH]),
        ([20], date(2026, 1, 31), []),
        ([], date(2026, 1, 31), []),
    ],
)
def test_declared_days_are_mature_like_cohorts(
    between: Lakehouse, tmp_path: Path, days: list[int], trained_as_of: date, found: list[date]
) -> None:
    edits = {"calendar": {"start": "2025-01", "end": "2025-12"}}
    business = load_business(business_copy(tmp_path, training=TRAINING | {"as_of_days": days}, **edits))
    assert mature_midmonth_days(between, business, trained_as_of) == found


def test_no_table_of_days_is_no_day(tmp_path: Path) -> None:
    business = load_business(business_copy(tmp_path, training=TRAINING | {"as_of_days": [10]}))
    assert mature_midmonth_days(Lakehouse(settings_for(tmp_path)), business, date(2026, 1, 31)) == []
