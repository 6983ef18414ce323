"""Values of customers with a contract: the formula, the backtest, and when a plan may use them."""

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg
import numpy as np
import pytest

from churn_assets.contracts.business import Business
from churn_assets.graph.partitions import range_tags
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.retention.lifetime_value_assets import (
    BETTER_THAN_CONSTANT,
    CAME_TRUE,
    ONE_VALUE,
    lifetime_value_assets,
)
from churn_assets.retention.lifetime_values import cohort_values
from churn_assets.retention.value_backtest import judged_values
from churn_assets_tests.checks import evaluations, require_blocked
from churn_assets_tests.lakes import not_as_declared
from churn_assets_tests.retention.valued_lakes import (
    CUSTOMERS,
    JUNE,
    LAST,
    MONTHS,
    REVENUE,
    invoice,
    key,
    put_invoices,
    valued_business,
    valued_lake,
)
from churn_assets_tests.scored_cohorts import write

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.one_engine(reason="values in Python")

NAME = "retention/lifetime_values"


@pytest.fixture
def business(spark: "SparkSession", tmp_path: Path) -> Business:
    return valued_business(tmp_path)


def made(house: Lakehouse, business: Business, months: list[str], **more: Any) -> dg.ExecuteInProcessResult:
    upstream = (
        tables.CUSTOMER_SEGMENTS,
        tables.CUSTOMER_SNAPSHOTS,
        tables.EXPECTED_LIFETIMES,
        tables.CUSTOMER_MONTHS,
    )
    return dg.materialize(
        [*lifetime_value_assets(business), *(dg.AssetSpec(t.key) for t in upstream)],
        selection=dg.AssetSelection.assets(tables.LIFETIME_VALUES.key),
        resources={"lakehouse": house},
        tags=range_tags(months),
        **more,
    )


def rows_of(house: Lakehouse) -> dict[str, dict[str, Any]]:
    found = house.arrow(tables.LIFETIME_VALUES, None, [("as_of_date", "=", LAST)]).to_pylist()
    return {row["customer_key"]: row for row in found}


@pytest.mark.both_engines
def test_a_value_is_the_margin_times_the_discounted_months(tmp_path: Path, business: Business) -> None:
    house = valued_lake(tmp_path, business)
    result = made(house, business, MONTHS[-1:])
    assert not not_as_declared(house, business).keys() & {tables.LIFETIME_VALUES.path}
    lifetimes = house.arrow(tables.EXPECTED_LIFETIMES, None, [("as_of_date", "=", LAST)]).to_pylist()
    months = np.arange(0, 24, 1 / 50) + 1 / 100
    found = rows_of(house)
    for row in lifetimes[:40]:
        if row["customer_key"] == key(7):
            continue
        rate = -np.log(row["survival_3m"]) / 3
        own = found[row["customer_key"]]
        area = (np.exp(-rate * months) * 1.1 ** (-months / 12)).sum() / 50
        assert own["lifetime_value"] == pytest.approx(own["monthly_margin"] * area, rel=0.01)
        kept = months > 30 / (365.25 / 12)
        area = (np.exp(-rate * months[kept]) * 1.1 ** (-months[kept] / 12)).sum() / 50
        assert own["value_if_kept"] == pytest.approx(
            own["monthly_margin"] * area * np.exp(rate * 30 / (365.25 / 12)), rel=0.01
        )
        assert own["lifetime_value_low"] < own["lifetime_value"] < own["lifetime_value_high"]
    assert {row["observed_months"] for row in found.values()} == {9}
    assert evaluations(result)[f"{NAME}:{ONE_VALUE}"].passed


def test_an_unknown_margin_gives_no_value_and_no_zero(tmp_path: Path, business: Business) -> None:
    house = valued_lake(tmp_path, business)
    made(house, business, MONTHS[:1])
    [row] = house.arrow(tables.LIFETIME_VALUES, None, [("customer_key", "=", key(7))]).to_pylist()
    told = ("monthly_margin", "lifetime_value", "lifetime_value_low", "lifetime_value_high", "value_if_kept")
    assert [row[name] for name in told] == [None] * 5


@pytest.mark.both_engines
def test_values_that_came_true_are_better_than_the_constant(tmp_path: Path, business: Business) -> None:
    house = valued_lake(tmp_path, business)
    result = made(house, business, MONTHS[-1:])
    found = evaluations(result)
    assert found[f"{NAME}:{CAME_TRUE}"].passed and found[f"{NAME}:{BETTER_THAN_CONSTANT}"].passed
    assert {(r["better_than_constant"], r["judged_as_of_date"]) for r in rows_of(house).values()} == {
        (True, JUNE)
    }
    [event] = result.get_asset_materialization_events()
    metadata = event.materialization.metadata
    assert "for 6 months" in str(metadata["backtest"].value)
    assert "data:image/png" in str(metadata["predicted and earned"].value)


def test_lifetimes_that_say_nothing_leave_the_plan_with_the_constant(
    tmp_path: Path, business: Business
) -> None:
    house = valued_lake(tmp_path, business, differ=False)
    found = evaluations(made(house, business, MONTHS[-1:]))[f"{NAME}:{BETTER_THAN_CONSTANT}"]
    assert (found.passed, found.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert "not shown to be better" in str(found.description)
    assert {r["better_than_constant"] for r in rows_of(house).values()} == {False}


def test_values_that_were_too_high_are_a_failed_check_with_the_tenths(
    tmp_path: Path, business: Business
) -> None:
    house = valued_lake(tmp_path, business, off=0.6)
    result = made(house, business, MONTHS[-1:])
    assert result.success
    found = evaluations(result)[f"{NAME}:{CAME_TRUE}"]
    assert (found.passed, found.blocking) == (False, False)
    assert "tenths 1, 2, 3, 4, 5, 6, 7, 8, 9, 10" in str(found.description)
    assert "off" in str(found.metadata["tenths"].value)


def test_a_month_that_was_never_made_is_not_taken_for_a_month_without_revenue(
    tmp_path: Path, business: Business
) -> None:
    house, table = valued_lake(tmp_path, business), tables.customer_months(business)
    house.replace_rows(table, table.rows([]), "month", ["2025-09"], run_id="lost")
    found = evaluations(made(house, business, MONTHS[-1:]))
    for name in (CAME_TRUE, BETTER_THAN_CONSTANT):
        assert "2025-09 is missing in gold/customer_months" in str(found[f"{NAME}:{name}"].description)
    assert {row["better_than_constant"] for row in rows_of(house).values()} == {None}


def test_without_an_earlier_prediction_nothing_is_judged(tmp_path: Path, business: Business) -> None:
    house = valued_lake(tmp_path, business)
    result = made(house, business, MONTHS[:1])
    for name in (CAME_TRUE, BETTER_THAN_CONSTANT):
        found = evaluations(result)[f"{NAME}:{name}"]
        assert "No outcome was known by 2025-06-30" in str(found.description)
    rows = house.arrow(tables.LIFETIME_VALUES).to_pylist()
    assert {row["better_than_constant"] for row in rows} == {None}


def test_a_cohort_without_lifetimes_has_no_values(tmp_path: Path, business: Business) -> None:
    house = valued_lake(tmp_path, business)
    house.replace_rows(
        tables.EXPECTED_LIFETIMES, tables.EXPECTED_LIFETIMES.rows([]), "as_of_date", [LAST], run_id="made"
    )
    result = made(house, business, MONTHS[-1:])
    assert house.count(tables.LIFETIME_VALUES) == 0
    assert f"Nobody's lifetime is expected as of {LAST}" in str(
        evaluations(result)[f"{NAME}:{ONE_VALUE}"].description
    )


def test_nothing_that_became_known_later_changes_a_value(tmp_path: Path, business: Business) -> None:
    first = valued_lake(tmp_path / "first", business)
    made(first, business, MONTHS[:1])
    later = valued_lake(tmp_path / "later", business, off=3.0)
    made(later, business, MONTHS)
    june = later.arrow(tables.LIFETIME_VALUES, None, [("as_of_date", "=", JUNE)])
    assert first.arrow(tables.LIFETIME_VALUES).sort_by("customer_key").equals(june.sort_by("customer_key"))


def test_a_correction_that_became_known_later_changes_no_judgement(
    tmp_path: Path, business: Business
) -> None:
    """Else a plan made again would rest on what nobody knew at its as_of_date; one known in time counts."""
    house = valued_lake(tmp_path, business)
    before = judged_values(house, business, LAST, 24)
    forged = [(n, month) for n in range(CUSTOMERS) for month in MONTHS[1:]]
    later = LAST + timedelta(days=20)
    put_invoices(house, business, [invoice(n, month, 999.0, later, 2) for n, month in forged])
    assert judged_values(house, business, LAST, 24) == before
    put_invoices(house, business, [invoice(n, month, 999.0, LAST, 3) for n, month in forged])
    assert judged_values(house, business, LAST, 24).found.earned > 5 * before.found.earned


def test_values_outside_their_interval_are_never_written(
    tmp_path: Path, business: Business, monkeypatch: pytest.MonkeyPatch
) -> None:
    from churn_assets.retention import lifetime_values

    real = lifetime_values._frame

    def broken(*columns: Any) -> Any:
        return real(*columns).assign(lifetime_value_low=1e9)

    monkeypatch.setattr(lifetime_values, "_frame", broken)
    house = valued_lake(tmp_path, business)
    with dg.DagsterInstance.ephemeral() as instance:
        result = made(house, business, MONTHS[:1], instance=instance, raise_on_error=False)
        evidence = require_blocked(result, instance, tables.LIFETIME_VALUES, ONE_VALUE)
    assert "values out of order" in evidence
    assert not house.exists(tables.LIFETIME_VALUES)


def test_the_revenue_of_a_new_customer_is_divided_by_the_months_since_they_came(
    tmp_path: Path, business: Business
) -> None:
    house = valued_lake(tmp_path, business)
    rows = house.arrow(tables.CUSTOMER_SNAPSHOTS, None, [("as_of_date", "=", JUNE)]).to_pylist()
    tenures = {key(0): 15.0, key(1): 45.0, key(2): 800.0}
    write(
        house,
        tables.customer_snapshots(business),
        [r | {"tenure_days": tenures.get(r["customer_key"], 300.0)} for r in rows],
    )
    margins = cohort_values(house, business, JUNE, 24, 0.1).rows.set_index("customer_key")["monthly_margin"]
    revenue = {row["customer_key"]: row[REVENUE] for row in rows}
    for who, months in ((key(0), 1.0), (key(1), 45 / (365.25 / 12)), (key(2), 3.0)):
        assert margins[who] == pytest.approx(0.5 * revenue[who] / months)
