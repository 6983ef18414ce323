"""What became of the customers of alerts, and how good each rule is by it."""

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from churn_assets.alerts.outcomes import with_outcomes
from churn_assets.alerts.quality import leaving_rates
from churn_assets.alerts.words import quality_cells, quality_sentence
from churn_assets.contracts.business import Business
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.ml.metrics.rule_quality import rule_qualities
from churn_assets_tests.alerts.lake import business_of, lake

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.one_engine(
    reason="counts in Python; `test_assets` judges conditions on both engines"
)

MONTHS = ["2025-06", "2025-07"]
ALERT = {"as_of_date": date(2025, 6, 10), "rule": "rose", "state": "delivered", "outcome": None}


def alert(number: int, **more: Any) -> dict[str, Any]:
    return ALERT | {"alert_id": f"{number}", "customer_key": f"c{number}"} | more


def passed(source: str, month: str, *days: int) -> dict[str, Any]:
    extracts = [date(int(month[:4]), int(month[5:]), day) for day in days]
    return {
        "source": source,
        "extract_month": month,
        "delivered": 1,
        "accepted": 1,
        "duplicate": 0,
        "quarantined": 0,
        "balances": True,
        "extract_dates": extracts,
    }


def ended(house: Lakehouse, business: Business, ends: dict[str, date | None]) -> None:
    """Subscriptions of customers with the day on which each ended by choice."""
    source = business.label_source
    table = tables.silver(source)
    rows = [
        dict.fromkeys(table.types)
        | {"customer_key": key, "subscription_id": key, "started_on": date(2025, 1, 1), "ended_on": end}
        | {"end_reason": "price" if end else None, "refused": False, "sequence": 1}
        | {"known_at": date(2025, 7, 25), "extract_month": "2025-07"}
        for key, end in ends.items()
    ]
    house.replace_rows(table, table.rows(rows), "extract_month", ["2025-07"], run_id="test")
    for entity in business.tells_who_is_gone:  # everybody is listed every month
        table = tables.silver(entity)
        listed = [
            dict.fromkeys(table.types)
            | {"customer_key": key, "refused": False, "sequence": 1}
            | {"known_at": date.fromisoformat(f"{month}-28"), "extract_month": month}
            for key in ends
            for month in MONTHS
        ]
        house.replace_rows(table, table.rows(listed), "extract_month", MONTHS, run_id="test")


def reconciled(house: Lakehouse, *rows: dict[str, Any]) -> None:
    table = tables.RECONCILIATION
    months = sorted({row["extract_month"] for row in rows})
    house.replace_rows(table, table.rows(list(rows)), "extract_month", months, run_id="test")


def test_an_outcome_is_told_when_it_can_be_known_and_not_before(
    tmp_path: Path, spark: "SparkSession"
) -> None:
    """As of 10 June: gap to 17 June, outcome window to 17 July, settled by the first extract from 20 July on."""
    business = business_of(tmp_path)
    house = lake(tmp_path, [])
    ended(
        house,
        business,
        {"c1": date(2025, 6, 15), "c2": date(2025, 7, 1), "c3": None, "c4": date(2025, 7, 19)},
    )
    rows = [alert(n) for n in (1, 2, 3, 4)] + [alert(5, outcome="stayed", customer_key="c1")]
    name = business.label_source.name
    before = [passed(name, "2025-06", 30), passed(name, "2025-07", 18)]
    others = [passed(s.name, m, 28) for s in business.tells_who_is_gone for m in MONTHS]
    reconciled(house, *before, *others)
    assert with_outcomes(house, business, rows) == []
    reconciled(house, before[0], passed(name, "2025-07", 18, 25), *others)
    found = with_outcomes(house, business, rows)
    assert {row["alert_id"]: row["outcome"] for row in found} == {
        "1": "ended_in_gap",
        "2": "churned",
        "3": "stayed",
        "4": "stayed",
    }
    assert {row["outcome_known_at"] for row in found} == {date(2025, 7, 25)}


def test_precision_and_lift_count_what_was_told_and_is_known() -> None:
    outcomes = ["churned", "ended_in_gap", "stayed", "stayed", "merged", None]
    rows = [alert(n, outcome=outcome) for n, outcome in enumerate(outcomes)]
    rows.append(alert(9, state="suppressed", outcome="churned"))
    rows[0]["state"] = "acknowledged"
    [one] = rule_qualities(rows, {date(2025, 4, 30): 0.9, date(2025, 5, 31): 0.1, date(2025, 6, 30): 0.9})
    assert (one.told, one.suppressed, one.acknowledged, one.known, one.left) == (6, 1, 1, 4, 2)
    assert (one.precision, one.base_rate, one.lift) == (0.5, 0.1, 5.0)
    assert quality_cells(one)[-2:] == ("50% (15% to 85%)", "5.0")
    assert "5.0 times as many as of all customers (10.0%)" in quality_sentence(one)


def test_what_is_not_known_is_not_told_as_zero() -> None:
    [one] = rule_qualities([alert(1)], {date(2025, 5, 31): 0.1})
    assert (one.precision, one.lift, quality_cells(one)[-2:]) == (
        None,
        None,
        ("not known yet", "not known yet"),
    )
    [without_base] = rule_qualities([alert(1, outcome="churned")], {})
    assert (without_base.precision, without_base.lift) == (1.0, None)
    [nobody_left] = rule_qualities([alert(1, outcome="stayed")], {date(2025, 5, 31): 0.0})
    assert (nobody_left.precision, nobody_left.lift) == (0.0, None)


def test_rates_of_leaving_leave_out_what_is_neither(tmp_path: Path) -> None:
    house = lake(tmp_path, [])
    table, day = tables.CHURN_LABELS, date(2025, 5, 31)
    outcomes = ["churned", "ended_in_gap", "stayed", "stayed", "involuntary_end", "pending"]
    rows = [
        {"customer_key": f"{n}", "as_of_date": day, "outcome": outcome} for n, outcome in enumerate(outcomes)
    ]
    rows.append({"customer_key": "0", "as_of_date": date(2025, 6, 30), "outcome": "pending"})
    house.replace_rows(table, table.rows(rows), "as_of_date", [day, date(2025, 6, 30)], run_id="test")
    assert leaving_rates(house) == {day: 0.5}
