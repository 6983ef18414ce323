"""From the landing zone to silver in a small lake: the balance, what blocks a month, and where personal data stays."""

import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pyarrow.compute as pc
import pytest

from churn_assets.contracts.business import Business
from churn_assets.contracts.loader import load_business
from churn_assets.history.known_until import require_history, source_states
from churn_assets.history.punctuality import passed_extracts
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.silver.findings import findings
from churn_assets.silver.load import MonthBlocked, SilverLoad, load_silver
from churn_assets.silver.reconciliation import SilverIncomplete, extract_dates, partial_months, reconcile
from churn_assets.silver.reconciliation_rows import ReconciledMonth
from churn_assets_tests.lakes import (
    give_keys,
    ingest,
    settings_for,
    small_business,
    to_bronze,
    write_csv,
    write_jsonl,
)
from churn_assets_tests.silver.rows import ADA, customer, subscription, ticket

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

MONTHS = ["2025-01", "2025-02"]
TODAY = date(2026, 1, 1)
# Nothing of these may be found outside the rooms that are named for it.
SECRETS = [
    "NATID0001",
    "NATID0002",
    "NATID0099",
    "Ada Lovelace",
    "ada@example.org",
    "+4912345",
    "1915-12-10",
    "not born",
]


class Lake(NamedTuple):
    """The lake that most tests look at; they do not change the months of MONTHS."""

    house: Lakehouse
    business: Business
    loads: dict[str, SilverLoad]


@pytest.fixture(scope="module")
def lake(spark: "SparkSession", tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    """Two months of three sources with one of each kind of dirt."""
    home = tmp_path_factory.mktemp("lake")
    landing = home / "landing"
    many = [customer(n) for n in range(2, 101)]
    refused = customer(2, birth_date="not born", full_name="Ada Lovelace")
    write_csv(landing, "customers", "2025-01-31", [ADA, *many, ADA])
    write_csv(
        landing, "customers", "2025-02-28", [ADA | {"loyalty_points": "3", "region": "XX"}, *many, refused]
    )
    write_csv(landing, "subscriptions", "2025-01-07", [subscription(1), subscription(2)])
    write_csv(
        landing, "subscriptions", "2025-02-28", [subscription(1, ended_on="2025-02-27", end_reason="price")]
    )
    write_jsonl(landing, "tickets", "2025-01-31", [ticket(1, "NATID0001", "2025-01-30T10:00:00Z")])
    write_jsonl(landing, "tickets", "2025-02-28", [ticket(2, " NATID0099 ", "2025-02-01T10:00:00Z")])
    house = Lakehouse(settings_for(home))
    business = load_business(small_business(home))
    yield Lake(house, business, ingest(house, business, MONTHS))


def test_audits_count_every_row(lake: Lake) -> None:
    counts = {
        (a.source, a.month): (a.delivered, a.accepted, a.duplicates, dict(a.refused))
        for load in lake.loads.values()
        for a in load.audits
    }
    assert counts == {
        ("customers", "2025-01"): (101, 100, 1, {}),
        ("customers", "2025-02"): (101, 100, 0, {"malformed:birth_date": 1}),
        ("subscriptions", "2025-01"): (2, 2, 0, {}),
        ("subscriptions", "2025-02"): (1, 1, 0, {}),
        ("tickets", "2025-01"): (1, 1, 0, {}),
        ("tickets", "2025-02"): (1, 1, 0, {}),
    }


def test_what_does_not_block_is_noticed(lake: Lake) -> None:
    noticed = {(p.month, p.rule, p.severity) for p in lake.loads["customers"].problems}
    assert noticed == {("2025-02", "valid:region", "warn"), ("2025-02", "undeclared", "warn")}


def test_what_does_not_block_is_kept_with_its_counts(lake: Lake) -> None:
    kept = {(r["source"], r["rule"], r["subject"]): r for r in findings(lake.house, ["2025-02"])}
    assert set(kept) == {("customers", "valid", "region"), ("customers", "undeclared", "")}
    assert (kept["customers", "valid", "region"]["count"], kept["customers", "valid", "region"]["of"]) == (
        1,
        101,
    )
    assert kept["customers", "undeclared", ""]["files"] == ["customers/extract_date=2025-02-28/part-1.csv"]
    assert findings(lake.house, ["2025-01"]) == []


def test_the_balance_is_counted_from_the_tables(lake: Lake) -> None:
    rows = {(b.source, b.extract_month): b for b in reconcile(lake.house, lake.business, MONTHS)}
    assert len(rows) == 6 and all(b.balances for b in rows.values())
    customers = rows["customers", "2025-02"]
    assert (customers.delivered, customers.accepted, customers.duplicate, customers.quarantined) == (
        101,
        100,
        0,
        1,
    )
    assert rows["customers", "2025-01"].duplicate == 1
    assert customers.extract_dates == [date(2025, 2, 28)]


def test_every_id_has_one_key_that_no_second_run_changes(lake: Lake) -> None:
    keys = {r["customer_id"]: r["customer_key"] for r in lake.house.arrow(tables.CUSTOMER_KEYS).to_pylist()}
    assert len(keys) == lake.house.count(tables.CUSTOMER_KEYS) == 100, (
        "99 is only known to tickets, under blanks"
    )
    assert len(set(keys.values())) == 100
    assert all(len(key) == 16 and "NATID" not in key for key in keys.values())
    give_keys(lake.house, lake.business, MONTHS)
    assert lake.house.count(tables.CUSTOMER_KEYS) == 100
    again = {r["customer_id"]: r["customer_key"] for r in lake.house.arrow(tables.CUSTOMER_KEYS).to_pylist()}
    assert again == keys


def test_an_event_may_come_before_its_customer(lake: Lake) -> None:
    tickets = lake.house.arrow(tables.silver(lake.business.source("tickets"))).to_pylist()
    keys = {r["customer_id"]: r["customer_key"] for r in lake.house.arrow(tables.CUSTOMER_KEYS).to_pylist()}
    assert {t["ticket_id"]: t["customer_key"] for t in tickets} == {
        "T1": keys["NATID0001"],
        "T2": keys["NATID0099"],
    }


def _texts(folder: Path) -> Iterator[tuple[Path, str]]:
    """Every file below a table: its bytes as text, and for Parquet its values as well."""
    import pyarrow.parquet as pq

    for file in folder.rglob("*"):
        if file.is_file():
            yield file, file.read_bytes().decode("latin-1")
            if file.suffix == ".parquet" and "_delta_log" not in file.parts:
                yield file, json.dumps(pq.read_table(file, partitioning=None).to_pylist(), default=str)


def test_natural_ids_and_personal_values_are_nowhere_in_silver_sources(lake: Lake) -> None:
    for source in lake.business.sources:
        for file, text in _texts(Path(lake.house.uri(tables.silver(source)))):
            assert not [s for s in SECRETS if s in text], file


def test_personal_values_lie_where_they_are_named_without_statistics(lake: Lake) -> None:
    named = [tables.customer_identity(lake.business), tables.QUARANTINE, tables.CUSTOMER_KEYS]
    named += [tables.bronze(s) for s in lake.business.sources]
    held = ""
    for table in named:
        folder = Path(lake.house.uri(table))
        held += "".join(text for _, text in _texts(folder))
        for file, text in _texts(folder / "_delta_log"):
            assert not [s for s in SECRETS if s in text], (table.path, file)
    assert "Ada Lovelace" in held and "NATID0001" in held, "the scan finds what is there"


def test_identity_holds_the_personal_columns_by_key(lake: Lake) -> None:
    rows = lake.house.arrow(tables.customer_identity(lake.business)).to_pylist()
    ada = [r for r in rows if r["full_name"] == "Ada Lovelace"]
    assert len(rows) == 200 and len(ada) == 2 and len({r["customer_key"] for r in ada}) == 1
    assert not {"customer_id", "region"} & set(rows[0])
    assert ada[0]["birth_date"] == date(1915, 12, 10)


def _silver_versions(lake: Lake) -> dict[str, int | None]:
    watched = [tables.silver(s) for s in lake.business.sources]
    watched += [tables.QUARANTINE, tables.customer_identity(lake.business)]
    return {t.path: lake.house.version(t) for t in watched}


def _rows_of(lake: Lake, month: str) -> list[tuple[str, int]]:
    watched = [tables.silver(s) for s in lake.business.sources]
    watched += [tables.QUARANTINE, tables.customer_identity(lake.business)]
    where = pc.field("extract_month") == month
    return [(t.path, lake.house.count(t, where)) for t in watched]


def test_of_a_blocked_month_nothing_is_committed_and_the_others_pass(lake: Lake) -> None:
    customers = lake.business.source("customers")
    broken = [customer(1, birth_date="not born"), customer(2)]
    write_csv(lake.house.settings.landing_uri, "customers", "2025-03-31", broken)
    to_bronze(lake.house, lake.business, ["2025-03"], ["customers"])
    february = _rows_of(lake, "2025-02")
    with pytest.raises(MonthBlocked, match=r"customers 2025-03: refusedShare: 1 of 2 rows") as caught:
        load_silver(lake.house, lake.business, customers, ["2025-02", "2025-03"], "run", TODAY)
    assert not [s for s in SECRETS if s in str(caught.value)]
    assert caught.value.load.passed == ["2025-02"]
    assert [c.table for c in caught.value.load.commits] == [
        "silver/customers",
        "silver/customer_identity",
        "silver/quarantine",
    ]
    assert _rows_of(lake, "2025-02") == february
    assert not any(rows for _, rows in _rows_of(lake, "2025-03"))
    told = {(r["source"], r["extract_month"]): r for r in lake.house.arrow(tables.RECONCILIATION).to_pylist()}
    assert told["customers", "2025-02"]["balances"] and told["customers", "2025-02"]["refused_by"] is None
    refused = told["customers", "2025-03"]
    assert (refused["balances"], refused["refused_by"]) == (False, "refusedShare, volume")
    before = _silver_versions(lake)
    with pytest.raises(MonthBlocked, match=r"tickets 2025-03: missing: no extract was delivered"):
        load_silver(lake.house, lake.business, lake.business.source("tickets"), ["2025-03"], "run", TODAY)
    assert _silver_versions(lake) == before


def test_rows_that_would_get_lost_block(lake: Lake) -> None:
    write_csv(
        lake.house.settings.landing_uri, "subscriptions", "2025-04-30", [subscription(1), subscription(700)]
    )
    to_bronze(lake.house, lake.business, ["2025-04"], ["subscriptions"])
    before = _silver_versions(lake)
    with pytest.raises(MonthBlocked, match=r"balance: delivered 2, accepted 1 "):  # 700 was given no key
        load_silver(
            lake.house, lake.business, lake.business.source("subscriptions"), ["2025-04"], "run", TODAY
        )
    assert _silver_versions(lake) == before


def _tell(lake: Lake, balances: list[ReconciledMonth], months: list[str]) -> None:
    """Writes silver/reconciliation of these months."""
    rows = tables.RECONCILIATION.rows([balance.as_dict() for balance in balances])
    lake.house.replace_rows(tables.RECONCILIATION, rows, "extract_month", months, run_id="run")


def test_incomplete_months_are_named_source_by_source(lake: Lake) -> None:
    rows = reconcile(lake.house, lake.business, MONTHS)
    _tell(lake, rows, MONTHS)
    require_history(
        lake.house, lake.business, MONTHS[0], MONTHS[-1]
    )  # before the calendar nothing is expected
    assert extract_dates(lake.house, lake.business.source("customers"))[-1] == date(2025, 2, 28)
    with pytest.raises(
        SilverIncomplete,
        match=r"\(customers: 2025-03; subscriptions: 2025-03; tickets: 2025-03\).* --from 2025-03`, and",
    ):
        require_history(lake.house, lake.business, "2025-02", "2025-03")
    unbalanced = [row._replace(accepted=row.accepted - (row.source == "tickets")) for row in rows]
    _tell(lake, unbalanced, MONTHS)
    with pytest.raises(SilverIncomplete, match=r"\(tickets: 2025-01 to 2025-02\)"):
        require_history(lake.house, lake.business, MONTHS[0], MONTHS[-1])
    states = {state.source: state.until for state in source_states(lake.house, lake.business, "2025-02")}
    assert states == {"customers": date(2025, 2, 28), "subscriptions": date(2025, 2, 28), "tickets": None}


def test_a_row_removed_from_silver_by_hand_shows_in_the_balance(lake: Lake) -> None:
    from deltalake import DeltaTable

    uri = lake.house.uri(tables.silver(lake.business.source("subscriptions")))
    DeltaTable(uri).delete("extract_month = '2025-01' AND subscription_id = 'S2'")
    rows = {(b.source, b.extract_month): b for b in reconcile(lake.house, lake.business, MONTHS)}
    assert [key for key, b in rows.items() if not b.balances] == [("subscriptions", "2025-01")]
    again = load_silver(
        lake.house, lake.business, lake.business.source("subscriptions"), ["2025-01"], "run", TODAY
    )
    assert again.commits[0].rows == 2
    assert all(b.balances for b in reconcile(lake.house, lake.business, MONTHS)), (
        "materialising again mends it"
    )


def test_an_extract_without_rows_was_delivered(lake: Lake) -> None:
    """It is judged by its volume; it is not missing."""
    write_csv(
        lake.house.settings.landing_uri, "subscriptions", "2025-05-31", [], columns=list(subscription(1))
    )
    to_bronze(lake.house, lake.business, ["2025-05"], ["subscriptions"])
    with pytest.raises(MonthBlocked) as blocked:
        load_silver(
            lake.house, lake.business, lake.business.source("subscriptions"), ["2025-05"], "run", TODAY
        )
    assert [p.rule for p in blocked.value.load.blocking] == ["volume"]


def test_of_a_month_that_is_not_over_the_balance_tells_what_is_still_too_little(lake: Lake) -> None:
    """The same, while May is open: it passes, and stays in the balance as not whole."""
    may, source = ["2025-05"], lake.business.source("subscriptions")
    write_csv(
        lake.house.settings.landing_uri, "subscriptions", "2025-05-31", [], columns=list(subscription(1))
    )
    to_bronze(lake.house, lake.business, may)
    load_silver(lake.house, lake.business, source, may, "run", date(2025, 5, 31))
    for other in (s for s in lake.business.sources if s is not source):
        load_silver(lake.house, lake.business, other, may, "run", date(2025, 5, 31))
    [row] = reconcile(lake.house, lake.business, may)
    assert (row.delivered, row.balances, row.whole) == (0, True, False)
    _tell(lake, [row], may)
    assert max(passed_extracts(lake.house)[source.name]) == date(2025, 5, 31)
    assert partial_months(lake.house, source) == {"2025-05"}
    with pytest.raises(SilverIncomplete, match=r"subscriptions: 2025-03 to 2025-05"):
        require_history(lake.house, lake.business, *may, *may, back=False)


def test_a_month_that_is_not_over_passes_without_the_sources_that_are_still_to_come(lake: Lake) -> None:
    """Subscriptions are weekly, customers and tickets come at the end of June: nothing of them stands in the balance.

    So nothing is made of June before they have come, and in July their silence blocks.
    """
    june, landing = "2025-06", lake.house.settings.landing_uri
    write_csv(landing, "subscriptions", "2025-06-07", [subscription(1)])
    to_bronze(lake.house, lake.business, [june])
    load = {
        s.name: load_silver(lake.house, lake.business, s, [june], "run", date(2025, 6, 15))
        for s in lake.business.sources
    }
    assert {name: found.commits[0].rows for name, found in load.items()} == {
        "customers": 0,
        "subscriptions": 1,
        "tickets": 0,
    }
    rows = reconcile(lake.house, lake.business, [june])
    assert [(b.source, b.extract_dates, b.balances) for b in rows] == [
        ("subscriptions", [date(2025, 6, 7)], True)
    ]
    _tell(lake, rows, [june])
    assert max(passed_extracts(lake.house)["subscriptions"]) == date(2025, 6, 7)
    with pytest.raises(SilverIncomplete, match=r"\(customers: 2025-06; .* tickets: 2025-06\)"):
        require_history(lake.house, lake.business, june, june, back=False)
    with pytest.raises(MonthBlocked, match=r"customers 2025-06: missing"):
        load_silver(
            lake.house, lake.business, lake.business.source("customers"), [june], "run", date(2025, 7, 1)
        )


def test_a_column_that_was_renamed_without_a_word_is_told(lake: Lake) -> None:
    """Case 12: the values go to `rescued`, and the column is empty."""
    october = [customer(n, birth_date="1990-01-01") | {"household_size": "2"} for n in range(1, 101)]
    november = [
        {("Household Size" if k == "household_size" else k): v for k, v in row.items()} for row in october
    ]
    write_csv(lake.house.settings.landing_uri, "customers", "2025-10-31", october)
    write_csv(lake.house.settings.landing_uri, "customers", "2025-11-30", november)
    source = lake.business.source("customers")
    for month in ("2025-10", "2025-11"):
        to_bronze(lake.house, lake.business, [month], ["customers"])
        load = load_silver(lake.house, lake.business, source, [month], "run", TODAY)
    assert [p.rule for p in load.problems if p.rule.startswith("fill:")] == ["fill:household_size"]
    [kept] = [r for r in findings(lake.house, ["2025-11"]) if r["rule"] == "fill"]
    assert (kept["subject"], kept["severity"], kept["count"], kept["of"]) == (
        "household_size",
        "warn",
        100,
        100,
    )
    assert "was filled in 100% of the rows, now in 0%" in kept["what"]
    assert "undeclared column `Household Size`" in kept["what"]
