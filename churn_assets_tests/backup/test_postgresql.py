"""What MLflow and Dagster keep in PostgreSQL is dumped and proved; where it cannot be, the backup fails a check."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from churn_assets.backup import databases
from churn_assets.backup.assets import COMPLETE
from churn_assets.backup.drills.run import run_drill
from churn_assets.backup.manifest import DAGSTER_DUMP, MLFLOW_DUMP
from churn_assets.backup.postgresql import (
    NotDumped,
    dagster_address,
    dump_all,
    mlflow_address,
    rows_of,
    table_of,
)
from churn_assets.backup.proving import prove
from churn_assets.backup.records import NOT_VERIFIED
from churn_assets.backup.restoring import restore
from churn_assets.local_servers.postgresql import SUPERUSER, PostgresqlServer, programs
from churn_assets.settings import Settings
from churn_assets_tests.backup.conftest import SmallHome
from churn_assets_tests.backup.test_nightly import run_night

pytestmark = pytest.mark.one_python(
    reason="PostgreSQL and restic do the work; other tests back up and restore on each Python"
)

needs_server = pytest.mark.skipif(
    programs() is None or not shutil.which("pg_dump"), reason="PostgreSQL is not installed"
)
PASSWORD = "a9Xk2Vq7Lm"
ODD = "tab\there, back\\slash, new\nline"
OF_DAGSTER = (
    "CREATE TABLE runs (id serial, run_id text, pipeline_name text, status text)",
    "INSERT INTO runs (run_id, pipeline_name, status) VALUES ('a1', 'ingest', 'SUCCESS'), ('b2', 'train', 'STARTED')",
    "CREATE TABLE instigators (selector_id text, status text, instigator_body text)",
    f"INSERT INTO instigators VALUES ('nightly', 'RUNNING', E'{ODD.encode('unicode_escape').decode()}')",
)
OF_MLFLOW = (
    "CREATE TABLE runs (run_uuid text)",
    "INSERT INTO runs VALUES ('r1'), ('r2')",
    "CREATE TABLE registered_model_aliases (name text, alias text, version int)",
    "INSERT INTO registered_model_aliases VALUES ('churn', 'champion', 3)",
    "CREATE TABLE model_versions (name text, version int, storage_location text, current_stage text)",
)


@pytest.fixture(scope="module")
def postgresql() -> Iterator[str]:
    """Host and port of a server that has both databases."""
    with PostgresqlServer(PASSWORD) as server:
        where = server.place.removesuffix("/postgres")
        for name, statements in (("dagster", OF_DAGSTER), ("mlflow", OF_MLFLOW)):
            with psycopg.connect(server.url, autocommit=True) as admin:
                admin.execute(f"CREATE DATABASE {name}".encode())
            with psycopg.connect(server.url.replace(server.place, f"{where}/{name}")) as database:
                for one in statements:
                    database.execute(one.encode())
        yield where


def _moved(home: SmallHome, where: str, password: str = PASSWORD) -> SmallHome:
    """The home with its Dagster and its MLflow in PostgreSQL."""
    shutil.rmtree(home.home / "dagster/history")
    shutil.rmtree(home.home / "dagster/schedules")
    host, port = where.split(":")
    (home.home / "dagster/dagster.yaml").write_text(
        "storage:\n  postgres:\n    postgres_db:\n"
        f"      username: {SUPERUSER}\n      password: {{env: DAGSTER_PG}}\n      hostname: {host}\n"
        f"      port: {port}\n      db_name: dagster\n"
    )
    own = {name: getattr(home.settings, name) for name in Settings.model_fields}
    uri = f"postgresql+psycopg2://{SUPERUSER}:{password}@{where}/mlflow"
    return SmallHome(Settings(**own | {"tracking_uri": uri}), home.business)


@needs_server
def test_what_lies_in_postgresql_is_held_and_proved(
    mine: SmallHome, postgresql: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAGSTER_PG", PASSWORD)
    home = _moved(mine, postgresql)
    held = home.back_up().manifest
    assert held.dumps == {
        MLFLOW_DUMP: {"runs": 2, "registered_model_aliases": 1, "model_versions": 0},
        DAGSTER_DUMP: {"runs": 2, "instigators": 1},
    }
    assert held.unsettled == ["train (b2) had not ended"]
    assert (held.runs, held.aliases) == ({"a1": "SUCCESS", "b2": "STARTED"}, {"churn": {"champion": "3"}})
    assert "mlflow.db" not in held.not_held and "dagster" not in held.not_held
    done = restore(home.settings, tmp_path / "back")
    told = {proof.name: proof.told for proof in done.proofs}
    assert "restored/dagster.dump has its 3 rows of 2 tables" in told["databases"]
    columns, rows = table_of(done.home / DAGSTER_DUMP, "instigators")
    assert dict(zip(columns, rows[0], strict=True))["instigator_body"] == ODD
    assert PASSWORD not in (done.home / "restored/settings.env").read_text()
    drilled = run_drill(home.house, "dagster-database-lost", "anna")
    assert drilled.record.verdict == NOT_VERIFIED and "lie in PostgreSQL" in drilled.told
    dump = done.home / DAGSTER_DUMP
    dump.write_bytes(dump.read_bytes()[: dump.stat().st_size * 2 // 3])
    [failed] = prove(home.settings, done.home, done.manifest, names=("databases",))
    assert not failed.passed and "cannot be read" in failed.told


@needs_server
def test_what_cannot_be_dumped_fails_the_check_and_is_named(
    mine: SmallHome, postgresql: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAGSTER_PG", "wrong")
    done, checks = run_night(_moved(mine, postgresql, "wrong"))
    assert done.success and not checks[COMPLETE].passed
    assert checks[COMPLETE].severity.name == "ERROR"
    told = str(checks[COMPLETE].metadata)
    assert "pg_dump failed" in told and "password authentication failed" in told and "wrong" not in told
    assert "nobody could tell whether runs were in flight" in told


def test_without_the_programs_the_remedy_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(NotDumped, match=r"pg_restore is not installed\. Install PostgreSQL's client"):
        rows_of(tmp_path / "mlflow.dump")


@pytest.mark.parametrize(
    ("content", "found"),
    [
        ("telemetry: {enabled: false}", None),
        ("event_log_storage: {module: churn_assets.deployment.event_log, class: EventLog}", None),
        ("storage: {sqlite: {base_dir: {env: DAGSTER_FOLDER}}}", None),
        (
            "storage: {postgres: {postgres_url: 'postgresql://u:p%2Fw@h:1/d?sslmode=require'}}",
            ("postgresql://u@h:1/d?sslmode=require", "p/w"),
        ),
        (
            "run_storage: {module: dagster_postgres, config: {postgres_db: {username: u, hostname: h, db_name: d}}}",
            ("postgresql://u@h:5432/d", None),
        ),
        (
            "storage: {postgres: {postgres_db: {username: u, password: p, hostname: h, db_name: d, params: {a: b}}}}",
            ("postgresql://u@h:5432/d?a=b", "p"),
        ),
    ],
)
def test_dagster_yaml_says_where_dagster_keeps_its_records(
    tmp_path: Path, content: str, found: tuple[str, str | None] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAGSTER_FOLDER", str(tmp_path / "dagster/storage"))
    (tmp_path / "dagster").mkdir()
    (tmp_path / "dagster/dagster.yaml").write_text(content)
    address = dagster_address(tmp_path)
    assert (address and (address.uri, address.password)) == found


@pytest.mark.parametrize(
    "uri",
    [
        "postgresql://u:hunter2@h/d?sslmode=require",
        "postgresql+psycopg2://u@h/d?password=hunter2&sslmode=require",
        "postgresql://u:former@h/d?password=first&password=hunter2&sslmode=require",
    ],
)
def test_no_client_has_a_password_among_its_arguments(
    tmp_path: Path, uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Everybody on the machine sees them, as in `ps`."""
    seen = tmp_path / "seen"
    for name in ("pg_dump", "psql"):
        program = tmp_path / name
        program.write_text(f'#!/bin/sh\necho "$@ / $PGPASSWORD" >> {seen}\n')
        program.chmod(0o700)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("DAGSTER_PG", uri)
    (tmp_path / "dagster").mkdir()
    (tmp_path / "dagster/dagster.yaml").write_text("storage: {postgres: {postgres_url: {env: DAGSTER_PG}}}")
    settings = Settings(home=str(tmp_path), tracking_uri=uri)
    assert not dump_all(settings, tmp_path / "copy")
    assert databases.running(tmp_path) == {}
    told = [line.rpartition(" / ") for line in seen.read_text().splitlines()]
    assert [password for _, _, password in told] == ["hunter2"] * 3
    assert not [arguments for arguments, _, _ in told if "hunter2" in arguments or "former" in arguments]
    assert all("postgresql://u@h/d?sslmode=require" in arguments for arguments, _, _ in told)


def test_a_secret_that_clients_take_as_an_argument_only_is_not_passed() -> None:
    with pytest.raises(NotDumped, match="has sslpassword, which others on this machine would see"):
        mlflow_address(Settings(tracking_uri="postgresql://u@h/d?sslkey=k&sslpassword=hunter2"))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("storage: {mysql: {mysql_url: x}}", "a storage that is no PostgreSQL"),
        ("storage: {postgres: {postgres_url: {env: NOT_SET_HERE}}}", "NOT_SET_HERE, which is not set here"),
        ("storage: {postgres: {postgres_db: {username: u}}}", "without username, hostname or db_name"),
        ("storage: {sqlite: {base_dir: /srv/x}}", "puts Dagster's records into /srv/x"),
        ("storage: [", "cannot be read"),
    ],
)
def test_a_storage_of_dagster_that_cannot_be_held_is_named(mine: SmallHome, content: str, said: str) -> None:
    (mine.home / "dagster/dagster.yaml").write_text(content)
    held = mine.back_up().manifest
    assert said in held.not_held["dagster"] and held.unsettled
    with pytest.raises(NotDumped):
        databases.running(mine.home)


def test_an_mlflow_elsewhere_is_named_without_its_password(mine: SmallHome) -> None:
    own = {name: getattr(mine.settings, name) for name in Settings.model_fields}
    uri = "https://anna:hunter2@mlflow.example.com"
    home = SmallHome(Settings(**own | {"tracking_uri": uri}), mine.business)
    told = home.back_up().manifest.not_held["mlflow.db"]
    assert told == "CHURN_TRACKING_URI is https://***@mlflow.example.com: back it up where it lies"
    assert mlflow_address(mine.settings) is None and "hunter2" not in os.environ


def test_a_lake_in_a_bucket_is_named_with_what_covers_it(mine: SmallHome) -> None:
    own = {name: getattr(mine.settings, name) for name in Settings.model_fields}
    home = SmallHome(Settings(**own | {"lake": "s3a://bucket/lake"}), mine.business)
    told = home.back_up().manifest.not_held["lake"]
    assert told == "CHURN_LAKE is not on this machine: turn on versioning and replication of its bucket"
