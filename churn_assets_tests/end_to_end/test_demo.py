"""`churn-assets demo`, and what it leaves behind."""

import re
import sqlite3
from contextlib import closing

import pyarrow as pa
import pytest
from click.testing import CliRunner
from deltalake import DeltaTable
from rich.console import Console

from churn_assets.cli.main import cli
from churn_assets.cli.summary import print_full_summary
from churn_assets.contracts.loader import load_business
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.lakehouse.stores import unregistered
from churn_assets_tests.end_to_end.conftest import FIRST, LAST, MONTHS, Demo, personal_values
from churn_assets_tests.lakes import computed_tables, not_as_declared

pytestmark = pytest.mark.slow
NAMED = ("bronze", "silver/customer_keys", "silver/customer_identity", "silver/quarantine")


def test_the_summary_tells_what_came_out(demo: Demo) -> None:
    for said in (
        "Demo: 800 simulated customers, 13 months",
        f"Extracts of {FIRST} to {LAST}",
        "/2 models/churn_model, ",
        "accepted",
        "95 % interval",
        f"scored as of {LAST}-31",
        "The riskiest customers",
        "churn-assets summary --full",
        "Done in",
    ):
        assert said in demo.output


def test_the_demo_prints_nothing_but_its_own_words(demo: Demo) -> None:
    """No warning of a library, no traceback, no control character; nothing on stderr."""
    assert demo.complaints == ""
    assert "\x1b" not in demo.output and "\r" not in demo.output
    assert not re.search("warning|traceback|deprecat", demo.output, re.IGNORECASE)


def test_the_full_summary_tells_all_of_it(demo: Demo) -> None:
    console = Console(record=True, width=160)
    print_full_summary(Lakehouse(demo.settings), load_business(demo.settings.business_path), console)
    told = console.export_text()
    for said in (
        "features/customer_snapshots",
        "Refused rows",
        "ROC-AUC on the last mature cohort",
        f"Segments on {LAST}-31",
        "The ten riskiest customers",
    ):
        assert said in told


def test_every_table_is_there(demo: Demo) -> None:
    lakehouse, business = Lakehouse(demo.settings), load_business(demo.settings.business_path)
    counts = {t.path: lakehouse.count(t) for t in computed_tables(business)}
    # an outcome window of 45 days is no whole months, so there is no survival view, and a check says so
    without = {tables.EXPECTED_LIFETIMES.path, tables.RETENTION_CURVES.path, tables.LIFETIME_VALUES.path}
    # too few contacts for effects by customer
    without |= {tables.CUSTOMER_EFFECTS.path, tables.EFFECT_GROUPS.path}
    nobody_marked = {"bronze/app_contacts", "silver/app_contacts"}  # and nothing is late or unknown for it
    assert {path for path, rows in counts.items() if not rows} == without | nobody_marked
    balance = lakehouse.arrow(tables.RECONCILIATION).to_pylist()
    assert len(balance) == 6 * MONTHS
    assert all(r["balances"] for r in balance)
    snapshots = lakehouse.arrow(tables.CUSTOMER_SNAPSHOTS, ["customer_key", "as_of_date"])
    assert len(set(snapshots["as_of_date"].to_pylist())) == MONTHS - 5
    labels = lakehouse.arrow(tables.CHURN_LABELS, ["as_of_date", "label", "outcome"]).to_pylist()
    assert len(labels) == snapshots.num_rows
    assert {str(r["as_of_date"]) for r in labels if r["outcome"] == "pending"} == {"2026-04-30", "2026-05-31"}
    # nothing has matured since: a status, no number
    judged = lakehouse.arrow(tables.MODEL_PERFORMANCE).to_pylist()
    assert [(str(r["as_of_date"]), r["status"], r["auc"]) for r in judged] == [
        ("2026-05-31", "immature", None)
    ]
    # trained as of the end: honest scores exist for that month only
    scores = lakehouse.arrow(tables.CHURN_SCORES, ["as_of_date", "customer_key"]).to_pylist()
    assert {str(r["as_of_date"]) for r in scores} == {"2026-05-31"}
    segments = lakehouse.arrow(tables.CUSTOMER_SEGMENTS, ["customer_key", "segment"]).to_pylist()
    assert {r["customer_key"] for r in segments} == {r["customer_key"] for r in scores}
    assert len(segments) == len(scores)


def test_tables_hold_what_the_catalogue_says(demo: Demo) -> None:
    assert not_as_declared(Lakehouse(demo.settings), load_business(demo.settings.business_path)) == {}


def test_everything_that_the_demo_leaves_is_registered(demo: Demo) -> None:
    assert unregistered(demo.home, load_business(demo.settings.business_path)) == []


def test_the_model_is_tracked_and_in_charge(demo: Demo) -> None:
    with closing(sqlite3.connect(demo.home / "mlflow.db")) as db:
        runs = db.execute("SELECT status FROM runs").fetchall()
        alias = db.execute("SELECT alias, version FROM registered_model_aliases").fetchall()
    assert runs == [("FINISHED",)]
    assert alias == [("champion", 1)]


def test_the_commands_of_operations_tell_of_the_demo(demo: Demo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHURN_HOME", demo.settings.home)
    monkeypatch.setenv("CHURN_BUSINESS", demo.settings.business)
    monkeypatch.setenv("DAGSTER_HOME", str(demo.home / "dagster"))

    def told(*command: str) -> str:
        done = CliRunner().invoke(cli, command)
        assert done.exit_code == 0, done.output
        return done.output

    assert told("incident", "list") == "No incident is open.\n"
    assert told("audit", "verify").startswith("The audit is intact: ")
    assert " promotion model 1 " in told("audit", "list")
    assert "The run month_end ended." in told("log", "--last", "1000")
    figures = told("metrics")
    for line in ('churn_step_failed{asset="scores/churn_scores"} 0.0', 'churn_run_failed{job="train"} 0.0'):
        assert line in figures
    assert re.search(r'churn_step_rows{asset="scores/churn_scores"} [1-9]', figures)
    assert re.search(r'churn_source_rows{outcome="delivered",source="usage"} [1-9]', figures)


def test_personal_data_stay_where_they_are_named(demo: Demo) -> None:
    """Scan of every byte that is not landing zone, truth, or a table declared to be personal."""
    personal = personal_values(demo)
    places = [demo.home / p for p in ("mlflow.db", "mlartifacts", "dagster", "spark", "serving")]
    places += [
        table
        for table in (demo.home / "lake").glob("*/*")
        if f"{table.parent.name}/{table.name}" not in NAMED and table.parent.name not in NAMED
    ]
    found, scanned = [], 0
    for place in places:
        for file in [place] if place.is_file() else sorted(f for f in place.rglob("*") if f.is_file()):
            scanned += 1
            hit = personal.search(file.read_bytes())
            if hit:
                found.append((str(file.relative_to(demo.home)), hit[0]))
    assert scanned > 50
    assert found == []
    assert personal.search(demo.output.encode()) is None


def test_personal_values_stay_in_personal_tables(demo: Demo) -> None:
    """Parquet is compressed, so the values are looked at too; and the tables that may hold them do."""
    personal, holding = personal_values(demo), set()
    for folder in sorted((demo.home / "lake").glob("*/*")):
        table = DeltaTable(str(folder)).to_pyarrow_table()
        for column, field in zip(table.columns, table.schema, strict=True):
            values = column.cast("string") if pa.types.is_string(field.type) else None
            if values is not None and any(personal.search(v.encode()) for v in set(values.to_pylist()) if v):
                holding.add(f"{folder.parent.name}/{folder.name}")
    allowed = {name for name in holding if name in NAMED or name.startswith("bronze/")}
    assert holding == allowed
    assert {"bronze/customers", "silver/customer_identity", "silver/customer_keys"} <= holding
