"""A month that is not known never looks like a month without rows: what passes, is refused, and waits for it."""

import shutil
from collections.abc import Iterable, Iterator
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg
import pytest

from churn_assets.bronze.assets import FILES_FIT, FILES_READ
from churn_assets.cli.known_until import delivered_once
from churn_assets.contracts.loader import load_business
from churn_assets.contracts.mistakes import DeclarationErrors
from churn_assets.features.assets import EVERY_SOURCE_COMPLETE
from churn_assets.history.known_until import (
    Known,
    SourceState,
    already_due,
    known,
    missing_history,
    not_passed,
    perhaps_younger,
    source_states,
)
from churn_assets.history.punctuality import punctuality
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.lakehouse.tables import Table
from churn_assets.months import month_end, month_range
from churn_assets.settings import SHIPPED_BUSINESSES
from churn_assets.silver.assets import CONTRACT_RULES
from churn_assets.silver.audit import MonthAudit, judge
from churn_assets.silver.reconciliation_rows import ReconciledMonth, record_months
from churn_assets_tests.checks import evaluations, latest_status
from churn_assets_tests.lakes import (
    deliver_once,
    edit_yaml,
    settings_for,
    small_business,
    write_csv,
    write_jsonl,
)
from churn_assets_tests.silver.rows import customer, subscription, ticket
from churn_assets_tests.worlds import Lake, failures

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.one_engine(reason="runs jobs; `make parity` compares what jobs write")
INGEST = dg.AssetSelection.groups("bronze", "silver", "gold")
SNAPSHOTS = dg.AssetSelection.assets(["features", "customer_snapshots"])
WINDOWS = {"observation_months": 2, "gap_days": 7, "outcome_days": 30, "settlement_days": 3}
EVERYBODY = 20


@pytest.fixture
def lake(spark: "SparkSession", tmp_path: Path) -> Lake:
    """Customers, subscriptions that deliver changes, and tickets; windows of two months."""
    folder = small_business(
        tmp_path, windows=WINDOWS, eligibility={"min_tenure_days": 0, "exclude_in_notice": False}
    )
    edit_yaml(folder / "contracts" / "subscriptions.yaml", _any_volume)
    settings = settings_for(tmp_path, folder)
    return Lake(settings, load_business(folder))


def _any_volume(contract: dict[str, Any]) -> None:
    table = contract["schema"][0]
    table["quality"] = [q for q in table["quality"] if q["implementation"]["rule"] != "volume"]


def deliver(lake: Lake, months: Iterable[str], without: str = "") -> None:
    """Everybody's subscription is told of in January alone; later extracts tell of one change each."""
    landing = lake.settings.landing_uri
    for month in months:
        day, first = str(month_end(month)), month == "2025-01"
        write_csv(landing, "customers", day, [customer(n) for n in range(EVERYBODY)])
        write_jsonl(landing, "tickets", day, [ticket(int(month[-2:]), "NATID0001", f"{day}T10:00:00Z")])
        if without != "subscriptions":
            told = range(EVERYBODY) if first else [int(month[-2:])]
            write_csv(landing, "subscriptions", day, [subscription(n) for n in told])


def materialised(instance: dg.DagsterInstance, table: Table) -> set[str]:
    """Partitions of a table that Dagster shows as materialised."""
    return set(instance.get_materialized_partitions(dg.AssetKey(table.key)))


def snapshots(lake: Lake, month: str) -> int:
    """Customers with a snapshot at the end of the month."""
    frame = lake.frame(tables.CUSTOMER_SNAPSHOTS, ["as_of_date"])
    return int((frame["as_of_date"] == month_end(month)).sum())


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    """Holds the events of all runs of a test."""
    with dg.DagsterInstance.ephemeral() as found:
        yield found


def test_a_refused_month_takes_no_good_month_with_it_and_nothing_is_computed_without_it(
    lake: Lake, instance: dg.DagsterInstance
) -> None:
    """Subscriptions lack March. January names every customer, and a window of two months does not reach it."""
    deliver(lake, ["2025-01", "2025-02"])
    deliver(lake, ["2025-03"], without="subscriptions")
    source = lake.business.source("subscriptions")
    silver = tables.silver(source)
    first = lake.run(INGEST, ["2025-01", "2025-02", "2025-03"], instance=instance)
    [(step, told)] = failures(first).items()
    assert step == "silver__subscriptions"
    assert "subscriptions 2025-03: missing" in told and "Committed: 2025-01 to 2025-02." in told
    assert "`churn-assets run ingest --from 2025-03`" in told
    found = evaluations(first)[f"{silver.path}:{CONTRACT_RULES}"]
    assert not found.passed and found.metadata["months committed"].value == "2025-01 to 2025-02"
    assert materialised(instance, silver) == {"2025-01", "2025-02"}
    assert lake.lakehouse.count(silver) == EVERYBODY + 1
    for name in ("customers", "tickets"):
        other = tables.silver(lake.business.source(name))
        assert materialised(instance, other) == {"2025-01", "2025-02", "2025-03"}
    states = {s.source: s for s in source_states(lake.lakehouse, lake.business, "2025-03")}
    assert states["customers"].until == month_end("2025-03")
    assert states["subscriptions"].until == month_end("2025-02")
    assert states["subscriptions"].refused_by == {"2025-03": "missing"}

    # the good months are there to be used
    assert lake.run(SNAPSHOTS, ["2025-02"], instance=instance).success
    assert snapshots(lake, "2025-02") == EVERYBODY

    # April passes, but whoever needs March waits for it
    deliver(lake, ["2025-04"])
    gold = failures(lake.run(INGEST, ["2025-04"], instance=instance))
    assert {step.partition("__")[0] for step in gold} == {"gold"}
    assert all("(subscriptions: 2025-03)" in why for why in gold.values()), gold
    for month in ("2025-03", "2025-04"):
        refused = lake.run(SNAPSHOTS, [month], instance=instance)
        [why] = failures(refused).values()
        assert "(subscriptions: 2025-03)" in why
        assert "`churn-assets run ingest --from 2025-03`" in why
        check = evaluations(refused)[f"{tables.CUSTOMER_SNAPSHOTS.path}:{EVERY_SOURCE_COMPLETE}"]
        assert not check.passed and "| subscriptions | 2025-03 |" in str(
            check.metadata["not passed silver"].value
        )

    # March arrives
    deliver(lake, ["2025-03"])
    again = lake.run(INGEST, ["2025-03"], instance=instance)
    assert again.success, failures(again)
    assert materialised(instance, silver) == {"2025-01", "2025-02", "2025-03", "2025-04"}
    months = lake.frame(tables.CUSTOMER_MONTHS, ["month"])["month"].value_counts().to_dict()
    assert months == {f"2025-0{m}": EVERYBODY for m in range(1, 5)}, "and those that earlier runs left out"
    assert lake.run(SNAPSHOTS, ["2025-04"], instance=instance).success
    assert snapshots(lake, "2025-04") == EVERYBODY


def test_history_that_was_never_ingested_is_not_a_business_without_customers(
    lake: Lake, instance: dg.DagsterInstance
) -> None:
    """The landing zone holds January; only the months of the window were ingested."""
    deliver(lake, ["2025-01", "2025-02", "2025-03"])
    lake.run(dg.AssetSelection.groups("bronze", "silver"), ["2025-02", "2025-03"], instance=instance)
    [why] = failures(lake.run(SNAPSHOTS, ["2025-03"], instance=instance)).values()
    assert "(subscriptions: 2025-01)" in why and "`churn-assets run ingest --from 2025-01`" in why


def test_what_counts_all_events_waits_for_every_month_of_them(
    lake: Lake, instance: dg.DagsterInstance
) -> None:
    """Tickets lack January. No window reaches it, but gold/customers counts the tickets of all time."""
    months = month_range("2025-01", "2025-04")
    deliver(lake, months)
    january = Path(lake.settings.landing_uri) / "tickets" / "extract_date=2025-01-31" / "part-1.jsonl"
    kept = january.rename(lake.settings.home_path / "kept.jsonl")
    ingest = dg.AssetSelection.groups("bronze", "silver")
    assert "silver__tickets" in failures(lake.run(ingest, months, instance=instance))
    assert missing_history(lake.business, known(lake.lakehouse, lake.business), "2025-04", "2025-04") == {}
    table = tables.customers(lake.business)
    customers = dg.AssetSelection.assets(table.key)
    [why] = failures(lake.run(customers, months[-1:], instance=instance)).values()
    assert "(tickets: 2025-01)" in why
    assert why.endswith(
        "If tickets began later, declare its first day as `generalAvailability` in its contract."
    )
    kept.rename(january)
    lake.run(ingest, months[:1], instance=instance)
    assert lake.run(customers, months[-1:], instance=instance).success
    assert lake.frame(table, ["tickets_total"])["tickets_total"].sum() == len(months)


def test_a_file_that_cannot_be_read_costs_its_month_of_its_source_alone(
    lake: Lake, instance: dg.DagsterInstance
) -> None:
    deliver(lake, ["2025-01", "2025-02"])
    bad = write_csv(lake.settings.landing_uri, "subscriptions", "2025-02-27", [{"other": "1"}], "bad")
    run = lake.run(dg.AssetSelection.groups("bronze", "silver"), ["2025-01", "2025-02"], instance=instance)
    [(step, told)] = failures(run).items()
    assert step == "silver__subscriptions"
    assert "subscriptions 2025-02: unread: bronze lacks 1 file." in told
    assert "bad.csv lacks required columns" in told and "Committed: 2025-01." in told
    source = lake.business.source("subscriptions")
    assert latest_status(instance, tables.bronze(source), FILES_READ) == "FAILED"
    assert materialised(instance, tables.silver(source)) == {"2025-01"}
    other = tables.silver(lake.business.source("customers"))
    assert materialised(instance, other) == {"2025-01", "2025-02"}
    bad.unlink()
    assert lake.run(dg.AssetSelection.groups("bronze", "silver"), ["2025-02"], instance=instance).success
    assert latest_status(instance, tables.bronze(source), FILES_READ) == "SUCCEEDED"
    assert not any(state.missing for state in source_states(lake.lakehouse, lake.business, "2025-02"))


def test_a_misnamed_file_costs_the_month_that_its_name_tells_alone(
    lake: Lake, instance: dg.DagsterInstance
) -> None:
    """If its name tells no month, none waits for it, and the check says so."""
    months = ["2025-01", "2025-02", "2025-03"]
    deliver(lake, months)
    source = lake.business.source("tickets")
    stray = Path(lake.settings.landing_uri) / "tickets" / "tickets_20250228.jsonl"
    stray.write_text("{}\n")
    first = lake.run(INGEST, months, instance=instance)
    told = failures(first)
    assert "silver__tickets" in told and not [step for step in told if step.startswith("bronze")]
    assert "tickets 2025-02: unread" in told["silver__tickets"] and stray.name in told["silver__tickets"]
    assert materialised(instance, tables.silver(source)) == {"2025-01", "2025-03"}
    bronze = tables.bronze(source)
    assert materialised(instance, bronze) == {*months}
    assert not evaluations(first)[f"{bronze.path}:{FILES_FIT}"].passed
    nameless = stray.rename(stray.with_name("old.jsonl"))
    again = lake.run(INGEST, months, instance=instance)
    assert again.success, failures(again)
    check = evaluations(again)[f"{bronze.path}:{FILES_FIT}"]
    assert not check.passed
    assert f"Nothing tells of which month tickets/{nameless.name} is" in check.description


def test_what_was_delivered_once_holds_on_and_says_how_old_it_is(tmp_path: Path) -> None:
    """A single export of customers beside monthly events: no later month is missing."""
    folder = small_business(tmp_path)
    edit_yaml(folder / "contracts" / "customers.yaml", deliver_once)
    business, house = load_business(folder), Lakehouse(settings_for(tmp_path, folder))
    source, months = business.source("customers"), month_range("2025-01", "2025-06")
    nothing = Known(set(), "2025-01")
    assert not_passed(business, source, nothing, months) == months, "it has to come once"
    [row] = [ReconciledMonth("customers", "2025-02", 9, 9, 0, 0, [date(2025, 2, 20)], True)]
    record_months(house, source, [row], ["2025-02"], "run")
    state = next(s for s in source_states(house, business, "2025-06") if s.source == "customers")
    assert (state.until, state.missing, state.once_on) == (date(2025, 6, 30), [], date(2025, 2, 20))
    assert delivered_once(state, date(2025, 7, 1)) == "delivered once, on 2025-02-20, 131 days ago"
    refused = Known({("customers", "2025-02")}, "2025-01", {("customers", "2025-05")})
    assert not_passed(business, source, refused, months) == ["2025-05"], "a newer export that was refused"
    on_time = punctuality(business, source, [date(2025, 2, 20)], date(2025, 9, 1))
    assert on_time.days_late == 0 and "delivered once, on 2025-02-20" in on_time.why
    assert punctuality(business, source, [], date(2025, 9, 1)).days_late > 0
    audit = MonthAudit("customers", "2025-03")
    assert judge(source, audit, {"2025-02": 9}, {date(2025, 2, 20): 9}, "2025-01", date(2025, 9, 1)) == []


def test_only_an_entity_may_be_delivered_once(tmp_path: Path) -> None:
    """Nobody would know which subscriptions ended since, so all would look loyal."""
    folder = small_business(tmp_path)
    edit_yaml(folder / "contracts" / "subscriptions.yaml", deliver_once)
    with pytest.raises(DeclarationErrors, match="a source of role spell cannot be delivered once"):
        load_business(folder)


def test_what_delivers_as_needed_lacks_only_what_it_delivered(tmp_path: Path) -> None:
    """Silence is no missing month; a file that lies there and has not passed is one."""
    folder = small_business(tmp_path)
    shutil.copy(SHIPPED_BUSINESSES / "telecom" / "contracts" / "app_contacts.yaml", folder / "contracts")
    settings = settings_for(tmp_path, folder)
    business, house = load_business(folder), Lakehouse(settings)
    source, months = business.source("app_contacts"), month_range("2025-01", "2025-06")

    def state() -> SourceState:
        return next(s for s in source_states(house, business, "2025-06") if s.source == source.name)

    assert (state().until, state().missing) == (None, []), "not in use: nothing is known, nothing is missing"
    write_csv(settings.landing_uri, source.name, "2025-03-09", [{"mark_id": "1"}])
    assert not_passed(business, source, known(house, business), months) == ["2025-03"]
    [row] = [ReconciledMonth(source.name, "2025-03", 1, 1, 0, 0, [date(2025, 3, 9)], True)]
    record_months(house, source, [row], ["2025-03"], "run")
    assert (state().until, state().missing) == (date(2025, 6, 30), [])
    refused = Known(set(), "2025-01", {(source.name, "2025-03")})
    assert not_passed(business, source, refused, months) == ["2025-03"]
    quiet = MonthAudit(source.name, "2025-04")
    assert judge(source, quiet, {"2025-03": 1}, {date(2025, 3, 9): 1}, "2025-01", date(2025, 9, 1)) == []


@pytest.mark.parametrize(
    ("passed", "younger"),
    [
        (["2025-03", "2025-04"], ["tickets"]),
        (["2025-01", "2025-03"], []),  # a gap in its history
        ([], []),  # it never came
    ],
)
def test_a_source_may_be_younger_if_it_lacks_months_before_its_first_one_alone(
    passed: list[str], younger: list[str]
) -> None:
    now = Known({("tickets", month) for month in passed}, "2025-01")
    missing = [m for m in ("2025-01", "2025-02") if m not in passed]
    assert perhaps_younger(now, {"tickets": missing}) == younger


def test_a_month_that_was_refused_is_not_excused_because_it_is_not_due(tmp_path: Path) -> None:
    """A cross-check may refuse an open month whose rows are in silver: gold must not show them."""
    business = load_business(small_business(tmp_path))
    missing = {"tickets": ["2025-03", "2025-04"], "customers": ["2025-04"]}
    today = date(2025, 4, 20)
    assert already_due(business, missing, today) == {"tickets": ["2025-03"]}
    refused = {("tickets", "2025-04")}
    assert already_due(business, missing, today, refused) == {"tickets": ["2025-03", "2025-04"]}
