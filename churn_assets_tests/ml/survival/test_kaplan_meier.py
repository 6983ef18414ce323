"""Retention curves against a product-limit estimate written down in plain Python."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from churn_assets.ml.survival.follow_up import follow_up
from churn_assets.ml.survival.kaplan_meier import RetentionCurve, customer_steps, kaplan_meier
from churn_assets_tests.ml.survival.worlds import follow_world

pytestmark = pytest.mark.one_python(reason="NumPy and SciPy count")

Life = tuple[int, int, bool]  # age at entry, steps seen, whether the customer left in the last of them


def curve_of(lives: list[Life], least: int = 1) -> RetentionCurve | None:
    age = [entry + at for entry, steps, _ in lives for at in range(steps)]
    left = [left and at == steps - 1 for _, steps, left in lives for at in range(steps)]
    return kaplan_meier(np.array(age, dtype=np.int64), np.array(left, dtype=bool), least)


LIVES = st.lists(st.tuples(st.integers(0, 5), st.integers(1, 5), st.booleans()), min_size=1, max_size=30)


@given(LIVES)
def test_it_is_the_product_limit_over_those_at_risk(lives: list[Life]) -> None:
    curve = curve_of(lives)
    assert curve is not None
    share, variance = 1.0, 0.0
    for at, retention in enumerate(curve.retention):
        age = curve.first_age + at
        at_risk = sum(entry <= age < entry + steps for entry, steps, _ in lives)
        left = sum(left and entry + steps - 1 == age for entry, steps, left in lives)
        assert (curve.at_risk[at], curve.left[at]) == (at_risk, left)
        share *= 1 - left / at_risk
        assert retention == pytest.approx(share)
        assert 0 <= curve.low[at] <= share + 1e-12
        assert share - 1e-12 <= curve.high[at] <= 1
        if 0 < share < 1:
            variance += left / at_risk / (at_risk - left)
            wide = np.exp(1.959963984540054 * np.sqrt(variance) / -np.log(share))
            assert curve.low[at] == pytest.approx(share**wide)


def test_customers_count_only_from_the_age_at_which_they_were_first_seen() -> None:
    """Ten old customers whom nobody saw young say nothing about the young."""
    curve = curve_of([(0, 1, True)] * 5 + [(0, 1, False)] * 5 + [(1, 1, False)] * 10)
    assert curve is not None
    assert curve.at_risk.tolist() == [10, 10]
    assert curve.retention.tolist() == [0.5, 0.5]


def test_it_begins_and_ends_where_enough_customers_were_seen() -> None:
    curve = curve_of([(0, 5, False)] * 3 + [(1, 3, False)] * 20, least=20)
    assert curve is not None
    assert (curve.first_age, len(curve.retention)) == (1, 3)
    assert curve_of([(0, 5, False)] * 3, least=20) is None


def test_nobody_left_is_not_certain_to_stay() -> None:
    curve = curve_of([(0, 1, False)] * 40)
    assert curve is not None
    assert curve.high[0] == curve.retention[0] == 1
    assert curve.low[0] == pytest.approx(0.025 ** (1 / 40))


def test_intervals_cover_the_truth() -> None:
    """Customers who leave with a chance of 5 % a month, first seen at any age: 95 % intervals cover about 95 %."""
    covered = total = 0
    for seed in range(40):
        rows = follow_world(np.full(400, 0.05), months=10, seed=seed)
        seen = follow_up(rows, 1)
        _, age, left = customer_steps(rows["age"].to_numpy(), seen)
        curve = kaplan_meier(age, left)
        assert curve is not None
        at = min(11, len(curve.retention) - 1)
        truth = 0.95 ** (at + 1)
        covered += bool(curve.low[at] <= truth <= curve.high[at])
        total += 1
    assert covered / total >= 0.85
