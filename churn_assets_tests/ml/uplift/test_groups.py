"""Groups of customers by their effects tell what was seen only where enough left to tell it."""

from dataclasses import replace

import numpy as np
import pytest

from churn_assets.ml.uplift.groups import (
    EVERYBODY,
    LEAST_SEEN,
    LITTLE,
    PERSUADABLE,
    WOKEN,
    effect_groups,
    kinds_of,
)
from churn_assets.ml.uplift.learners import fold_chances, robust_effects
from churn_assets_tests.ml.uplift.worlds import contacts

pytestmark = pytest.mark.one_python(reason="NumPy and SciPy count")


def test_customers_are_told_by_their_effects() -> None:
    found = kinds_of(np.array([0.3, 0.1, 0.0, -0.1, 0.2, 0.05, 0.04, 0.03, 0.02, 0.01]), 0.4)
    assert found.tolist() == [PERSUADABLE, LITTLE, LITTLE, WOKEN, PERSUADABLE, *[LITTLE] * 5]
    assert set(kinds_of(np.array([-0.1, 0.0]), 0.4)) == {
        WOKEN,
        LITTLE,
    }  # nobody who is not kept is persuadable


def test_where_only_the_constant_effect_remains_nobody_is_called_persuadable() -> None:
    assert set(kinds_of(np.array([0.3, 0.1, -0.1]), 0.0)) == {EVERYBODY}


@pytest.mark.parametrize("left", [LEAST_SEEN - 1, LEAST_SEEN])
def test_what_a_group_did_is_unknown_while_hardly_anybody_left(left: int) -> None:
    """Of a handful the model of the chances alone would speak, with an interval of nearly nothing."""
    trial, effect = contacts(400)
    names = np.where(np.arange(400) < 200, "few", "many").astype(object)
    treated = np.arange(400) % 2 == 0
    churned = np.where(names == "few", np.arange(400) < 2 * left, trial.churned)
    told = replace(trial, treated=treated, churned=churned)
    robust = robust_effects(told, fold_chances(told, 7).by_others())
    groups = {group.name: group for group in effect_groups(told, effect, robust, names)}
    assert (groups["few"].observed is None) == (left < LEAST_SEEN)
    assert groups["many"].observed is not None
    assert (groups["few"].contacts, groups["few"].controls) == (100, 100)
