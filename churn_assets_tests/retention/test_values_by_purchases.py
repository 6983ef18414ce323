"""Values of customers without a contract: what their purchases say, by what was known on a day."""

from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg
import numpy as np
import pytest

from churn_assets.contracts.business import Business
from churn_assets.contracts.loader import load_business
from churn_assets.graph.partitions import range_tags
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.months import month_end, month_of, month_range
from churn_assets.retention.lifetime_value_assets import ONE_VALUE, lifetime_value_assets
from churn_assets.retention.lifetime_values import NoValues, cohort_values, revenue_of, terms_of
from churn_assets.retention.purchases import purchases_known
from churn_assets_tests.checks import evaluations
from churn_assets_tests.lakes import business_copy, settings_for
from churn_assets_tests.scored_cohorts import write

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

CUSTOMERS = 400
FIRST, LAST = date(2024, 9, 30), date(2025, 3, 31)
REVENUE = "transactions_amount_sum_6m"


def key(n: int) -> str:
    return f"{n:016x}"


def bought(
    n: int, day: date, amount: float, quantity: int = 1, known: date | None = None, **more: Any
) -> dict[str, Any]:
    """A version of a purchase, known at the end of its month."""
    known_at = known or month_end(month_of(day))
    told = {
        "customer_key": key(n),
        "date": day,
        "quantity": quantity,
        "amount": Decimal(f"{amount:.2f}"),
        "known_at": known_at,
    }
    own = {
        "sequence": 1,
        "extract_month": month_of(known_at),
        "latest_in_month": True,
        "copies": 1,
        "refused": False,
    }
    return told | own | more


def purchases(seed: int = 6) -> list[dict[str, Any]]:
    """Customers who buy for 10 to 40 until they stop, from January 2024 on."""
    rng, rows = np.random.default_rng(seed), []
    for n in range(CUSTOMERS):
        day = date(2024, 1, 1) + timedelta(days=int(rng.integers(0, 150)))
        rate, stops, spends = rng.gamma(1.0, 1 / 40), rng.beta(1, 4), rng.uniform(10, 40)
        while day <= LAST:
            rows.append(bought(n, day, round(float(spends * rng.uniform(0.7, 1.3)), 2)))
            if rng.random() < stops:
                break
            day += timedelta(days=1 + int(rng.exponential(1 / rate)))
    return rows


@pytest.fixture
def business(tmp_path: Path) -> Business:
    return load_business(business_copy(tmp_path, "shop"))


@pytest.fixture
def lake(spark: "SparkSession", tmp_path: Path, business: Business) -> Lakehouse:
    """The purchases, two scored cohorts, and the revenue of the months between."""
    house, rows = Lakehouse(settings_for(tmp_path)), purchases()
    put(house, business, rows)
    snapshots, segments = [], []
    for day in (FIRST, LAST):
        since = date(day.year - (day.month < 7), (day.month + 5) % 12 + 1, 1)
        for n in {row["customer_key"] for row in rows if row["date"] <= day}:
            own = {"customer_key": n, "as_of_date": day}
            spent = sum(
                float(r["amount"]) for r in rows if r["customer_key"] == n and since <= r["date"] <= day
            )
            snapshots.append(own | {"tenure_days": 100.0, REVENUE: spent, "known_at": day})
            segments.append(
                own | {"segment": "all", "action": "none", "driver": "other", "model_version": "1"}
            )
    write(house, tables.customer_snapshots(business), snapshots)
    write(house, tables.CUSTOMER_SEGMENTS, segments)
    earned: dict[tuple[str, str], float] = {}
    for row in rows:
        of = row["customer_key"], month_of(row["date"])
        earned[of] = earned.get(of, 0.0) + float(row["amount"])
    months = month_range("2024-01", "2025-03")
    table = tables.customer_months(business)
    told = [{"customer_key": k, "month": m, "revenue": v, "purchases": 1.0} for (k, m), v in earned.items()]
    house.replace_rows(table, table.rows(told), "month", months, run_id="made")
    return house


def put(house: Lakehouse, business: Business, rows: list[dict[str, Any]]) -> None:
    table = tables.silver(business.source("transactions"))
    house.append_rows(table, table.rows(rows), run_id="made")


def known(house: Lakehouse, business: Business, day: date) -> Any:
    return purchases_known(house, business, revenue_of(business, terms_of(business)), day)


@pytest.mark.one_engine(reason="values in Python")
def test_the_asset_values_by_purchases_and_looks_back(lake: Lakehouse, business: Business) -> None:
    upstream = (tables.CUSTOMER_SEGMENTS, tables.CUSTOMER_SNAPSHOTS, tables.CUSTOMER_MONTHS)
    silver = tables.silver(business.source("transactions"))
    result = dg.materialize(
        [*lifetime_value_assets(business), *(dg.AssetSpec(t.key) for t in (*upstream, silver))],
        selection=dg.AssetSelection.assets(tables.LIFETIME_VALUES.key),
        resources={"lakehouse": lake},
        tags=range_tags(month_range("2025-03", "2025-03")),
    )
    assert evaluations(result)[f"retention/lifetime_values:{ONE_VALUE}"].passed
    rows = lake.arrow(tables.LIFETIME_VALUES).to_pandas()
    assert set(rows["method"]) == {"purchases"} and rows["observed_months"].isna().all()
    assert set(rows["judged_as_of_date"]) == {FIRST}
    [event] = result.get_asset_materialization_events()
    told = str(event.materialization.metadata["backtest"].value)
    assert f"customers of {FIRST}" in told and "for 6 months" in told
    assert "BG/NBD by week" in str(event.materialization.metadata["values"].value)


def test_expected_and_realised_margin_agree(lake: Lakehouse, business: Business) -> None:
    """Not exactly: the world is no BG/NBD world, and the months between are the test."""
    from churn_assets.retention.value_backtest import judged_values

    found = judged_values(lake, business, LAST, 24).found
    assert found.predicted == pytest.approx(found.earned, rel=0.25)
    assert found.tenths[-1].earned > 3 * found.tenths[0].earned


def test_purchases_of_one_day_are_one_and_returns_are_none(lake: Lakehouse, business: Business) -> None:
    day = date(2024, 8, 1)
    put(lake, business, [bought(900, day, 10.0), bought(900, day, 5.0), bought(900, day, -4.0, quantity=-1)])
    put(lake, business, [bought(900, date(2024, 8, 15), 20.0)])
    told = known(lake, business, FIRST)
    at = list(told.keys).index(key(900))
    assert (told.purchases[at], told.history.repeats[at], told.history.recency[at]) == (2, 1, 2.0)
    assert told.history.age[at] == pytest.approx((FIRST - day).days / 7)
    assert told.mean[at] == pytest.approx(17.5)
    assert told.kept_share < 1


@pytest.mark.one_engine(reason="values in Python")
def test_what_became_known_later_changes_nothing(lake: Lakehouse, business: Business) -> None:
    before = cohort_values(lake, business, FIRST, 24, 0.1).rows
    late = [
        bought(1, date(2024, 9, 1), 5000.0, known=date(2024, 10, 31)),
        bought(2, date(2024, 12, 1), 5000.0),
        bought(3, date(2024, 9, 2), 1.0, known=date(2024, 9, 30), refused=True, sequence=9),
    ]
    put(lake, business, late)
    after = cohort_values(lake, business, FIRST, 24, 0.1).rows
    assert before.equals(after)


@pytest.mark.one_engine(reason="values in Python")
def test_too_few_purchases_give_no_values_and_say_why(
    spark: "SparkSession", tmp_path: Path, business: Business, lake: Lakehouse
) -> None:
    with pytest.raises(NoValues, match=r"\d+ customers have bought; 100 are needed"):
        cohort_values(lake, business, date(2024, 1, 31), 24, 0.1)
