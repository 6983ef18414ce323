"""The tenths of the newest judged cohort in a release."""

from typing import Any

import pytest

from churn_assets.contracts.business import Business
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.monitoring.read_cohorts import judged
from churn_assets.months import month_end
from churn_assets.serving.calibration import CALIBRATION, calibration_table
from churn_assets.serving.columns import catalogue_of
from churn_assets_tests.scored_cohorts import MONTHS, write


def judge(lakehouse: Lakehouse, business: Business) -> list[dict[str, Any]]:
    rows = [row for month in MONTHS for row in judged(lakehouse, business, month, [])]
    write(lakehouse, tables.MODEL_PERFORMANCE, rows)
    return rows


def test_they_are_of_the_newest_cohort_with_figures_and_count_its_customers(
    lakehouse: Lakehouse, business: Business
) -> None:
    rows = judge(lakehouse, business)
    [june] = [row for row in rows if row["status"] == "ok"]
    found = calibration_table(lakehouse)
    assert not isinstance(found, str)
    told = found.to_pandas()
    assert set(told["as_of_date"]) == {month_end("2025-06")}, "July lacks an extract, August is pending"
    assert told["tenth"].tolist() == [*range(1, 11)]
    assert told["predicted"].is_monotonic_decreasing
    assert (told["customers"].sum(), told["positives"].sum()) == (june["n"], june["positives"])
    assert (told["predicted"] * told["customers"]).sum() == pytest.approx(june["expected_positives"])
    told_columns = catalogue_of(business, {CALIBRATION.name: found})[CALIBRATION.name]["columns"]
    assert all(column["meaning"] for column in told_columns)
    assert ((told["low"] <= told["observed"]) & (told["observed"] <= told["high"])).all()


def test_without_a_judged_cohort_it_says_why(lakehouse: Lakehouse, business: Business) -> None:
    assert calibration_table(lakehouse) == "monitoring/model_performance was never materialised"
    rows = judge(lakehouse, business)
    write(lakehouse, tables.MODEL_PERFORMANCE, [row | {"status": "immature"} for row in rows])
    assert calibration_table(lakehouse) == "monitoring/model_performance has no cohort with figures yet"
