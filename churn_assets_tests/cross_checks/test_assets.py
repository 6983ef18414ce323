"""The asset silver/findings: what it judges, and what becomes of a month beyond a limit that blocks."""

from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path

import dagster as dg
import pytest

from churn_assets.contracts.loader import load_business
from churn_assets.cross_checks.assets import SOURCES_AGREE
from churn_assets.cross_checks.unknown_ids import unknown_ids
from churn_assets.lakehouse import tables
from churn_assets.silver.findings import findings
from churn_assets.silver.reconciliation import passed_months
from churn_assets.silver.reconciliation_rows import ReconciledMonth, passed_before
from churn_assets_tests.checks import evaluations
from churn_assets_tests.lakes import deliver_changes, edit_yaml, settings_for, small_business
from churn_assets_tests.worlds import Lake, failures

JAN, FEB, MAR = "2025-01", "2025-02", "2025-03"
ASSET = dg.AssetSelection.assets(tables.FINDINGS.key)
CHECK = f"{tables.FINDINGS.path}:{SOURCES_AGREE}"
# customers 1 to 10 are there from the start; 50 never comes
PEOPLE = {
    "customers": {"2025-01-31": range(1, 11), "2025-02-28": range(1, 11), "2025-03-31": range(1, 11)},
    "tickets": {"2025-01-31": [1, 50], "2025-02-28": [1, 2, 3, 50], "2025-03-31": [1]},
}


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """Customers and tickets in silver; subscriptions have not come."""
    return lake_of(tmp_path, small_business(tmp_path), PEOPLE)


def lake_of(folder: Path, business: Path, people: Mapping[str, Mapping[str, Sequence[int]]]) -> Lake:
    """A lake of customers and tickets in silver, written without Spark: source -> day of the extract -> customers."""
    settings = settings_for(folder, business)
    lake = Lake(settings, load_business(settings.business_path))
    balances = []
    for name, delivered in people.items():
        table = tables.silver(lake.business.source(name))
        rows = [row for day, people in delivered.items() for row in _rows(name, day, people)]
        lake.lakehouse.append_rows(table, table.rows(rows), run_id="run")
        days = {day: len([*people]) for day, people in delivered.items()}
        balances += [
            ReconciledMonth(name, d[:7], n, n, 0, 0, [date.fromisoformat(d)], True) for d, n in days.items()
        ]
    known = tables.RECONCILIATION.rows([balance.as_dict() for balance in balances])
    lake.lakehouse.append_rows(tables.RECONCILIATION, known, run_id="run")
    return lake


def _rows(source: str, day: str, people: Sequence[int]) -> list[dict[str, object]]:
    version = {"sequence": 1, "copies": 1, "latest_in_month": True, "refused": False}
    at = {"known_at": date.fromisoformat(day), "extract_month": day[:7]}
    named = [{"customer_key": f"k{who}"} for who in people]
    if source == "tickets":
        named = [row | {"ticket_id": f"{day}-{n}"} for n, row in enumerate(named)]
    return [version | at | row for row in named]


def _passed(lake: Lake) -> Mapping[tuple[str, str], bool]:
    rows = lake.lakehouse.arrow(tables.RECONCILIATION).to_pylist()
    return {(row["source"], row["extract_month"]): row["balances"] for row in rows}


def test_months_that_no_run_has_judged_are_judged_with_the_next(lake: Lake) -> None:
    """January and February passed silver in a run that another month failed."""
    instance = dg.DagsterInstance.ephemeral()
    result = lake.run(ASSET, [MAR], instance=instance)
    assert result.success, failures(result)
    made = [event.partition for event in result.get_asset_materialization_events()]
    assert sorted(map(str, made)) == [JAN, FEB, MAR]
    assert {(r["extract_month"], r["count"], r["of"]) for r in findings(lake.lakehouse)} == {
        (JAN, 1, 2),
        (FEB, 1, 4),
    }
    check = evaluations(result)[CHECK]
    assert (check.passed, check.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert "tickets 2025-01: relationships:customers: 1 of 2 ids" in check.description
    again = lake.run(ASSET, [MAR], instance=instance)
    assert [event.partition for event in again.get_asset_materialization_events()] == [MAR]
    assert evaluations(again)[CHECK].passed


@pytest.mark.parametrize("empty", [[], ["2025-02-28", "2025-03-31"]])
def test_ids_are_judged_however_long_the_related_source_was_silent(tmp_path: Path, empty: list[str]) -> None:
    """50 comes in February; customers, a source of changes, tell of nobody new until May."""
    business = small_business(tmp_path)
    edit_yaml(business / "contracts" / "customers.yaml", deliver_changes)
    customers: dict[str, Sequence[int]] = {
        "2025-01-31": range(1, 11),
        **dict.fromkeys(empty, ()),
        "2025-05-31": [11],
    }
    tickets = {"2025-02-28": [1, 50], "2025-03-31": [2], "2025-04-30": [3], "2025-05-31": [11]}
    lake = lake_of(tmp_path, business, {"customers": customers, "tickets": tickets})
    every = [JAN, FEB, MAR, "2025-04", "2025-05"]
    at_once = unknown_ids(lake.lakehouse, lake.business, every)
    assert [(p.source, p.month, p.examples) for p in at_once] == [
        ("tickets", FEB if empty else "2025-05", ("k50",))
    ]
    one_by_one = [p for month in every for p in unknown_ids(lake.lakehouse, lake.business, [month])]
    assert one_by_one == at_once


def test_a_month_that_is_not_whole_has_not_passed(lake: Lake) -> None:
    """By the one notion: for what gold and snapshots need, and for the months that are judged late."""
    rows = lake.lakehouse.arrow(tables.RECONCILIATION).to_pylist()
    rows = [row | {"whole": row["extract_month"] != JAN and row["whole"]} for row in rows]
    table = tables.RECONCILIATION
    lake.lakehouse.replace_rows(table, table.rows(rows), "extract_month", [JAN, FEB, MAR], run_id="run")
    assert passed_before(lake.lakehouse, MAR) == {FEB}
    assert {month for _, month in passed_months(lake.lakehouse)} == {FEB, MAR}


def test_a_month_beyond_a_limit_that_blocks_has_not_passed_silver(lake: Lake) -> None:
    quality = {"type": "custom", "engine": "churnAssets", "severity": "block"}
    rule = quality | {"implementation": {"rule": "relationships", "maxShare": 0.4}}
    file = lake.settings.business_path / "contracts" / "tickets.yaml"
    edit_yaml(file, lambda contract: contract["schema"][0]["quality"].append(rule))
    load_business.cache_clear()
    result = lake.run(ASSET, [JAN, FEB])
    [said] = failures(result).values()
    assert "tickets 2025-01: relationships:customers: 1 of 2 ids (50.0%)" in said
    made = [event.partition for event in result.get_asset_materialization_events()]
    assert made == [FEB], "a refused month takes no other month with it"
    assert "2025-02" not in said and "These months have not passed silver." in said
    check = evaluations(result)[CHECK]
    assert (check.passed, check.severity) == (False, dg.AssetCheckSeverity.ERROR)
    assert [key for key, passed in _passed(lake).items() if not passed] == [("tickets", JAN)]
    assert {(r["extract_month"], r["severity"]) for r in findings(lake.lakehouse)} == {
        (JAN, "block"),
        (FEB, "warn"),
    }
