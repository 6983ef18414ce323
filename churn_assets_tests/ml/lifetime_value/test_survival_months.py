"""Discounted months of survival curves, against closed forms."""

import numpy as np
import pytest

from churn_assets.ml.lifetime_value.survival_months import SurvivalCurves

KNOTS = np.array([3.0, 6.0, 12.0])


def curves(*hazards: float) -> SurvivalCurves:
    """Customers who leave at a constant rate per month."""
    rates = np.array(hazards)[:, None]
    return SurvivalCurves.through(KNOTS, np.exp(-rates * KNOTS))


def test_without_discount_the_months_are_the_area_below_the_curve_beyond_the_last_knot_too() -> None:
    found = curves(0.02, 0.2).discounted(0.0, 36.0, 0.0)
    expected = [(1 - np.exp(-r * 36)) / r for r in (0.02, 0.2)]
    np.testing.assert_allclose(found, expected, rtol=4e-3)


def test_a_customer_who_never_leaves_pays_the_annuity() -> None:
    found = curves(0.0).discounted(0.0, 24.0, 0.1)
    monthly = 1.1 ** (-1 / 12)
    assert found[0] == pytest.approx(monthly**0.5 * (1 - monthly**24) / (1 - monthly), rel=1e-9)


def test_who_is_kept_is_counted_from_then_on() -> None:
    one = curves(0.1)
    kept = one.discounted(2.0, 14.0, 0.0)
    np.testing.assert_allclose(kept, one.discounted(0.0, 12.0, 0.0), rtol=1e-9)


def test_curves_take_a_given_mean_and_keep_their_shape() -> None:
    one = curves(0.05, 0.05, 0.05)
    mean = one.discounted(0.0, 12.0, 0.0)[0]
    found = one.with_mean(np.array([mean, 11.0, 3.0]), 12.0)
    np.testing.assert_allclose(found.discounted(0.0, 12.0, 0.0), [mean, 11.0, 3.0], rtol=1e-6)
    ratio = found.log_survival[:, 3] / found.log_survival[:, 1]
    np.testing.assert_allclose(ratio, 4.0, rtol=1e-9)


def test_nobody_who_surely_stays_can_get_another_mean() -> None:
    found = curves(0.0).with_mean(np.array([12.0]), 12.0)
    assert found.discounted(0.0, 12.0, 0.0)[0] == pytest.approx(12.0)


def test_who_hardly_ever_leaves_gets_a_mean_without_a_warning() -> None:
    with np.errstate(all="raise", under="ignore"):
        found = curves(1e-310).with_mean(np.array([6.0]), 12.0)
    assert np.isfinite(found.log_survival).all()


def test_a_curve_never_rises() -> None:
    odd = SurvivalCurves.through(KNOTS, np.array([[0.8, 0.9, 0.7]]))
    assert (np.diff(odd.at(np.arange(0.0, 20.0))) <= 0).all()
