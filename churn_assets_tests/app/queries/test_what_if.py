"""A what-if question may change what the business can change, within what the model has seen."""

import pytest

from churn_assets.app.queries.what_if import Lever, ask, levers, present_values
from churn_assets.app.store import ReleaseStore
from churn_assets.contracts.feature import Feature
from churn_assets.ml.portable.what_if import Observed, WhatIfError
from churn_assets_tests.app.queries.test_customer import opened
from churn_assets_tests.app.told import SCORED, WITHOUT, publish_told


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> ReleaseStore:
    root = tmp_path_factory.mktemp("told")
    publish_told(root)
    return opened(root)


def test_levers_are_actionable_features_with_a_choice(store: ReleaseStore) -> None:
    present = present_values(store, SCORED[0])
    assert present is not None
    found = {lever.feature.name: lever for lever in levers(store, present.values)}
    assert list(found) == ["tickets_count_3m", "tenure_days", "region"]
    assert found["tenure_days"].whole and found["tenure_days"].present == present.values["tenure_days"]
    assert all(lever.is_present_observed for lever in found.values())


def test_a_missing_value_is_not_among_those_that_were_observed(store: ReleaseStore) -> None:
    present = present_values(store, SCORED[1])
    assert present is not None
    assert present.values["tenure_days"] is None
    assert not {lever.feature.name: lever for lever in levers(store, present.values)}[
        "tenure_days"
    ].is_present_observed


def test_who_has_no_snapshot_has_no_present_values(store: ReleaseStore) -> None:
    assert present_values(store, WITHOUT["former"]) is None


def test_the_answer_is_that_of_the_model(store: ReleaseStore) -> None:
    present = present_values(store, SCORED[0])
    assert present is not None
    [[stored]] = [
        r.values()
        for r in store.rows("SELECT probability FROM customers WHERE customer_key = ?", [SCORED[0]])
    ]
    answer = ask(
        store, present.values, {"tickets_count_3m": 3.0 if present.values["tickets_count_3m"] != 3 else 0.0}
    )
    assert answer.before == pytest.approx(stored, abs=1e-12) and answer.after != answer.before
    assert ask(store, present.values, {}).after == answer.before


def test_a_value_that_was_not_observed_is_refused(store: ReleaseStore) -> None:
    present = present_values(store, SCORED[0])
    assert present is not None
    with pytest.raises(WhatIfError, match="lies outside"):
        ask(store, present.values, {"tenure_days": 9000.0})


@pytest.mark.parametrize(
    ("low", "high", "whole", "step"),
    [(6.0, 702.0, True, 10.0), (13.5, 80.7, False, 1.0), (0.0, 5.0, True, 1.0), (0.0, 0.8, False, 0.01)],
)
def test_a_slider_has_about_a_hundred_round_steps(low: float, high: float, whole: bool, step: float) -> None:
    lever = Lever(Feature("x", "number", "price", "x"), "", Observed(low=low, high=high), None, whole)
    assert lever.step == pytest.approx(step)
