"""Days that mean none, days that cannot be, and days whose day and month are exchanged."""

import json
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from churn_assets.contracts.contract import load_source
from churn_assets_tests.lakes import business_copy, edit_yaml

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

from churn_assets_tests.silver.conformed import GOOD, SUBSCRIPTIONS, TELECOM, conformed_rows

SPELL = GOOD | {"contract_months": "0"}
DAYS: dict[str, tuple[dict[str, Any], str | None, str | None]] = {
    # case: values, remarks, rule that refuses
    "a real day": ({"ended_on": "2025-03-01"}, None, None),
    "the last day of four digits": ({"ended_on": "9999-12-31"}, "none:ended_on", None),
    "zeros": ({"ended_on": "0000-00-00"}, "none:ended_on", None),
    "zeros of the other format": ({"notice_on": "00.00.0000"}, "none:notice_on", None),
    "the epoch as an end": ({"ended_on": "1970-01-01"}, "none:ended_on", None),
    "several": (
        {"expires_on": "2099-12-31", "notice_on": "0001-01-01", "ended_on": "31.12.2999"},
        "none:expires_on,none:notice_on,none:ended_on",
        None,
    ),
    "the epoch as a start": ({"started_on": "1970-01-01"}, None, None),
    "a start that means none": ({"started_on": "1900-01-01"}, None, "required:started_on"),
    "an end in ten years": ({"ended_on": "2035-03-08"}, None, None),
    "an end a day later": ({"ended_on": "2035-03-09"}, None, "plausible:ended_on"),
    "an expiry in forty years": ({"expires_on": "2065-03-07"}, None, None),
    "an expiry without a horizon": ({"expires_on": "9999-01-01"}, None, "plausible:expires_on"),
    "a start before all": ({"started_on": "1899-12-31"}, None, "plausible:started_on"),
    "expires before the start": ({"expires_on": "2025-01-01"}, None, "order:expires_on"),
    # 5 March told as 3 May, in an extract of 7 March
    "exchanged": ({"ended_on": "03.05.2025", "end_reason": "price"}, "exchanged:ended_on", None),
    "a later end that was never recent": ({"ended_on": "01.12.2025"}, None, None),
    "a later end on a day that is no month": ({"ended_on": "13.03.2025"}, None, None),
}


def test_days_that_mean_none_and_days_that_cannot_be(spark: "SparkSession") -> None:
    rows = conformed_rows(
        spark, SUBSCRIPTIONS, {case: SPELL | values for case, (values, _, _) in DAYS.items()}
    )
    found = {case: (row["remarks"], row["refused_rule"]) for case, row in rows.items()}
    assert found == {case: (remarks, rule) for case, (_, remarks, rule) in DAYS.items()}
    assert rows["a start that means none"]["refused_reason"] == (
        "1900-01-01 means none, and started_on is required"
    )
    assert [rows["several"][name] for name in ("expires_on", "notice_on", "ended_on")] == [None] * 3
    assert rows["the epoch as a start"]["started_on"] == date(1970, 1, 1)
    assert rows["an expiry without a horizon"]["refused_reason"] == (
        "expires_on is more than 18,263 days after the extract (name it in meansNone if it means none, or raise "
        "maxDaysAhead): 9999-01-01"
    )


def _custom(name: str, **values: object) -> Callable[[dict[str, Any]], None]:
    def edit(contract: dict[str, Any]) -> None:
        prop = next(p for p in contract["schema"][0]["properties"] if p["name"] == name)
        own = prop.setdefault("customProperties", [])
        own += [{"property": key, "value": value} for key, value in values.items()]

    return edit


def test_a_contract_says_which_days_mean_none_and_how_far_ahead_they_lie(
    spark: "SparkSession", tmp_path: Path
) -> None:
    file = business_copy(tmp_path) / "contracts" / "subscriptions.yaml"
    edit_yaml(file, _custom("ended_on", meansNone=["2049-12-31"], maxDaysAhead=30))
    edit_yaml(file, _custom("expires_on", meansNone=[]))
    edit_yaml(file, lambda c: c["customProperties"][3]["value"].update(dateOrder="warn"))
    cases = {
        "declared": {"ended_on": "2049-12-31"},
        "no longer": {"ended_on": "1970-01-01", "started_on": "1960-01-01"},
        "a month ahead": {"ended_on": "2025-04-06"},
        "more": {"ended_on": "2025-04-07"},
        "itself": {"expires_on": "1900-01-01"},
        "order": {"ended_on": "2025-01-01"},
    }
    rows = conformed_rows(spark, load_source(file), {case: SPELL | values for case, values in cases.items()})
    assert {case: (row["remarks"], row["refused_rule"]) for case, row in rows.items()} == {
        "declared": ("none:ended_on", None),
        "no longer": (None, None),
        "a month ahead": (None, None),
        "more": (None, "plausible:ended_on"),
        "itself": ("order:expires_on", None),
        "order": ("order:ended_on", None),
    }
    assert rows["order"]["ended_on"] == date(2025, 1, 1)


def test_days_of_parquet_and_moments_mean_none_too(spark: "SparkSession") -> None:
    good = {
        "ticket_id": "T1",
        "customer_id": "C1",
        "opened_at": "2025-03-07T10:00:00Z",
        "issue": json.dumps({"category": "billing"}),
    }
    closed = {"late": "9999-12-31T23:59:59Z", "zeros": "0000-00-00 00:00:00", "never": None}
    cases = {case: good | {"closed_at": value} for case, value in closed.items()}
    rows = conformed_rows(spark, TELECOM.source("tickets"), cases)
    found = {case: (row["closed_at"], row["remarks"], row["refused_rule"]) for case, row in rows.items()}
    told = (None, "none:closed_at", None)
    assert found == {"late": told, "zeros": told, "never": (None, None, None)}
    usage = {"customer_id": "C1", "voice_minutes": 1.0, "data_mb": 1.0}
    days = {"day": date(2025, 3, 6), "none": date(1900, 1, 1)}
    parquet = conformed_rows(
        spark, TELECOM.source("usage"), {case: usage | {"day": day} for case, day in days.items()}
    )
    assert {case: row["refused_rule"] for case, row in parquet.items()} == {
        "day": None,
        "none": "required:day",
    }
    assert parquet["none"]["refused_reason"] == "1900-01-01 means none, and day is required"
