"""Churn rates and the retention triangle, compared with pandas."""

import pandas as pd
import pytest

from churn_assets.app.queries import churn
from churn_assets.app.store import ReleaseStore
from churn_assets_tests.app.computed import check_churn
from churn_assets_tests.app.scored_months import MONTHS


def test_rates_and_groups_agree_with_pandas(months_store: ReleaseStore) -> None:
    check_churn(months_store)


def test_tenure_is_the_last_dimension_and_the_unknown_group_the_last_row(months_store: ReleaseStore) -> None:
    assert churn.dimensions(months_store) == ["plan", "tenure"]
    groups = churn.by_group(months_store, "plan", MONTHS[0], MONTHS[2])["group"].tolist()
    assert sorted(groups[:2]) == ["basic", "plus"]
    assert groups[2] == churn.NOT_KNOWN


def test_a_span_counts_its_months_only(months_store: ReleaseStore) -> None:
    one = churn.by_group(months_store, "plan", MONTHS[2], MONTHS[2])
    assert one["customer_months"].tolist() == [398] * 3


def test_nobody_at_the_start_gives_no_rate() -> None:
    low, high = churn.intervals(pd.Series([0, 1]), pd.Series([None, 10.0]))
    assert low.isna().tolist() == high.isna().tolist() == [True, False]
    none, all_of_them = churn.intervals(pd.Series([0, 10]), pd.Series([10.0, 10.0]))
    assert none.iloc[0] == 0
    assert all_of_them.iloc[1] == pytest.approx(1)


def test_lost_customers_and_revenue_stand_with_a_minus(months_store: ReleaseStore) -> None:
    told = {row["flow"]: row for row in churn.balance(months_store, MONTHS[0]).to_dict("records")}
    assert told["lost_by_choice"]["customers"] < 0
    assert told["unknown"]["customers"] == -6
    assert told["contraction"]["revenue"] == -60
    assert told["expansion"]["customers"] == 0


def test_the_triangle_has_a_row_per_month_of_joining_and_month_since(months_store: ReleaseStore) -> None:
    found = churn.triangle(months_store)
    assert found[["joined_month", "months_since"]].values.tolist() == [
        ["2025-10", 0],
        ["2025-10", 1],
        ["2025-10", 2],
        ["2025-11", 0],
        ["2025-11", 1],
        ["2025-12", 0],
    ]
    assert (found["retention"] == found["customers"] / (found["joined"] - found["unknown"])).all()
