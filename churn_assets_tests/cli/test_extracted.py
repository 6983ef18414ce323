"""`churn-assets run extract` tells what came and what its checks found."""

import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from rich.console import Console

from churn_assets.cli.extracted import print_extracts
from churn_assets.months import add_months, month_of
from churn_assets_tests.cli.calling import call
from churn_assets_tests.lakes import edit_yaml, small_business


def test_the_command_tells_rows_and_warnings_and_fails_with_a_source(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    this = month_of(datetime.now(UTC).date())
    last = add_months(this, -1)
    business = small_business(tmp_path, calendar={"start": add_months(this, -5)})
    for name in ("customers", "subscriptions"):
        asked = [{"property": "table", "value": name}]
        if name == "subscriptions":
            asked += [{"property": "cursor", "value": "seq"}]
        server = {"server": "crm", "type": "sqlite", "location": "${CRM_URL}", "customProperties": asked}
        edit_yaml(
            business / "contracts" / f"{name}.yaml", lambda content, s=server: content.update(servers=[s])
        )
    monkeypatch.setenv("CRM_URL", f"sqlite:///{tmp_path}/crm.db")
    monkeypatch.setenv("CHURN_HOME", str(tmp_path))
    monkeypatch.setenv("CHURN_BUSINESS", str(business))
    monkeypatch.setenv("COLUMNS", "200")
    with sqlite3.connect(tmp_path / "crm.db") as connection:
        connection.execute("CREATE TABLE customers (customer_id TEXT, status TEXT, region TEXT)")
        connection.execute("INSERT INTO customers VALUES ('C1', 'active', 'north')")
        connection.execute(
            "CREATE TABLE subscriptions AS SELECT 'S1' AS subscription_id, 'C1' AS customer_id, 'basic' AS plan, "
            "12 AS contract_months, 9.5 AS monthly_price, '2026-01-01' AS started_on, 7 AS seq"
        )
    connection.close()
    code, said = call(monkeypatch, capsys, "run", "extract", "--from", last, "--to", this)
    assert code == 0, said
    assert said.count("customers: 1 row\n") == 1 and "subscriptions: 1 row, up to 7\n" in said
    assert f"warn  extracts/customers: Not asked: {last}" in said
    with sqlite3.connect(tmp_path / "crm.db") as connection:
        connection.execute("DROP TABLE customers")
    connection.close()
    code, said = call(monkeypatch, capsys, "run", "extract", "--from", this)
    assert code == 1 and "There is no table customers" in said
    assert "warn  extracts/subscriptions: Nothing is newer than at the extract before" in said


@pytest.mark.parametrize("severity", [dg.AssetCheckSeverity.WARN, dg.AssetCheckSeverity.ERROR])
def test_a_failed_check_that_stops_nothing_is_an_error_of_the_command(
    severity: dg.AssetCheckSeverity, capsys: pytest.CaptureFixture[str]
) -> None:
    @dg.asset(key_prefix="extracts", check_specs=[dg.AssetCheckSpec("lost", asset=["extracts", "events"])])
    def events() -> Iterator[Any]:
        yield dg.MaterializeResult(
            metadata={"dagster/row_count": 2},
            check_results=[
                dg.AssetCheckResult(
                    check_name="lost", passed=False, severity=severity, description="3 were lost."
                )
            ],
        )

    done = dg.materialize([events])
    assert print_extracts(done, Console()) is (severity is dg.AssetCheckSeverity.ERROR)
    said = capsys.readouterr().out
    assert "events: 2 rows" in said and "extracts/events: 3 were lost." in said
