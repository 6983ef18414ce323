"""Snapshots of small lakes, from landing to the frame."""

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from pyspark.sql import functions as F

from churn_assets.contracts.loader import load_business
from churn_assets.features.snapshots import customer_snapshots
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.months import month_end
from churn_assets.silver.load import load_silver
from churn_assets_tests.lakes import (
    business_copy,
    edit_yaml,
    give_keys,
    settings_for,
    small_business,
    to_bronze,
    write_csv,
    write_jsonl,
)

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

LABELLED = {
    "telecom": {"subscription_id": "S1", "plan": "basic", "contract_months": 0, "monthly_price": 10}
    | {"customer_id": "C1", "started_on": "2024-12-01"},
    "shop": {"customer_id": "C1", "date": "2025-01-02", "quantity": 1, "amount": "9.50"},
}


@pytest.mark.parametrize(("name", "tenure"), [("telecom", 61.0), ("shop", 29.0)])
def test_tenure_alone_is_a_feature(spark: "SparkSession", tmp_path: Path, name: str, tenure: float) -> None:
    """What is known of such a customer is known from the source of the labels."""
    source = {"telecom": "subscriptions", "shop": "transactions"}[name]
    features = [{"source": source, "aggregate": "tenure"}, {"name": "years", "sql": "tenure_days / 365.25"}]
    if name == "telecom":
        folder = small_business(tmp_path, features=features, protected=None)
    else:
        value = {"feature": "tenure_days", "high": 0.67, "middle": 0.33}
        segments = {
            "risk": {"high": 0.9, "elevated": 0.7},
            "value": value,
            "rules": [{"name": "all", "action": "x"}],
        }
        folder = business_copy(tmp_path, name, features=features, segments=segments)
    business, house = load_business(folder), Lakehouse(settings_for(tmp_path, folder))
    write_csv(house.settings.landing_uri, source, "2025-01-31", [LABELLED[name]])
    to_bronze(house, business, ["2025-01"])
    give_keys(house, business, ["2025-01"])
    load_silver(house, business, business.source(source), ["2025-01"], "silver", date.max)
    [row] = customer_snapshots(house, business, [date(2025, 1, 31)]).snapshots.collect()
    assert (row["tenure_days"], row["known_at"]) == (tenure, date(2025, 1, 31))


def _lake_of_tickets(tmp_path: Path, tickets_since: str | None) -> list[dict[str, object]]:
    """Snapshots of April and May: one ticket with one message in each month from March on, of two customers.

    `old` came in 2024, `new` on 15 March. February's tickets of `old` were delivered only if the source is that old.
    """
    features = [
        {"source": "subscriptions", "aggregate": "tenure"},
        {"source": "tickets", "aggregate": "count", "months": [1, 3]},
        {"source": "tickets", "aggregate": "count_ever"},
        {"source": "tickets", "aggregate": "trend", "measure": "message_count", "months": [1]},
        {"source": "tickets", "aggregate": "recency"},
    ]
    folder = small_business(tmp_path, features=features, protected=None)
    if tickets_since:
        available = {"property": "generalAvailability", "value": tickets_since}
        edit_yaml(folder / "contracts" / "tickets.yaml", lambda c: c["slaProperties"].append(available))
    business, house = load_business(folder), Lakehouse(settings_for(tmp_path, folder))
    months = ["2025-02", "2025-03", "2025-04", "2025-05"]
    landing = house.settings.landing_uri
    base = LABELLED["telecom"]
    write_csv(landing, "subscriptions", "2025-02-28", [base | {"subscription_id": "S0"}])
    late = base | {"subscription_id": "S2", "customer_id": "C2", "started_on": "2025-03-15"}
    write_csv(landing, "subscriptions", "2025-03-31", [late])
    for month in months[1 if tickets_since else 0 :]:
        people = ["C1"] if month == "2025-02" else ["C1", "C2"]
        told = [
            {"ticket_id": f"{who} {month}", "customer_id": who, "opened_at": f"{month}-20T10:00:00Z"}
            | {"issue": {"category": "billing"}, "messages": [{"at": "x"}]}
            for who in people
        ]
        write_jsonl(landing, "tickets", f"{month}-28", told)
    to_bronze(house, business, months)
    give_keys(house, business, months)
    for name in ("subscriptions", "tickets"):
        source = business.source(name)
        load_silver(house, business, source, months, "silver", date(2025, 2, 1))
    frame = customer_snapshots(house, business, [month_end(m) for m in months[2:]]).snapshots
    return [row.asDict() for row in frame.orderBy("as_of_date", F.desc("tenure_days")).collect()]


NAMES = ("tickets_count_1m", "tickets_count_3m", "tickets_count_ever", "tickets_message_count_trend_1m")


def test_what_a_young_source_was_not_there_to_tell_is_unknown_and_not_zero(
    spark: "SparkSession", tmp_path: Path
) -> None:
    rows = _lake_of_tickets(tmp_path, "2025-03-01")
    old = [tuple(row[name] for name in NAMES) for row in rows if row["tenure_days"] > 100]
    assert old == [(1.0, None, 2.0, 0.0), (1.0, 3.0, 3.0, 0.0)], (
        "three months that begin in February, in March"
    )
    assert {row["tickets_recency_days"] for row in rows} == {10.0, 11.0}


def test_a_trend_is_unknown_for_customers_who_came_after_the_earlier_window_began(
    spark: "SparkSession", tmp_path: Path
) -> None:
    """At the end of April it compares with March, in the middle of which the second customer came."""
    rows = _lake_of_tickets(tmp_path, None)
    found = [(row["as_of_date"].month, *(row[name] for name in NAMES[::3])) for row in rows]
    assert found == [(4, 1.0, 0.0), (4, 1.0, None), (5, 1.0, 0.0), (5, 1.0, 0.0)]
    assert [row["tickets_count_3m"] for row in rows] == [3.0, 2.0, 3.0, 3.0]
