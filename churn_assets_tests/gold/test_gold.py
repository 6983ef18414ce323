"""gold/customers and gold/customer_months, from hand-written versions of silver."""

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from churn_assets.contracts.business import Business
from churn_assets.contracts.loader import load_business
from churn_assets.features.states import entity_features
from churn_assets.gold.customer_months import customer_months, touched_months
from churn_assets.gold.customers import customers
from churn_assets.months import month_index
from churn_assets_tests.gold.versions import REFUSED, Version, spell_row, ticket_row, versions_of
from churn_assets_tests.lakes import business_copy, deliver_all, edit_yaml, small_business

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession


@pytest.fixture(scope="module")
def silver(spark: "SparkSession", business: Business) -> "dict[str, DataFrame]":
    """a: two spells and a corrected ticket; b: moved region, left; z: known only from a ticket."""
    versions: dict[str, list[Version]] = {
        "customers": [
            ("a", "2025-01-31", {"region": "north", "status": "active"}),
            ("b", "2025-01-31", {"region": "south", "status": "active"}),
            ("a", "2025-02-28", {"region": "north", "status": "active"}),
            ("b", "2025-02-28", {"region": "west", "status": "former"}),
        ],
        "subscriptions": [
            ("a", "2025-01-07", spell_row(1, "2024-06-01")),
            ("b", "2025-01-07", spell_row(2, "2025-01-03")),
            ("a", "2025-02-07", spell_row(1, "2024-06-01", ended_on="2025-02-05", end_reason="moved")),
            ("a", "2025-02-07", spell_row(3, "2025-02-06", plan="plus")),
            ("b", "2025-02-14", spell_row(2, "2025-01-03", notice_on="2025-02-10")),
            (
                "b",
                "2025-02-28",
                spell_row(2, "2025-01-03", notice_on="2025-02-10", ended_on="2025-02-20", end_reason="price"),
            ),
        ],
        "tickets": [
            ("a", "2025-01-14", ticket_row(1, "2025-01-10")),
            ("a", "2025-01-14", ticket_row(2, "2025-01-12")),
            ("z", "2025-02-14", ticket_row(3, "2025-01-31")),
            ("a", "2025-02-14", ticket_row(1, "2025-01-10", satisfaction=1)),
        ],
    }
    return {
        name: versions_of(spark, business.source(name), rows).persist() for name, rows in versions.items()
    }


def test_a_spell_that_its_source_no_longer_lists_is_not_known_to_run(
    spark: "SparkSession", silver: "dict[str, DataFrame]", tmp_path: Path
) -> None:
    folder = small_business(tmp_path)
    edit_yaml(folder / "contracts" / "subscriptions.yaml", deliver_all)
    business = load_business(folder)
    listed: list[Version] = [
        (who, "2025-01-31", spell_row(n, "2024-06-01")) for n, who in enumerate(("gone", "stays"))
    ]
    listed.append(("stays", "2025-02-28", spell_row(1, "2024-06-01")))
    spells = versions_of(spark, business.source("subscriptions"), listed)
    days = {"subscriptions": [date(2025, 1, 31), date(2025, 2, 28)]}
    found = customers(silver | {"subscriptions": spells}, business, date(2025, 2, 28), days)
    running = {r["customer_key"]: r["subscriptions_running"] for r in found.collect()}
    assert running == {"a": False, "b": False, "gone": None, "stays": True}


def test_the_months_of_a_spell_stop_when_nobody_knows_whether_it_runs(
    spark: "SparkSession", tmp_path: Path
) -> None:
    """`purged` is no longer among the customers, `dropped` no longer among the spells of a `full` source."""
    folder = small_business(tmp_path)
    edit_yaml(folder / "contracts" / "subscriptions.yaml", deliver_all)
    business, ends = load_business(folder), ["2025-01-31", "2025-02-28", "2025-03-31"]
    region = {"region": "north", "status": "active"}
    people = [(who, ends[0], region) for who in ("purged", "dropped", "stays")]
    people += [(who, day, region) for day in ends[1:] for who in ("dropped", "stays")]
    spells = [
        (who, ends[0], spell_row(n, "2024-06-01")) for n, who in enumerate(("purged", "dropped", "stays"))
    ]
    spells += [
        (who, day, spell_row(n, "2024-06-01")) for day in ends[1:] for n, who in ((0, "purged"), (2, "stays"))
    ]
    tickets = [("purged", ends[2], ticket_row(1, "2025-03-10"))]
    told = {"customers": people, "subscriptions": spells, "tickets": tickets}
    world = {name: versions_of(spark, business.source(name), rows) for name, rows in told.items()}
    extracts = {name: [date.fromisoformat(day) for day in ends] for name in ("customers", "subscriptions")}
    months = _months(customer_months(world, business, [day[:7] for day in ends], extracts))
    assert sorted(months) == [
        ("dropped", "2025-01"),
        ("purged", "2025-01"),
        ("purged", "2025-03"),
        *(("stays", day[:7]) for day in ends),
    ]
    ticket = months["purged", "2025-03"]
    assert (ticket["tickets"], ticket["plan"]) == (1.0, None), "what is known of the month is shown"
    now = {r["customer_key"]: r for r in customers(world, business, date(2025, 3, 31), extracts).collect()}
    assert {who: r["subscriptions_running"] for who, r in now.items()} == {
        "purged": None,
        "dropped": None,
        "stays": True,
    }


def test_customers_is_one_row_per_customer_with_todays_knowledge(
    silver: "dict[str, DataFrame]", business: Business
) -> None:
    rows = [r.asDict() for r in customers(silver, business, date(2025, 2, 28)).collect()]
    found = {r["customer_key"]: r for r in rows}
    assert len(rows) == 2 and set(found) == {"a", "b"}, "z is only named by a ticket, and no customer"
    a, b = found["a"], found["b"]
    assert (a["region"], a["subscriptions_plan"], a["subscriptions_running"]) == ("north", "plus", True)
    assert a["subscriptions_started_on"] == date(2025, 2, 6)
    assert (a["tickets_total"], a["first_tickets_on"], a["last_tickets_on"]) == (
        2,
        date(2025, 1, 10),
        date(2025, 1, 12),
    )
    assert (b["region"], b["status"], b["subscriptions_running"], b["tickets_total"]) == (
        "west",
        "former",
        False,
        0,
    )
    assert (b["first_tickets_on"], b["last_tickets_on"]) == (None, None)
    assert not {"customer_id", "full_name", "email", "phone", "birth_date"} & set(a)


@pytest.mark.parametrize(("known_until", "running"), [("2025-02-27", True), ("2025-02-28", False)])
def test_who_has_given_notice_is_a_customer_until_the_last_day(
    spark: "SparkSession", business: Business, known_until: str, running: bool
) -> None:
    """Of two spells the newer has ended, the older ends on 28 February."""
    told = [
        ("a", "2025-02-14", spell_row(1, "2024-06-01", ended_on="2025-02-28", end_reason="price")),
        ("a", "2025-02-14", spell_row(2, "2025-01-03", ended_on="2025-02-10", end_reason="moved")),
    ]
    none = {name: versions_of(spark, business.source(name), []) for name in ("customers", "tickets")}
    world = none | {"subscriptions": versions_of(spark, business.source("subscriptions"), told)}
    [row] = customers(world, business, date.fromisoformat(known_until)).collect()
    assert (row["subscriptions_running"], row["subscriptions_ended_on"]) == (running, date(2025, 2, 10))


def test_a_late_row_makes_its_old_month_be_written_again(
    silver: "dict[str, DataFrame]", business: Business
) -> None:
    assert touched_months(silver, business, ["2025-01"]) == ["2025-01"]
    assert touched_months(silver, business, ["2025-02"]) == ["2025-01", "2025-02"]


def test_sources_of_one_role_keep_their_columns_apart(spark: "SparkSession", tmp_path: Path) -> None:
    """Accounts beside customers, both with a status; insurances beside subscriptions, both with a plan."""
    folder = small_business(tmp_path)
    for name, twin, key in (("accounts", "customers", None), ("insurances", "subscriptions", "policy_id")):
        text = (folder / "contracts" / f"{twin}.yaml").read_text().replace(twin, name)
        text = text.replace(f"{name}.customer_id", "customers.customer_id")
        (folder / "contracts" / f"{name}.yaml").write_text(
            text.replace("subscription_id", key) if key else text
        )
    business = load_business(folder)
    spell = spell_row(1, "2025-01-03")
    insured = {"policy_id": "P1", **spell, "plan": "gold", "started_on": "2025-01-10"}
    told: dict[str, list[Version]] = {
        "customers": [("a", "2025-01-31", {"region": "north", "status": "active"})],
        "accounts": [("a", "2025-01-31", {"region": "west", "status": "open"})],
        "subscriptions": [("a", "2025-01-07", spell)],
        "insurances": [("a", "2025-01-14", insured)],
        "tickets": [],
    }
    silver = {name: versions_of(spark, business.source(name), rows) for name, rows in told.items()}
    [row] = customers(silver, business, date(2025, 1, 31)).collect()
    assert (row["status"], row["customers_status"]) == (
        "open",
        "active",
    )  # both list customers: in contract order
    assert (row["subscriptions_plan"], row["insurances_plan"]) == ("basic", "gold")
    [month] = customer_months(silver, business, ["2025-01"]).collect()
    assert (month["plan"], month["insurances_plan"]) == ("basic", "gold")
    assert (month["tenure_days"], month["insurances_tenure_days"]) == (28.0, 21.0)
    assert (month["status"], month["customers_status"]) == ("open", "active")


def test_of_several_accounts_in_one_extract_the_last_by_its_key_speaks(
    spark: "SparkSession", tmp_path: Path
) -> None:
    """Whichever row the engine comes upon last: among the customers, in their months and in snapshots."""
    folder = small_business(tmp_path)
    edit_yaml(folder / "contracts" / "customers.yaml", _keyed_by_account)
    business = load_business(folder)
    from pyspark.sql import functions as F

    source, at = business.source("customers"), "2025-01-31"
    region = next(f for f in business.features if f.source == "customers")
    people = "abcdefgh"
    told = [
        (who, at, {"account": f"{who}{i}", "region": f"region {i}", "status": "active"})
        for who in people
        for i in (2, 0, 3, 1)
    ]
    tickets = [(who, at, ticket_row(i, "2025-01-10")) for i, who in enumerate(people)]
    silver = {s.name: versions_of(spark, s, []) for s in business.sources}
    silver["tickets"] = versions_of(spark, business.source("tickets"), tickets)
    rows = versions_of(spark, source, told).withColumn("sequence", F.lit(1))
    silver["customers"] = rows = rows.repartition(4)
    found = [row["region"] for row in customers(silver, business, date(2025, 1, 31)).collect()]
    found += [row["region"] for row in customer_months(silver, business, ["2025-01"]).collect()]
    snapshots = entity_features(rows, source, [month_index("2025-01")], [region])
    found += [row[region.name] for row in snapshots.collect()]
    assert found == ["region 3"] * 3 * len(people)


def _keyed_by_account(contract: dict[str, Any]) -> None:
    for prop in contract["schema"][0]["properties"]:
        prop.pop("primaryKey", None)
    account = {"name": "account", "logicalType": "string", "required": True, "primaryKey": True}
    contract["schema"][0]["properties"].append(account)


def test_what_is_told_late_of_spells_holds_in_all_later_months(
    silver: "dict[str, DataFrame]", business: Business
) -> None:
    written = ["2024-12", "2025-01", "2025-02", "2025-03"]
    assert touched_months(silver, business, ["2025-01"], written) == ["2025-01", "2025-02", "2025-03"]


def test_a_business_without_declared_columns_has_months_of_its_events(
    spark: "SparkSession", tmp_path: Path
) -> None:
    business = load_business(business_copy(tmp_path, "shop", customer_months=None, churn_rates=None))
    source = business.source("transactions")
    bought = [
        ("a", at, {"date": at, "quantity": 1, "amount": "1.00"})
        for at in ("2025-01-07", "2025-01-09", "2025-03-07")
    ]
    silver = {"transactions": versions_of(spark, source, bought)}
    rows = customer_months(silver, business, ["2025-01", "2025-02", "2025-03"]).collect()
    assert sorted(tuple(row) for row in rows) == [("a", "2025-01"), ("a", "2025-03")]
    assert touched_months(silver, business, ["2025-03"], ["2025-01", "2025-04"]) == ["2025-03"]


def _months(frame: "DataFrame") -> dict[tuple[str, str], dict[str, Any]]:
    rows = [r.asDict() for r in frame.collect()]
    found = {(r["customer_key"], r["month"]): r for r in rows}
    assert len(found) == len(rows), "one row per customer and month"
    return found


def test_months_hold_corrections_spells_and_attributes_as_of_the_months_end(
    silver: "dict[str, DataFrame]", business: Business
) -> None:
    found = _months(customer_months(silver, business, ["2025-01", "2025-02"]))
    people = [("a", "2025-01"), ("a", "2025-02"), ("b", "2025-01"), ("b", "2025-02"), ("z", "2025-01")]
    assert sorted(found) == people
    assert found["a", "2025-01"]["tickets"] == 2.0, "the correction of T1 is no third ticket"
    assert (found["a", "2025-01"]["plan"], found["a", "2025-02"]["plan"]) == ("basic", "plus")
    assert found["a", "2025-02"]["tickets"] == 0.0
    assert found["a", "2025-01"]["tenure_days"] == 244
    assert found["b", "2025-01"]["region"] == "south"
    assert found["z", "2025-01"]["tickets"] == 1.0, "delivered in February, counted in the month it speaks of"
    alone = _months(customer_months(silver, business, ["2025-01"]))
    assert alone == {key: row for key, row in found.items() if key[1] == "2025-01"}


def test_a_leaver_keeps_the_plan_in_the_last_month_and_tells_the_end(
    silver: "dict[str, DataFrame]", business: Business
) -> None:
    found = _months(customer_months(silver, business, ["2025-01", "2025-02", "2025-03"]))
    names = ("plan", "monthly_price", "ended_on", "end_reason", "tenure_days")
    assert tuple(found["b", "2025-02"][name] for name in names) == (
        *("basic", Decimal("10.00"), date(2025, 2, 20), "price"),
        56,
    )
    assert found["a", "2025-02"]["ended_on"] is None, "another subscription goes on"
    assert ("b", "2025-03") not in found


def test_an_end_told_after_its_month_stands_in_that_month(
    spark: "SparkSession", silver: "dict[str, DataFrame]", business: Business
) -> None:
    """b ended on 30 January, as February tells; c took the end of January back in March."""
    ended = {"ended_on": "2025-01-30", "end_reason": "price"}
    told = [
        ("b", "2025-01-07", spell_row(2, "2025-01-03")),
        ("b", "2025-02-07", spell_row(2, "2025-01-03", **ended)),
        ("c", "2025-01-07", spell_row(4, "2025-01-03", **ended)),
        ("c", "2025-03-07", spell_row(4, "2025-01-03")),
        ("d", "2025-01-07", spell_row(5, "2025-01-03", ended_on="2025-03-31")),
    ]
    late = silver | {"subscriptions": versions_of(spark, business.source("subscriptions"), told)}
    months = ["2025-01", "2025-02", "2025-03"]
    found = _months(customer_months(late, business, months))
    assert {key: row["ended_on"] for key, row in found.items() if key[0] in "bcd"} == {
        ("b", "2025-01"): date(2025, 1, 30),
        ("c", "2025-01"): None,
        ("c", "2025-03"): None,
        ("d", "2025-01"): None,
        ("d", "2025-02"): None,
        ("d", "2025-03"): date(2025, 3, 31),
    }
    assert {row["plan"] for row in found.values() if row["customer_key"] in "bcd"} == {"basic"}
    assert touched_months(late, business, ["2025-02"], ["2025-01"]) == ["2025-01", "2025-02"]
    assert touched_months(late, business, ["2025-03"], ["2025-01"]) == ["2025-01", "2025-03"]


def test_a_correction_that_moves_an_event_takes_it_out_of_its_old_month(
    spark: "SparkSession", silver: "dict[str, DataFrame]", business: Business
) -> None:
    """T1 was opened in January, as was known first; in February and then in March it was said otherwise."""
    told = [
        ("a", "2025-01-14", ticket_row(1, "2025-01-10")),
        ("a", "2025-02-14", ticket_row(1, "2025-02-01")),
        ("b", "2025-03-14", ticket_row(2, "2025-03-10")),
        ("a", "2025-03-14", ticket_row(1, "2025-01-31")),
    ]
    for known, months, counted in (
        (told[:1], ["2025-01"], {"2025-01": 1.0}),
        (told[:2], ["2025-01", "2025-02"], {"2025-02": 1.0}),
        (told, ["2025-01", "2025-02", "2025-03"], {"2025-01": 1.0}),
    ):
        world = silver | {"tickets": versions_of(spark, business.source("tickets"), known)}
        newest = months[-1]
        assert touched_months(world, business, [newest]) == months
        for written in (months, *([month] for month in months)):
            rows = _months(customer_months(world, business, written))
            assert {m: r["tickets"] for (c, m), r in rows.items() if c == "a" and r["tickets"]} == {
                m: n for m, n in counted.items() if m in written
            }


def test_a_customer_whose_newest_row_was_refused_is_neither_running_nor_former(
    spark: "SparkSession", business: Business
) -> None:
    """The end may stand in the refused row; a customer without any subscription does not run."""
    ended = spell_row(2, "2024-01-01", ended_on="2025-01-10", end_reason="price")
    spells: list[Version] = [
        ("unknown", "2025-01-07", spell_row(1, "2024-01-01")),
        ("unknown", "2025-02-07", {"subscription_id": "S1", REFUSED: True}),
        ("former", "2025-01-14", ended),
        ("runs", "2025-01-07", spell_row(3, "2024-01-01")),
        ("runs", "2025-02-07", {"subscription_id": "S4", REFUSED: True}),
    ]
    told: dict[str, list[Version]] = {
        "subscriptions": spells,
        "customers": [("without", "2025-01-07", {"region": "north"})],
        "tickets": [("runs", "2025-01-14", ticket_row(1, "2025-01-10"))],
    }
    silver = {name: versions_of(spark, business.source(name), rows) for name, rows in told.items()}
    frame = customers(silver, business, date(2025, 2, 28))
    found = {row["customer_key"]: row["subscriptions_running"] for row in frame.collect()}
    assert found == {"unknown": None, "former": False, "runs": True, "without": False}
