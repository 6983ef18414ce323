"""What a holdout can show agrees with a simulation of the same test, and more of it never shows less."""

import numpy as np
import pytest

from churn_assets.retention.detectable import detectable
from churn_assets.retention.planning import PlanTotals
from churn_assets.retention.report import detectable_rows, holdout_told

pytestmark = pytest.mark.one_python(reason="NumPy and SciPy count")


def test_the_smallest_effect_is_found_four_times_in_five() -> None:
    [three, *_] = detectable(600, 200, 0.2, 0.2)
    assert three.prevented is not None
    rng, n1, n0 = np.random.default_rng(3), 1800, 600
    a = rng.binomial(n1, 0.2 * (1 - three.prevented), 4000) / n1
    b = rng.binomial(n0, 0.2, 4000) / n0
    pooled = (a * n1 + b * n0) / (n1 + n0)
    z = (b - a) / np.sqrt(pooled * (1 - pooled) * (1 / n1 + 1 / n0))
    assert 0.75 < (z > 1.96).mean() < 0.87


def test_the_holdout_that_is_needed_shows_the_expected_effect() -> None:
    for found in detectable(5000, 500, 0.1, 0.15):
        assert found.holdout_needed is not None
        customers = 5500
        held = found.holdout_needed * customers
        [again] = [
            d for d in detectable(round(customers - held), round(held), 0.1, 0.15) if d.months == found.months
        ]
        assert again.prevented == pytest.approx(0.15, rel=0.02)
        assert found.holdout_needed <= 0.5


def test_longer_campaigns_show_smaller_effects() -> None:
    found = [d.prevented for d in detectable(300, 30, 0.1, 0.2)]
    assert found == sorted(found, key=lambda p: -(p or 0)) and None not in found


@pytest.mark.parametrize("contacted, held, churn", [(0, 10, 0.1), (10, 0, 0.1), (10, 10, 0.0)])
def test_an_empty_arm_shows_nothing(contacted: int, held: int, churn: float) -> None:
    assert all(d.prevented is None for d in detectable(contacted, held, churn, 0.2))


def test_too_few_customers_need_more_than_any_holdout() -> None:
    assert all(d.holdout_needed is None for d in detectable(20, 2, 0.1, 0.05))


def test_a_plan_with_an_empty_group_says_what_to_do() -> None:
    def told(compared: int) -> str:
        counts = {"contacted": 40, "planned": 40, "explored": 0, "holdout": 9, "compared": compared}
        money = {"cost": 1.0, "profit": 1.0, "explored_profit": 0.0, "saved": 2.0, "saved_by_plan": 2.0}
        totals = PlanTotals(**counts, **money, offers={}, arms=[], churn=0.1)  # type: ignore[arg-type]
        shown = {row[1] for row in detectable_rows(totals.detectable)}
        assert (shown == {"none: one of the groups is empty"}) is not bool(compared)
        return holdout_told(totals)

    assert "here 40 and 0, which is too few to compare" in told(compared=0)
    assert told(compared=4) == ""
