"""Months as partitions: first and last keys, leap years, and which months a snapshot looks at."""

from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest
from dagster import instance_for_test
from dagster._core.definitions.partitions.context import partition_loading_context

from churn_assets.contracts.business import Business
from churn_assets.contracts.loader import load_business
from churn_assets.graph.partitions import ingest_months, last_ingest_month, observed_months, snapshot_months
from churn_assets.months import add_months, month_end, month_from_index, month_index, month_range
from churn_assets.settings import SHIPPED_BUSINESSES
from churn_assets_tests.lakes import business_copy

TELECOM = load_business(SHIPPED_BUSINESSES / "telecom")


def keys(partitions: dg.PartitionsDefinition[str], now: datetime | None = None) -> list[str]:
    """All keys as of a moment."""
    with partition_loading_context(effective_dt=now):
        return list(partitions.get_partition_keys())


def living(tmp_path: Path, start: str = "2023-11", observation: int = 3, end: str | None = None) -> Business:
    """A business whose calendar is open, or ends some day."""
    windows = {"observation_months": observation, "gap_days": 7, "outcome_days": 30, "settlement_days": 3}
    return load_business(
        business_copy(
            tmp_path,
            "shop",
            calendar={"start": start, "end": end},
            windows=windows,
            features=[
                {
                    "source": "transactions",
                    "aggregate": "sum",
                    "measure": "amount",
                    "months": [1],
                    "driver": "activity",
                },
            ],
            segments={
                "risk": {"high": 0.7, "elevated": 0.4},
                "value": {"feature": "transactions_amount_sum_1m", "high": 0.67, "middle": 0.33},
                "rules": [{"name": "all", "action": "none"}],
            },
        )
    )


def test_the_shipped_calendar_is_finished() -> None:
    ingest, snapshots = keys(ingest_months(TELECOM)), keys(snapshot_months(TELECOM))
    assert ingest == month_range("2025-01", "2026-06")
    assert snapshots == month_range("2025-06", "2026-06")
    assert last_ingest_month(TELECOM) == "2026-06"


@pytest.mark.parametrize(
    ("now", "open_month", "closed_month"),
    [
        (datetime(2024, 2, 1, 0, 0, tzinfo=UTC), "2024-02", "2024-01"),
        (datetime(2024, 2, 29, 23, 59, 59, tzinfo=UTC), "2024-02", "2024-01"),
        (datetime(2024, 3, 1, 0, 0, tzinfo=UTC), "2024-03", "2024-02"),
        (datetime(2025, 1, 1, 0, 0, tzinfo=UTC), "2025-01", "2024-12"),
    ],
)
def test_a_living_calendar_has_the_open_month_for_extracts_only(
    tmp_path: Path, now: datetime, open_month: str, closed_month: str
) -> None:
    business = living(tmp_path)
    assert keys(ingest_months(business), now) == month_range("2023-11", open_month)
    assert keys(snapshot_months(business), now) == month_range("2024-01", closed_month)


@pytest.mark.parametrize(
    ("now", "last", "closed_month"),
    [
        (datetime(2024, 2, 10, tzinfo=UTC), "2024-02", "2024-01"),
        (datetime(2024, 3, 1, tzinfo=UTC), "2024-03", "2024-02"),
        (datetime(2024, 3, 31, 23, 59, 59, tzinfo=UTC), "2024-03", "2024-02"),
        (datetime(2024, 4, 1, tzinfo=UTC), "2024-03", "2024-03"),
        (datetime(2024, 5, 1, tzinfo=UTC), "2024-03", "2024-03"),
        (datetime(2031, 7, 14, tzinfo=UTC), "2024-03", "2024-03"),
    ],
)
def test_a_calendar_whose_end_lies_ahead_has_the_open_month_until_then(
    tmp_path: Path, now: datetime, last: str, closed_month: str
) -> None:
    business = living(tmp_path, end="2024-03")
    ingest, snapshots = ingest_months(business), snapshot_months(business)
    assert keys(ingest, now) == month_range("2023-11", last)
    assert keys(snapshots, now) == month_range("2024-01", closed_month)
    with partition_loading_context(effective_dt=now):
        assert last_ingest_month(business) == last
        assert snapshots.get_last_partition_key() == closed_month
        assert ingest.has_partition_key(last) and not ingest.has_partition_key(add_months(last, 1))


def test_no_snapshot_before_a_whole_window_has_passed(tmp_path: Path) -> None:
    business = living(tmp_path, observation=6)
    assert business.first_snapshot_month == "2024-04"
    assert keys(snapshot_months(business), datetime(2024, 4, 30, tzinfo=UTC)) == []
    assert keys(snapshot_months(business), datetime(2024, 5, 1, tzinfo=UTC)) == ["2024-04"]


def test_a_calendar_of_the_future_is_said_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="starts in 2999-01, in the future"):
        last_ingest_month(living(tmp_path, start="2999-01"))


@pytest.mark.parametrize(
    ("month", "observed"),
    [
        ("2025-06", month_range("2025-01", "2025-06")),
        ("2025-12", month_range("2025-07", "2025-12")),
        ("2026-06", month_range("2026-01", "2026-06")),
    ],
)
def test_a_snapshot_depends_on_the_months_of_its_window(month: str, observed: list[str]) -> None:
    mapping, ingest, snapshots = observed_months(TELECOM, 5), ingest_months(TELECOM), snapshot_months(TELECOM)
    with instance_for_test():
        found = mapping.get_upstream_mapped_partitions_result_for_partitions(
            snapshots.subset_with_partition_keys([month]), snapshots, ingest
        )
    assert list(found.partitions_subset.get_partition_keys()) == observed
    assert not found.required_but_nonexistent_subset.get_partition_keys()
    assert mapping, "dagster drops a falsy mapping without a word"


def test_a_month_feeds_the_snapshots_that_look_back_on_it() -> None:
    mapping, ingest, snapshots = observed_months(TELECOM, 5), ingest_months(TELECOM), snapshot_months(TELECOM)
    for month, fed in [
        ("2025-01", ["2025-06"]),
        ("2025-08", month_range("2025-08", "2026-01")),
        ("2026-06", ["2026-06"]),
    ]:
        found = mapping.get_downstream_partitions_for_partitions(
            ingest.subset_with_partition_keys([month]), ingest, snapshots
        )
        assert list(found.get_partition_keys()) == fed


def test_months_as_numbers_and_back() -> None:
    assert [str(month_end(m)) for m in ("2024-02", "2023-02", "2100-02", "2024-12")] == [
        "2024-02-29",
        "2023-02-28",
        "2100-02-28",
        "2024-12-31",
    ]
    assert [add_months("2024-11", n) for n in (-11, 0, 1, 2)] == ["2023-12", "2024-11", "2024-12", "2025-01"]
    assert month_from_index(month_index("2024-02")) == "2024-02"
    assert month_range("2024-03", "2024-02") == []
