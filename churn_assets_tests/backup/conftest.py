"""A small home with something of each kind of store, and its backup; made without an engine and without MLflow."""

import shutil
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from churn_assets.backup.taking import Backup, back_up
from churn_assets.contracts.business import Business
from churn_assets.contracts.loader import load_business
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.operations.audit.chain import record
from churn_assets.settings import BackupSettings, Settings
from churn_assets_tests.backup.cheap import cheapen
from churn_assets_tests.lakes import business_copy, write_csv

PASSWORD = "correct horse"
RUN = "6b1c0000-0000-4000-8000-000000000001"
SCHEMA_OF_RUNS = "CREATE TABLE runs (run_id TEXT, pipeline_name TEXT, status TEXT)"
SCHEMA_OF_SCHEDULES = "CREATE TABLE instigators (selector_id TEXT, status TEXT, instigator_body TEXT)"


@dataclass(frozen=True)
class SmallHome:
    """A home with its repository."""

    settings: Settings
    business: Business

    @property
    def home(self) -> Path:
        """CHURN_HOME."""
        return self.settings.home_path

    @property
    def house(self) -> Lakehouse:
        """Its lake."""
        return Lakehouse(self.settings)

    @property
    def repository(self) -> Path:
        """The folder of the repository."""
        return Path(str(self.settings.backup.repository))

    def variables(self) -> dict[str, str]:
        """The environment in which commands work on it."""
        return {
            "CHURN_HOME": self.settings.home,
            "CHURN_BUSINESS": self.settings.business,
            "CHURN_BACKUP_REPOSITORY": str(self.repository),
            "CHURN_BACKUP_PASSWORD": PASSWORD,
            "CHURN_BACKUP_WAIT_MINUTES": "0",
        }

    def back_up(self) -> Backup:
        """A backup."""
        return back_up(self.settings, self.business)

    def copy(self, folder: Path) -> "SmallHome":
        """The home and its repository once more, to be damaged."""
        shutil.copytree(self.home, folder / "home")
        shutil.copytree(self.repository, folder / "repository")
        backup = self.settings.backup.model_copy(update={"repository": str(folder / "repository")})
        own = {name: getattr(self.settings, name) for name in Settings.model_fields}
        return SmallHome(Settings(**own | {"home": str(folder / "home"), "backup": backup}), self.business)

    def add_performance(self, month_end: date) -> None:
        """One more row, as a run writes it."""
        row = {"as_of_date": month_end, "model_version": "1", "status": "ok", "n": 40, "auc": 0.71}
        rows = tables.MODEL_PERFORMANCE.rows([row])
        self.house.replace_rows(tables.MODEL_PERFORMANCE, rows, "as_of_date", [month_end], run_id="test")


def small_home(folder: Path) -> SmallHome:
    """A home with landing, two tables, Dagster's files, keys and an audit; no backup yet."""
    backup = BackupSettings(repository=str(folder / "repository"), password=PASSWORD, wait_minutes=0)
    business = business_copy(folder)
    settings = Settings(home=str(folder / "home"), business=str(business), backup=backup)
    found = SmallHome(settings, load_business(business))
    write_csv(settings.landing_uri, "usage", "2025-01-31", [{"customer_id": "C0000001", "data_mb": 7}])
    champion = {
        "decided_at": datetime(2025, 2, 1, tzinfo=UTC),
        "in_charge_from": date(2025, 1, 31),
        "model_version": "1",
        "trained_as_of": date(2025, 1, 31),
        "promoted": True,
        "why": "first",
        "by": "test",
    }
    found.house.append_rows(tables.CHAMPIONS, tables.CHAMPIONS.rows([champion]), run_id="test")
    for day in (date(2025, 1, 31), date(2025, 2, 28)):
        found.add_performance(day)
    _database(found.home / "dagster/history/runs.db", SCHEMA_OF_RUNS, ("runs", [(RUN, "ingest", "SUCCESS")]))
    _database(
        found.home / f"dagster/history/runs/{RUN}.db", "CREATE TABLE events (id INTEGER)", ("events", [(1,)])
    )
    schedules = ("instigators", [("nightly", "RUNNING", "{}")])
    _database(found.home / "dagster/schedules/schedules.db", SCHEMA_OF_SCHEDULES, schedules)
    (found.home / "api").mkdir()
    (found.home / "api/keys.json").write_text('{"keys": []}')
    record(settings, "promotion", "test", "1")
    return found


def _database(file: Path, schema: str, filled: tuple[str, list[tuple[object, ...]]]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    table, rows = filled
    with closing(sqlite3.connect(file)) as database, database:
        database.execute("PRAGMA journal_mode = WAL")
        database.execute(schema)
        marks = ", ".join("?" * len(rows[0]))
        database.executemany(f"INSERT INTO {table} VALUES ({marks})", rows)


@pytest.fixture(scope="session")
def backed_up(tmp_path_factory: pytest.TempPathFactory) -> SmallHome:
    """A home with one backup; tests look at it and change nothing. What they change they copy."""
    found = small_home(tmp_path_factory.mktemp("backed-up"))
    found.back_up()
    cheapen(found.repository, PASSWORD)
    return found


@pytest.fixture
def mine(backed_up: SmallHome, tmp_path: Path) -> SmallHome:
    """A copy of the home and its repository."""
    return backed_up.copy(tmp_path)
