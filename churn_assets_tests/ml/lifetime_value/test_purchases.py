"""BG/NBD and Gamma-Gamma: published figures of CDNOW, worlds whose parameters are known, and what cannot be fitted."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from churn_assets.ml.lifetime_value.purchases import (
    BgNbd,
    GammaGamma,
    NoFit,
    PurchaseHistory,
    alive,
    bg_nbd_log_likelihood,
    discounted_purchases,
    expected_purchases,
    expected_spend,
    fit_bg_nbd,
    fit_gamma_gamma,
    gamma_gamma_log_likelihood,
    relative_errors,
)

pytestmark = pytest.mark.one_python(reason="NumPy and SciPy count")

# Repeat purchases, recency and age in weeks, mean spend: the tenth of CDNOW of Fader, Hardie & Lee (2005).
CDNOW = Path(__file__).with_name("cdnow_tenth.csv")
NOTHING = np.zeros((4, 4))
PUBLISHED = BgNbd(0.243, 4.414, 0.793, 2.426, NOTHING)


def cdnow() -> tuple[PurchaseHistory, pd.DataFrame]:
    rows = pd.read_csv(CDNOW)
    return PurchaseHistory(
        *(rows[name].to_numpy(dtype=float) for name in ("repeats", "recency", "age"))
    ), rows


def world(model: BgNbd, customers: int, seed: int, ahead: float = 0.0) -> tuple[PurchaseHistory, np.ndarray]:
    """Customers who behave by the model, observed for 30 to 60 weeks, and their purchases in the time `ahead`."""
    rng = np.random.default_rng(seed)
    rate, leaves = rng.gamma(model.r, 1 / model.alpha, customers), rng.beta(model.a, model.b, customers)
    age = rng.uniform(30, 60, customers)
    repeats, recency, later = np.zeros(customers), np.zeros(customers), np.zeros(customers)
    for i in range(customers):
        time = 0.0
        while True:
            time += rng.exponential(1 / max(rate[i], 1e-12))
            if time > age[i] + ahead:
                break
            if time <= age[i]:
                repeats[i] += 1
                recency[i] = time
            else:
                later[i] += 1
            if rng.random() < leaves[i]:
                break
    return PurchaseHistory(repeats, recency, age), later


def test_it_finds_the_published_parameters_of_cdnow() -> None:
    seen, _ = cdnow()
    found = fit_bg_nbd(seen)
    assert (found.r, found.alpha, found.a, found.b) == pytest.approx((0.243, 4.414, 0.793, 2.426), abs=0.002)
    assert bg_nbd_log_likelihood(found.logs, seen).sum() == pytest.approx(-9582.4, abs=0.1)


def test_it_expects_what_was_published_of_a_customer_of_cdnow() -> None:
    """Fader & Hardie's note on the spreadsheet: x 2, t_x 30.43, T 38.86; 1.226 purchases in the next 39 weeks."""
    one = PurchaseHistory(np.array([2.0]), np.array([30.43]), np.array([38.86]))
    assert expected_purchases(PUBLISHED, one, 39.0)[0] == pytest.approx(1.226, abs=0.001)


def test_it_finds_the_published_spend_of_cdnow() -> None:
    """Fader & Hardie 2013: p 6.25, q 3.74, v 15.44 of the 946 customers who bought again."""
    _, rows = cdnow()
    again = rows[rows["repeats"] > 0]
    count, mean = again["repeats"].to_numpy(dtype=float), again["mean_spend"].to_numpy(dtype=float)
    assert len(again) == 946
    found = fit_gamma_gamma(count, mean)
    assert (found.p, found.q, found.v) == pytest.approx((6.25, 3.74, 15.44), abs=0.02)
    at = np.log([6.25, 3.74, 15.44])
    assert (
        gamma_gamma_log_likelihood(found.logs, count, mean).sum()
        >= gamma_gamma_log_likelihood(at, count, mean).sum()
    )


def test_it_finds_parameters_of_a_world_within_its_own_errors() -> None:
    true = BgNbd(0.6, 6.0, 0.9, 3.0, NOTHING)
    seen, _ = world(true, 4_000, seed=1)
    found = fit_bg_nbd(seen)
    distance = (found.logs - true.logs) / np.sqrt(np.diag(found.covariance))
    assert np.abs(distance).max() < 3


def test_expected_purchases_come_true() -> None:
    true = BgNbd(0.6, 6.0, 0.9, 3.0, NOTHING)
    seen, later = world(true, 6_000, seed=2, ahead=26.0)
    expected = expected_purchases(true, seen, 26.0)
    assert expected.sum() == pytest.approx(later.sum(), rel=0.06)
    often = expected >= np.quantile(expected, 0.9)
    assert expected[often].mean() == pytest.approx(later[often].mean(), rel=0.1)
    assert alive(true, seen).min() > 0 and alive(true, seen).max() == 1


def test_purchases_are_discounted_from_the_middle_of_each_quarter() -> None:
    seen, _ = world(PUBLISHED, 200, seed=3)
    plain = discounted_purchases(PUBLISHED, seen, 0.0, 52.0, 0.0, 52.0)
    np.testing.assert_allclose(plain, expected_purchases(PUBLISHED, seen, 52.0))
    discounted = discounted_purchases(PUBLISHED, seen, 0.0, 52.0, 0.1, 52.0)
    assert (discounted < plain).all() and (discounted > plain / 1.1).all()
    later = discounted_purchases(PUBLISHED, seen, 26.0, 52.0, 0.0, 52.0)
    np.testing.assert_allclose(later, plain - expected_purchases(PUBLISHED, seen, 26.0), atol=1e-9)


def test_spend_lies_between_that_of_everybody_and_the_own() -> None:
    model = GammaGamma(6.25, 3.74, 15.44, np.zeros((3, 3)))
    everybody = 6.25 * 15.44 / 2.74
    count, mean = np.array([0.0, 1.0, 20.0]), np.array([0.0, 100.0, 100.0])
    none, one, many = expected_spend(model, count, mean)
    assert none == pytest.approx(everybody)
    assert everybody < one < many < 100


def test_the_interval_of_an_expectation_shrinks_with_the_customers() -> None:
    true, rng = BgNbd(0.6, 6.0, 0.9, 3.0, NOTHING), np.random.default_rng(4)
    errors = []
    for customers in (500, 5_000):
        seen, _ = world(true, customers, seed=5)
        mean = rng.gamma(6.0, 10.0, customers) / rng.gamma(4.0, 1.0, customers)
        own = relative_errors(
            fit_bg_nbd(seen), fit_gamma_gamma(seen.repeats + 1, mean), seen, seen.repeats + 1, mean, 52.0
        )
        errors.append(float(np.median(own)))
    assert errors[1] < errors[0] / 2


def test_what_cannot_be_fitted_is_told() -> None:
    few = PurchaseHistory(*np.ones((3, 20)))
    with pytest.raises(NoFit, match="20 customers have bought; 100 are needed"):
        fit_bg_nbd(few)
    once = PurchaseHistory(np.zeros(200), np.zeros(200), np.full(200, 30.0))
    with pytest.raises(NoFit, match="No customer has bought twice"):
        fit_bg_nbd(once)
    with pytest.raises(NoFit, match="0 customers have spent money"):
        fit_gamma_gamma(np.ones(200), np.zeros(200))
    with pytest.raises(NoFit, match=r"no maximum|cannot be told apart|no finite mean"):
        fit_gamma_gamma(np.ones(200), np.full(200, 9.99))
