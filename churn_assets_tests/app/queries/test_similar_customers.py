"""Similar customers are counted as an independent computation counts them, and only where the outcome is known."""

from datetime import date, timedelta
from pathlib import Path

import pandas as pd
import pytest

from churn_assets.app.queries.customer import customer_row
from churn_assets.app.queries.similar_customers import days_with_outcome, similar
from churn_assets.app.store import ReleaseStore
from churn_assets.ml.metrics.classification import wilson
from churn_assets_tests.app.queries.test_customer import opened
from churn_assets_tests.app.told import DAYS, SCORED, frames, publish_told


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> ReleaseStore:
    root = tmp_path_factory.mktemp("told")
    publish_told(root)
    return opened(root)


def _counted(key: str, alike: list[str]) -> dict[str, int]:
    """The same counts by pandas, case by case."""
    made = frames()
    cases = made["segments"][made["segments"]["as_of_date"] == DAYS[0]]
    own = made["segments"][made["segments"]["customer_key"] == key].iloc[-1]
    for name in alike:
        cases = cases[cases[name].fillna("-") == ("-" if pd.isna(own[name]) else own[name])]
    status = made["customers"].set_index("customer_key")["status"]
    heirs = made["customers"].set_index("customer_key")["survivor_key"].dropna()
    left = by_choice = stayed = unknown = 0
    for case in cases[cases["customer_key"] != key]["customer_key"]:
        events = made["churn_events"][made["churn_events"]["customer_key"] == heirs.get(case, case)]
        within = events[[DAYS[0] < day <= DAYS[0] + timedelta(days=37) for day in events["ended_on"]]]
        if len(within):
            left += 1
            by_choice += within["kind"].iloc[0] != "involuntary"
        elif status[case] in ("unknown", "disappeared"):
            unknown += 1
        else:
            stayed += 1
    return {"cases": left + stayed, "left": left, "by_choice": by_choice, "unknown": unknown}


@pytest.mark.parametrize("key", [SCORED[0], SCORED[3], SCORED[4]])
def test_counts_are_those_of_a_computation_case_by_case(store: ReleaseStore, key: str) -> None:
    row = customer_row(store, key)
    assert row is not None
    found = similar(store, row)
    assert found.alike == ("segment", "driver", "value_tier")
    expected = _counted(key, list(found.alike))
    assert expected == {name: getattr(found, name) for name in expected}
    assert (found.low, found.high) == wilson(found.left, found.cases)
    assert found.customers == found.cases and found.within == 37


def test_some_of_the_made_cases_left_by_choice_some_otherwise_and_some_are_unknown(
    store: ReleaseStore,
) -> None:
    row = customer_row(store, SCORED[3])
    assert row is not None
    found = similar(store, row)
    assert 0 < found.by_choice < found.left < found.cases and found.unknown == 2


def test_a_merged_customer_has_left_if_the_survivor_has(tmp_path: Path, store: ReleaseStore) -> None:
    made = frames()["customers"]
    publish_told(tmp_path, customers=made.assign(survivor_key=None))
    alone = opened(tmp_path)
    row = customer_row(store, SCORED[3])
    assert row is not None
    assert similar(store, row).left == similar(alone, row).left + 1


def test_only_days_whose_outcome_has_settled_count(store: ReleaseStore) -> None:
    assert days_with_outcome(store) == ((DAYS[0],), 37)


def test_without_a_settled_day_nothing_is_counted(tmp_path: Path) -> None:
    publish_told(tmp_path, known_until=None)
    store = opened(tmp_path)
    row = customer_row(store, SCORED[0])
    assert row is not None
    assert similar(store, row).days == () and similar(store, row).cases == 0


def test_a_case_whose_window_is_not_over_does_not_count_as_stayed(tmp_path: Path) -> None:
    publish_told(tmp_path, known_until=str(DAYS[0] + timedelta(days=39)))
    assert days_with_outcome(opened(tmp_path)) == ((), 37)
    publish_told(tmp_path, 1, known_until=str(DAYS[0] + timedelta(days=40)))
    assert days_with_outcome(opened(tmp_path)) == ((date(2025, 10, 31),), 37)


def test_few_similar_customers_are_looked_for_with_less_in_common(tmp_path: Path) -> None:
    made = frames()["segments"]
    alone = made["customer_key"].isin(SCORED[::30])
    publish_told(tmp_path, segments=made.assign(driver=made["driver"].mask(alone, "price")))
    store = opened(tmp_path)
    row = customer_row(store, SCORED[0])
    assert row is not None
    found = similar(store, row | {"driver": "price"})
    assert found.alike == ("segment",) and found.cases >= 20
    assert similar(store, row | {"segment": "a new segment"}).cases == 0
