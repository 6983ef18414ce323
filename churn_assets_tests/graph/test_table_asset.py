"""What a run does with a feed that lost rows, and after it was delivered again."""

import dagster as dg
import pytest

from churn_assets.lakehouse import tables
from churn_assets_tests.checks import evaluations, latest_status
from churn_assets_tests.worlds import LOST, MONTHS, SOURCES, Lake, failures

pytestmark = pytest.mark.one_engine(reason="runs jobs; `make parity` compares what jobs write")


@pytest.fixture(scope="module")
def story(lost_and_found: dict[str, object]) -> dict[str, object]:
    """Results of each run, told in order."""
    return lost_and_found


def _result(story: dict[str, object], name: str) -> dg.ExecuteInProcessResult:
    result = story[name]
    assert isinstance(result, dg.ExecuteInProcessResult)
    return result


def test_a_truncated_feed_stops_the_run_with_the_evidence(story: dict[str, object]) -> None:
    result = _result(story, "truncated")
    assert not result.success
    said = failures(result)["silver__usage"]
    for part in (
        "Committed: 2025-01 to 2025-04, 2025-06.",
        f"usage {LOST}: volume",
        "% of the usual",
        "80% to 150%",
        "Deliver",
    ):
        assert part in said
    assert f"usage/extract_date={LOST}" in said
    assert "rows)" in said


def test_the_failed_check_is_recorded(story: dict[str, object]) -> None:
    result, instance, lake = _result(story, "truncated"), story["instance"], story["lake"]
    assert isinstance(instance, dg.DagsterInstance) and isinstance(lake, Lake)
    usage = tables.silver(lake.business.source("usage"))
    checks = evaluations(result)
    failed = checks["silver/usage:contract_rules_hold"]
    assert not failed.passed
    assert failed.blocking
    assert LOST in str(failed.metadata["noticed"].value)
    assert failed.metadata["remedy"].value
    assert checks["silver/subscriptions:contract_rules_hold"].passed
    events = result.get_asset_materialization_events()
    assert {e.partition for e in events if e.asset_key == dg.AssetKey(usage.key)} == {*MONTHS} - {LOST}
    assert dg.AssetKey(["silver", "subscriptions"]) in {event.asset_key for event in events}
    assert evaluations(_result(story, "again"))["silver/usage:contract_rules_hold"].passed
    assert latest_status(instance, usage, "contract_rules_hold") == "SUCCEEDED"


def test_nothing_of_that_month_was_written_and_nothing_downstream_ran(story: dict[str, object]) -> None:
    assert {month for month, rows in story["silver usage"] if rows} == {*MONTHS} - {LOST}  # type: ignore[attr-defined]
    events = _result(story, "truncated").all_events
    started = {e.step_key for e in events if e.event_type == dg.DagsterEventType.STEP_START}
    assert "silver__usage" in started
    assert "silver__reconciliation" not in started


def test_features_of_that_month_refuse_in_a_run_of_their_own(story: dict[str, object]) -> None:
    result = _result(story, "refused")
    assert not result.success
    assert "silver" in failures(result)["features__customer_snapshots"]


def test_after_the_second_delivery_all_passes(story: dict[str, object]) -> None:
    again, features = _result(story, "again"), _result(story, "features")
    assert again.success, failures(again)
    assert features.success, failures(features)
    lake = story["lake"]
    assert isinstance(lake, Lake)
    balance = lake.lakehouse.arrow(tables.RECONCILIATION).to_pylist()
    assert len(balance) == len(SOURCES) * len(MONTHS)
    assert all(r["balances"] for r in balance)
    snapshots = lake.frame(tables.CUSTOMER_SNAPSHOTS)
    assert sorted(snapshots["as_of_date"].astype(str).str[:7].unique()) == MONTHS[2:]
    labels = lake.frame(tables.CHURN_LABELS)
    pending = labels[labels["outcome"] == "pending"]["as_of_date"].astype(str).str[:7].unique()
    assert sorted(pending) == MONTHS[4:]
    assert labels[labels["outcome"] == "pending"]["label"].isna().all()


def test_a_materialisation_carries_rows_version_and_schema(story: dict[str, object]) -> None:
    again = _result(story, "again")
    [done] = again.asset_materializations_for_node("silver__usage")[-1:]
    assert {"dagster/row_count", "delta_version", "dagster/column_schema", "by month"} <= set(done.metadata)
    found = {
        e.asset_key.to_user_string(): e.materialization for e in again.get_asset_materialization_events()
    }
    schemas = {
        table: {column.name: column.type for column in done.metadata["dagster/column_schema"].value.columns}
        for table, done in found.items()
    }
    assert schemas["silver/quarantine"]["raw_row"] == "string"
    [day] = [c for c in done.metadata["dagster/column_schema"].value.columns if c.name == "day"]
    assert day.description == "Day of the usage." and not day.constraints.nullable
    assert schemas["silver/reconciliation"]["extract_dates"] == "array<date>"
