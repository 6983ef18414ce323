"""Delivered text and numbers as typed values, and the first rule that a row breaks."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from churn_assets.contracts.contract import load_source
from churn_assets.silver.row_rules import invalid, is_invalid
from churn_assets_tests.lakes import business_copy, edit_yaml
from churn_assets_tests.silver.conformed import (
    EXTRACTED,
    GOOD,
    SUBSCRIPTIONS,
    TELECOM,
    Conformed,
    conformed_rows,
)

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


CASES: dict[str, dict[str, Any]] = {
    "good": GOOD,
    "blanks": GOOD | {"customer_id": "  C1 ", "expires_on": "  ", "notice_on": "", "end_reason": " "},
    "other date format": GOOD | {"started_on": "02.01.2025"},
    "date that does not exist": GOOD | {"started_on": "2025-02-30"},
    "american date": GOOD | {"started_on": "02/01/2025"},
    "short date": GOOD | {"started_on": "2025-1-2"},
    "date and more": GOOD | {"started_on": "2025-01-02 noon"},
    "malformed integer": GOOD | {"contract_months": "twelve"},
    "fraction": GOOD | {"contract_months": "12.5"},
    "malformed decimal": GOOD | {"monthly_price": "19,90"},
    "not a number": GOOD | {"monthly_price": "NaN"},
    "missing": GOOD | {"plan": " "},
    "no key": GOOD | {"subscription_id": None},
    "no customer": GOOD | {"customer_id": None},
    "below": GOOD | {"monthly_price": "-0.01"},
    "at the bounds": GOOD | {"monthly_price": "0"},
    "above": GOOD | {"monthly_price": "1000.01"},
    "not allowed, quarantine": GOOD | {"contract_months": "6"},
    "not allowed, warn": GOOD | {"plan": "gold"},
    "ends before start": GOOD | {"ended_on": "2025-01-01"},
    "ends on its first day": GOOD | {"ended_on": "2025-01-02"},
    "first of several": GOOD
    | {"started_on": "x", "plan": None, "monthly_price": "-1", "contract_months": "6"},
    "unreadable": {"subscription_id": "S1", "rescued": '{"_corrupt_record":"S1,C1"}'},
    "bytes of another encoding": GOOD | {"customer_id": "K\ufffdE4@17\ufffdthe"},
    "a broken row of another encoding": {"rescued": '{"_corrupt_record":"S1,K\ufffdE4@17\ufffdthe"}'},
    "a replacement character that was delivered": GOOD | {"plan": "basic", "end_reason": "K\ufffdthe"},
    "extra column": GOOD | {"rescued": '{"loyalty_points":"1"}'},
}
UNDECODED = (
    "unreadable",
    (
        "the row holds E4 at byte 17 of the file, which is not UTF-8: "
        "name the encoding of the files as `encoding` in the contract's server"
    ),
)
REFUSED = {
    "bytes of another encoding": UNDECODED,
    "a broken row of another encoding": UNDECODED,
    "date that does not exist": ("malformed:started_on", "started_on is not a date: 2025-02-30"),
    "american date": ("malformed:started_on", "started_on is not a date: 02/01/2025"),
    "short date": ("malformed:started_on", "started_on is not a date: 2025-1-2"),
    "date and more": ("malformed:started_on", "started_on is not a date: 2025-01-02 noon"),
    "malformed integer": ("malformed:contract_months", "contract_months is not an integer: twelve"),
    "fraction": ("malformed:contract_months", "contract_months is not an integer: 12.5"),
    "malformed decimal": ("malformed:monthly_price", "monthly_price is not a number: 19,90"),
    "not a number": ("malformed:monthly_price", "monthly_price is not a number: NaN"),
    "missing": ("required:plan", "plan is missing"),
    "no key": ("required:subscription_id", "subscription_id is missing"),
    "no customer": ("required:customer_id", "customer_id is missing"),
    "below": ("range:monthly_price", "monthly_price is below 0.0: -0.01"),
    "above": ("range:monthly_price", "monthly_price is above 1000.0: 1000.01"),
    "not allowed, quarantine": ("valid:contract_months", "contract_months is not an allowed value: 6"),
    "ends before start": ("order:ended_on", "ended_on is before the start: 2025-01-01"),
    "first of several": ("malformed:started_on", "started_on is not a date: x"),
    "unreadable": ("unreadable", "the row does not parse as csv"),
}


@pytest.fixture(scope="module")
def subscriptions(spark: "SparkSession") -> Conformed:
    """All cases of a CSV source, conformed at once."""
    return conformed_rows(spark, SUBSCRIPTIONS, CASES)


@pytest.mark.parametrize("case", CASES)
def test_a_row_is_refused_by_the_first_rule_it_breaks_and_no_other(
    subscriptions: Conformed, case: str
) -> None:
    row = subscriptions[case]
    assert (row["refused_rule"], row["refused_reason"]) == REFUSED.get(case, (None, None))


def test_accepted_values_are_typed_and_blank_is_no_value(subscriptions: Conformed) -> None:
    row = subscriptions["good"]
    assert (row["contract_months"], str(row["monthly_price"])) == (12, "19.90")
    assert row["started_on"] == subscriptions["other date format"]["started_on"] == date(2025, 1, 2)
    assert row["known_at"] == EXTRACTED, "knowledge time is the extract's, not that of the load"
    blank = subscriptions["blanks"]
    assert (blank["customer_id"], blank["expires_on"], blank["notice_on"], blank["end_reason"]) == (
        "C1",
        None,
        None,
        None,
    )


def test_quarantine_keeps_the_row_as_delivered(subscriptions: Conformed) -> None:
    row = subscriptions["malformed decimal"]["raw_row"]
    assert row == {k: v for k, v in CASES["malformed decimal"].items() if v is not None}
    assert subscriptions["unreadable"]["raw_row"]["rescued"] == '{"_corrupt_record":"S1,C1"}'


def test_events_of_the_future_and_nested_values(spark: "SparkSession") -> None:
    issue = {"category": "billing", "priority": 2}
    good = {
        "ticket_id": "T1",
        "customer_id": "C1",
        "opened_at": "2025-03-07T23:59:59Z",
        "issue": json.dumps(issue),
    }
    rows = conformed_rows(
        spark,
        TELECOM.source("tickets"),
        {
            "good": good | {"messages": '[{"at":"x"},{"at":"y"}]'},
            "tomorrow": good | {"opened_at": "2025-03-08T00:00:00Z"},
            "elsewhere": good | {"opened_at": "2025-03-08T01:00:00+02:00"},
            "only a time": good | {"opened_at": "10:15"},
            "no issue": good | {"issue": None},
            "priority": good | {"issue": json.dumps({"category": "billing", "priority": "urgent"})},
        },
    )
    assert {case: row["refused_rule"] for case, row in rows.items()} == {
        "good": None,
        "tomorrow": "future:opened_at",
        "elsewhere": None,
        "only a time": "malformed:opened_at",
        "no issue": "required:category",
        "priority": None,
    }
    assert (rows["priority"]["priority"], rows["priority"]["remarks"]) == (None, "malformed:priority")
    row = rows["good"]
    assert (row["category"], row["priority"], row["message_count"]) == ("billing", 2, 2)
    assert rows["no issue"]["message_count"] == 0
    assert row["opened_at"].astimezone(UTC) == datetime(2025, 3, 7, 23, 59, 59, tzinfo=UTC)
    assert rows["tomorrow"]["refused_reason"] == "opened_at is after the extract: 2025-03-08"


def test_a_bad_optional_measure_is_made_null_and_the_row_kept(spark: "SparkSession", tmp_path: Path) -> None:
    folder = business_copy(tmp_path) / "contracts"
    edit_yaml(
        folder / "customers.yaml",
        lambda c: c["schema"][0]["properties"][6]["quality"][0].update(severity="null_value"),
    )
    good = {"customer_id": "C1", "status": "active", "region": "north", "household_size": "2"}
    cases = {
        "good": good,
        "too many": good | {"household_size": "99"},
        "a word": good | {"household_size": "two"},
        "elsewhere": good | {"region": "XX", "household_size": "0"},
        "refused": good | {"household_size": "99", "status": "gone"},
    }
    rows = conformed_rows(spark, load_source(folder / "customers.yaml"), cases)
    names = ("region", "household_size", "remarks", "refused_rule")
    assert {case: tuple(row[name] for name in names) for case, row in rows.items()} == {
        "good": ("north", 2, None, None),
        "too many": ("north", None, "range:household_size", None),
        "a word": ("north", None, "malformed:household_size", None),
        "elsewhere": (None, None, "valid:region,range:household_size", None),
        "refused": ("north", None, None, "valid:status"),
    }
    measured = {"customer_id": "C1", "day": date(2025, 3, 6), "voice_minutes": 1.0, "data_mb": 1.0}
    odd = {
        "below": measured | {"sms_count": -1},
        "of another type": measured | {"rescued": '{"sms_count":"many"}'},
        "required": measured | {"data_mb": -1.0},
    }
    found = conformed_rows(spark, TELECOM.source("usage"), odd)
    assert {case: (row["remarks"], row["refused_rule"]) for case, row in found.items()} == {
        "below": ("range:sms_count", None),
        "of another type": ("malformed:sms_count", None),
        "required": (None, "range:data_mb"),
    }


def test_booleans_and_numbers_that_are_no_measurement(spark: "SparkSession", tmp_path: Path) -> None:
    folder = business_copy(tmp_path)
    file = folder / "contracts" / "retention_contacts.yaml"

    def cost_as_double(contract: dict[str, Any]) -> None:
        cost = next(p for p in contract["schema"][0]["properties"] if p["name"] == "cost")
        for key in ("physicalType", "logicalTypeOptions"):
            cost.pop(key)
        contract["schema"][0]["properties"][-1]["logicalTypeOptions"] = {"pattern": "^t"}

    edit_yaml(file, cost_as_double)
    good = {"contact_id": "R1", "customer_id": "C1", "contacted_on": "2025-03-01", "arm": "treated"}
    rows = conformed_rows(
        spark,
        load_source(file),
        {
            "good": good | {"accepted": "TRUE", "cost": "1e2"},
            "maybe": good | {"accepted": "maybe"},
            "NaN": good | {"cost": "NaN"},
            "inf": good | {"cost": "-Infinity"},
            "pattern": good | {"arm": "control"},
        },
    )
    assert {case: row["refused_rule"] for case, row in rows.items()} == {
        "good": None,
        "maybe": "malformed:accepted",
        "NaN": "malformed:cost",
        "inf": "malformed:cost",
        "pattern": "pattern:arm",
    }
    assert (rows["good"]["accepted"], rows["good"]["cost"]) == (True, 100.0)


def test_numbers_are_read_by_the_signs_of_the_contract(spark: "SparkSession") -> None:
    def price(decimal: str, thousands: str | None, **cases: str) -> list[object]:
        columns = tuple(
            replace(c, decimal=decimal, thousands=thousands, maximum=None) if c.type != "string" else c
            for c in SUBSCRIPTIONS.columns
        )
        rows = conformed_rows(
            spark,
            replace(SUBSCRIPTIONS, columns=columns),
            {case: GOOD | {"monthly_price": text} for case, text in cases.items()},
        )
        return [row["refused_rule"] or str(row["monthly_price"]) for row in rows.values()]

    malformed = "malformed:monthly_price"
    assert price(",", ".", a="19,90", b="1.234,50", c="1234,5", d="12.345", e="+7") == [
        *("19.90", "1234.50", "1234.50", "12345.00", "7.00")
    ]
    assert price(",", ".", a="19.90", b="1,234.50", c="1.23,4", d="1.2345", e=",5") == [malformed] * 5
    assert price(".", "\u202f", a="1\u202f234.50", b="1 234.50") == ["1234.50", malformed]
    assert price(".", ",", a="1,234.50", b="1234.50", c="1,234,567") == ["1234.50", "1234.50", "1234567.00"]
    assert price(",", None, a="1234,5", b="1234.5", c="1.234,5") == ["1234.50", malformed, malformed]


def test_a_bound_holds_for_whole_numbers_as_it_is_written(spark: "SparkSession") -> None:
    columns = tuple(
        replace(c, minimum=0.5, maximum=12.5, valid_values=()) if c.name == "contract_months" else c
        for c in SUBSCRIPTIONS.columns
    )
    cases = {months: GOOD | {"contract_months": months} for months in ("0", "1", "12", "13")}
    rows = conformed_rows(spark, replace(SUBSCRIPTIONS, columns=columns), cases)
    refused = "range:contract_months"
    assert [row["refused_rule"] for row in rows.values()] == [refused, None, None, refused]


def test_typed_files_are_judged_like_text(spark: "SparkSession", tmp_path: Path) -> None:
    folder = business_copy(tmp_path)
    file = folder / "contracts" / "usage.yaml"

    def without_bounds(contract: dict[str, Any]) -> None:
        for prop in contract["schema"][0]["properties"]:
            prop.pop("logicalTypeOptions", None)
            prop.pop("customProperties", None)

    edit_yaml(file, without_bounds)
    good = {"customer_id": "C1", "day": date(2025, 3, 1), "voice_minutes": 1.0, "data_mb": 2.0}
    rows = conformed_rows(
        spark,
        load_source(file),
        {
            "good": good,
            "blanks around": good | {"customer_id": " C1 "},
            "blank id": good | {"customer_id": " "},
            "NaN": good | {"data_mb": float("nan")},
            "inf": good | {"roaming_mb": float("inf")},
            "did not fit": good | {"sms_count": None, "rescued": '{"sms_count":"many"}'},
            "unknown column": good | {"rescued": '{"cell":"A1"}'},
        },
    )
    assert {case: row["refused_rule"] for case, row in rows.items()} == {
        "good": None,
        "blanks around": None,
        "blank id": "required:customer_id",
        "NaN": "malformed:data_mb",
        "inf": "malformed:roaming_mb",
        "did not fit": "malformed:sms_count",
        "unknown column": None,
    }
    assert rows["blanks around"]["customer_id"] == "C1"
    assert rows["did not fit"]["refused_reason"] == "sms_count is not an integer: many"


@pytest.mark.parametrize(
    ("spark_type", "allowed"),
    [("string", ("north", "12")), ("int", (0, 12)), ("decimal(10,2)", (9.9, 12)), ("date", ("2025-03-07",))],
)
def test_a_value_is_judged_in_python_as_in_spark(
    spark: "SparkSession", spark_type: str, allowed: tuple[str | int | float, ...]
) -> None:
    column = replace(SUBSCRIPTIONS.columns[0], name="value", spark_type=spark_type, valid_values=allowed)
    texts = ["north", "south", "7", "12", "12.00", "9.90", "0", "2025-03-07", "2025-03-08", None]
    rows = [(text,) for text in texts]
    typed = spark.createDataFrame(rows, "text string").selectExpr(f"try_cast(text AS {spark_type}) AS value")
    judged = typed.select("value", invalid(column).alias("invalid")).collect()
    assert [is_invalid(row.value, column) for row in judged] == [row.invalid for row in judged]
    assert {row.invalid for row in judged} == {True, False}
