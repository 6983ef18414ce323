"""The assets of extracts: upstream of bronze, with evidence, and the same tables as from files."""

import sqlite3
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg
import pandas as pd
import pytest

from churn_assets.automation import schedules
from churn_assets.automation.jobs import extract_job
from churn_assets.automation.schedules import extract_schedules
from churn_assets.bronze.assets import bronze_assets
from churn_assets.contracts.contract import load_source
from churn_assets.contracts.loader import load_business
from churn_assets.contracts.source import Source
from churn_assets.contracts.topic import SourceTopic
from churn_assets.extracts.asking import asker_of
from churn_assets.extracts.assets import extract_assets
from churn_assets.extracts.checks import not_answered
from churn_assets.extracts.due import is_due
from churn_assets.graph.partitions import range_tags
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.months import add_months, month_of
from churn_assets.runs import MonthsError, require_months
from churn_assets.settings import Settings
from churn_assets.silver.conform import conform
from churn_assets.simulator.plan import DirtRates, SimulationPlan
from churn_assets.simulator.telecom import simulate_telecom
from churn_assets.sources.landing import list_extracts
from churn_assets.sources.live.errors import ExtractError
from churn_assets.sources.live.extract import extract_new
from churn_assets.sources.live.records import Record, records
from churn_assets_tests.checks import evaluations
from churn_assets_tests.lakes import edit_yaml, settings_for, small_business, to_bronze
from churn_assets_tests.sources.databases.shop import contract

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.one_engine(
    reason="extracts are files; readers and silver have tests on both engines"
)

CANARY = "Kanarienvogel-4711"


def _in_database(file: Path, location: str, **own: Any) -> None:
    """Lets a contract take its rows from a database."""

    def edit(content: dict[str, Any]) -> None:
        asked = [{"property": name, "value": value} for name, value in own.items()]
        content["servers"] = [
            {"server": "crm", "type": "sqlite", "location": location, "customProperties": asked}
        ]

    edit_yaml(file, edit)


@pytest.fixture
def crm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A business whose customers are a table, in a calendar that holds today; the path of the file is a secret."""
    this = month_of(datetime.now(UTC).date())
    business = small_business(tmp_path, calendar={"start": add_months(this, -5)})
    file = tmp_path / CANARY / "crm.db"
    file.parent.mkdir()
    monkeypatch.setenv("CRM_URL", f"sqlite:///{file}")
    _in_database(business / "contracts" / "customers.yaml", "${CRM_URL}", table="customers")
    with sqlite3.connect(file) as connection:
        connection.execute("CREATE TABLE customers (customer_id TEXT, status TEXT, region TEXT, note TEXT)")
        connection.executemany(
            "INSERT INTO customers VALUES (?, 'active', 'north', 'x')", [(f"C{n}",) for n in range(1, 6)]
        )
    connection.close()
    return settings_for(tmp_path, business)


def _run(settings: Settings, months: tuple[str, str]) -> dg.ExecuteInProcessResult:
    business = load_business(settings.business_path)
    bronze = tables.bronze(business.source("customers")).key
    return dg.materialize(
        [*extract_assets(business), *bronze_assets(business)],
        selection=dg.AssetSelection.assets(["extracts", "customers"], bronze),
        resources={"lakehouse": Lakehouse(settings)},
        tags=range_tags(months),
        raise_on_error=False,
    )


def test_an_extract_comes_before_bronze_and_tells_its_evidence(
    spark: "SparkSession", crm: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    this = month_of(datetime.now(UTC).date())
    done = _run(crm, (this, this))
    assert done.success
    held = Lakehouse(crm).arrow(tables.bronze(load_business(crm.business_path).source("customers")))
    assert sorted(held["customer_id"].to_pylist()) == [f"C{n}" for n in range(1, 6)]
    [made] = done.asset_materializations_for_node("extracts__customers")
    told = {name: entry.value for name, entry in made.metadata.items()}
    assert (told["dagster/row_count"], told["columns that the contract does not name"]) == (5, "note")
    assert told["bytes"] > 0 and told["seconds"] >= 0
    found = evaluations(done)
    for name in ("source_answered", "columns_as_before", "months_can_be_asked"):
        assert found[f"extracts/customers:{name}"].passed
    assert "extracts/customers:cursor_moved" not in found
    assert CANARY not in str(done.all_events) + caplog.text


def test_a_month_that_cannot_be_asked_again_is_told_and_its_extracts_stay(
    spark: "SparkSession", crm: Settings
) -> None:
    this = month_of(datetime.now(UTC).date())
    assert _run(crm, (this, this)).success
    done = _run(crm, (add_months(this, -1), this))
    told = evaluations(done)["extracts/customers:months_can_be_asked"]
    assert done.success and not told.passed
    assert "holds today's rows only" in str(told.description)
    assert len(records(crm.landing_uri, load_business(crm.business_path).source("customers"))) == 1


def test_a_source_that_does_not_answer_is_a_failed_check_without_secrets(
    crm: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    business = load_business(crm.business_path)
    with sqlite3.connect(crm.home_path / CANARY / "crm.db") as connection:
        connection.execute("DROP TABLE customers")
    connection.close()
    this = month_of(datetime.now(UTC).date())
    done = dg.materialize(
        extract_assets(business),
        resources={"lakehouse": Lakehouse(crm)},
        tags=range_tags([this, this]),
        raise_on_error=False,
    )
    told = evaluations(done)["extracts/customers:source_answered"]
    assert not done.success and not told.passed
    assert "There is no table customers." in str(told.description)
    assert CANARY not in str(done.all_events) + caplog.text


def _unreadable(landing: str, source: Source) -> Record | None:
    raise ExtractError(f"The store does not give a file of {source.name}.")


def test_only_a_business_with_databases_has_their_job_and_schedule(
    crm: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    business = load_business(crm.business_path)
    assert [job.name for job in extract_job(business)] == ["extract"]
    [schedule] = extract_schedules(business)
    evening = datetime(*datetime.now(UTC).timetuple()[:3], 23, 15, tzinfo=UTC)
    lakehouse = Lakehouse(crm)
    with dg.build_schedule_context(
        scheduled_execution_time=evening, resources={"lakehouse": lakehouse}
    ) as ask:
        request = schedule(ask)
    assert isinstance(request, dg.RunRequest)
    assert request.asset_selection == [dg.AssetKey(["extracts", "customers"])]
    monkeypatch.setattr(schedules, "newest_record", _unreadable)
    with dg.build_schedule_context(
        scheduled_execution_time=evening, resources={"lakehouse": lakehouse}
    ) as ask:
        assert isinstance(schedule(ask), dg.RunRequest)  # the step tells what cannot be read
    telecom = settings_for(tmp_path)
    files = load_business(telecom.business_path)
    assert (extract_job(files), extract_schedules(files), extract_assets(files)) == ([], [], [])
    with pytest.raises(MonthsError, match="nothing to extract"):
        require_months(telecom, ["extract"], ["2025-01"])


@pytest.mark.parametrize(
    ("frequency", "last", "today", "due"),
    [
        (1, "2026-03-09", "2026-03-10", True),
        (1, "2026-03-10", "2026-03-10", False),
        (7, "2026-03-09", "2026-03-12", False),
        (7, "2026-03-09", "2026-03-16", True),
        (31, "2026-02-28", "2026-03-30", False),
        (31, "2026-02-28", "2026-03-31", True),
        (31, "2026-01-31", "2026-02-28", True),  # 28 days later, but the month ends
        (31, None, "2026-03-12", True),
        (7, "2036-03-09", "2026-03-12", True),  # the clock was ten years ahead
        (1, "2026-03-31", "2026-03-31", True),  # somebody asked in the morning, and the month is not over
    ],
)
def test_a_source_is_due_by_its_frequency_and_at_the_end_of_a_month(
    tmp_path: Path, frequency: int, last: str | None, today: str, due: bool
) -> None:
    source = contract(tmp_path, "sqlite:///x.db")
    object.__setattr__(source, "frequency_days", frequency)
    taken = Record("a", datetime.fromisoformat(f"{last}T23:15:00+00:00"), 1, None, None, {}) if last else None
    assert is_due(source, taken, date.fromisoformat(today)) is due


def test_a_topic_is_read_every_evening(tmp_path: Path) -> None:
    """Also when `live` has landed some of the day and was stopped since."""
    source = contract(tmp_path, "sqlite:///x.db")
    topic = SourceTopic("broker:9092", "orders", "plaintext", "SCRAM-SHA-512", None, None, None, None)
    live = Record("a", datetime(2026, 3, 10, 12, tzinfo=UTC), 1, None, None, {})
    assert not is_due(source, live, date(2026, 3, 10))
    assert is_due(replace(source, origin=topic), live, date(2026, 3, 10))


def _loaded(folder: Path, source: Source, landing: Path, other: Path, file: Path) -> Source:
    """Extracts each extract of a source of files once more, from a table that holds its rows."""
    name = source.name
    declared = folder / "contracts" / f"{name}.yaml"
    _in_database(
        declared,
        f"sqlite:///{file}",
        table=name,
        **({} if source.delivery == "full" else {"cursor": "seq", "overlap": 0}),
    )
    live, number = load_source(declared), 0
    for extract in list_extracts(str(landing), source):
        rows = pd.read_csv(extract.path, dtype=str, keep_default_na=False).replace("", None)
        rows["seq"] = range(number, number + len(rows))
        number += len(rows) + 1
        with sqlite3.connect(file) as connection:
            rows.to_sql(name, connection, index=False, if_exists="replace")
        connection.close()
        draft = other.parent / "draft" / f"{name}-{extract.extract_date}-{number}"
        draft.mkdir(parents=True)
        now = datetime.combine(extract.extract_date, datetime.min.time(), UTC) + timedelta(
            hours=23, seconds=number % 60
        )
        extract_new(asker_of(live), str(other), str(draft), now)
    return live


def _without_decade(content: dict[str, Any]) -> None:
    """Leaves out the column whose SQL reads a day as text; a database gives days as days."""
    table = content["schema"][0]
    table["properties"] = [p for p in table["properties"] if p["name"] != "birth_decade"]


def test_a_database_gives_the_same_rows_as_files(spark: "SparkSession", tmp_path: Path) -> None:
    """Up to the typed rows that silver judges, the refused ones included."""
    both: list[dict[str, list[str]]] = []
    names, months = ("customers", "subscriptions"), ["2025-01", "2025-02", "2025-03"]
    files: dict[str, Source] = {}
    for home in ("files", "database"):
        folder = small_business(tmp_path, calendar={"start": "2025-01", "end": "2025-12"}, protected=None)
        edit_yaml(folder / "contracts" / "customers.yaml", _without_decade)
        settings = settings_for(tmp_path / home, folder)
        landing = Path(settings.landing_uri)
        if home == "files":
            plan = SimulationPlan(
                customers=60, start=date(2025, 1, 1), months=3, seed=3, dirt=DirtRates.none()
            )
            simulate_telecom(plan, landing, tmp_path / "truth")
            files = {name: load_business(folder).source(name) for name in names}
        else:
            for source in files.values():
                _loaded(folder, source, tmp_path / "files" / "landing", landing, tmp_path / "crm.db")
        lakehouse, business = Lakehouse(settings), load_business(folder)
        to_bronze(lakehouse, business, months, names)
        found = {}
        for source in map(business.source, names):
            columns = [*(c.name for c in source.columns), "extract_date", "refused_rule"]
            rows = conform(lakehouse.read(tables.bronze(source)), source).select(*columns)
            found[source.name] = sorted(map(str, rows.toArrow().to_pylist()))
        both.append(found)
    of_files, of_database = both
    assert all(len(rows) > 60 for rows in of_files.values())
    assert of_files == of_database


def test_the_remedy_names_all_months_that_are_still_to_be_asked() -> None:
    several = str(not_answered(["2026-02", "2026-03", "2026-04"], ExtractError("No answer.")))
    assert "`churn-assets run extract --from 2026-02 --to 2026-04`" in several
    assert "`churn-assets run extract --from 2026-04`" in str(
        not_answered(["2026-04"], ExtractError("No answer."))
    )
