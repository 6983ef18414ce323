"""The hazard model and expected lifetimes, on worlds whose hazards are known."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from churn_assets.ml.portable.calibration import sigmoid
from churn_assets.ml.survival.follow_up import DAYS_A_MONTH, follow_up
from churn_assets.ml.survival.hazard_model import (
    PENALTY,
    HazardModel,
    Landmarks,
    _fit,
    fit_hazards,
    observed_steps,
)
from churn_assets.ml.survival.lifetimes import Lifetimes, horizon_of, lifetimes, survival_after
from churn_assets_tests.ml.survival.worlds import follow_world

pytestmark = pytest.mark.one_python(reason="NumPy and SciPy count")

CUSTOMERS, MONTHS = 2_500, 14


def hazard_of(risk: NDArray[np.float64]) -> NDArray[np.float64]:
    chance: NDArray[np.float64] = 1 / (1 + np.exp(3.2 - risk))
    return chance


def world(seed: int = 2, months: int = MONTHS) -> tuple[Landmarks, NDArray[np.float64]]:
    """Landmarks with one feature that says the risk, and the monthly hazard of each snapshot."""
    risk = np.random.default_rng(seed).normal(size=CUSTOMERS)
    rows = follow_world(hazard_of(risk), months, seed)
    own = risk[rows["customer_key"].astype(int)]
    frame = pd.DataFrame({"risk": own, "plan": np.where(own > 1, "monthly", "yearly")})
    keys = rows["customer_key"].to_numpy(dtype=object)
    return Landmarks(frame, follow_up(rows, 1), keys), hazard_of(own)


def fitted(seed: int = 2, months: int = MONTHS) -> tuple[HazardModel, Landmarks, NDArray[np.float64]]:
    past, hazard = world(seed, months)
    model = fit_hazards(past, ["risk", "plan"], {}, 1, 12, seed=7)
    assert model is not None
    return model, past, hazard


def test_it_finds_the_months_that_the_hazards_imply() -> None:
    model, past, hazard = fitted()
    found = lifetimes(model, past.frame)
    assert found.horizon == 12
    survival = (1 - hazard[:, None]) ** np.arange(13)
    truth = (survival[:, :-1] + survival[:, 1:]).sum(axis=1) / 2
    assert np.corrcoef(found.months, truth)[0, 1] > 0.98
    assert found.months.mean() == pytest.approx(truth.mean(), abs=0.25)
    for months in (3, 6, 12):
        after = found.after(months)
        assert after is not None
        assert after.mean() == pytest.approx(survival[:, months].mean(), abs=0.03)


def test_weights_are_found_where_few_customers_leave_and_one_feature_tells_nearly_all() -> None:
    """Whole Newton steps overshoot here, until every chance is 0 or 1 and the curvature is singular."""
    draw, rows = np.random.default_rng(0), 3_000
    silent, noise = draw.exponential(1, rows), np.exp(1.5 * draw.standard_normal(rows))
    left = (draw.random(rows) < sigmoid(6.0 * (silent > 2) - 6)).astype(float)
    told = np.column_stack([silent, noise])
    bends = [np.maximum(0, told - np.quantile(told, at, axis=0)) for at in (0.1, 0.3, 0.5, 0.7, 0.9)]
    columns = np.hstack([told, *bends])
    design = np.column_stack([np.ones(rows), (columns - columns.mean(axis=0)) / columns.std(axis=0)])
    weights, covariance = _fit(design, left, np.ones(rows), np.arange(rows))
    slope = design.T @ (left - sigmoid(design @ weights))
    slope[1:] -= PENALTY * weights[1:]
    np.testing.assert_allclose(slope, 0, atol=1e-3)
    assert np.isfinite(covariance).all()


def test_of_rows_that_look_ahead_clocks_alone_move() -> None:
    past, _ = world()
    days = np.random.default_rng(5).integers(0, 900, len(past.frame)).astype(float)
    to_expiry = np.where(days % 3 == 0, np.nan, 400 - days)
    frame = past.frame.assign(days=days, to_expiry=to_expiry)
    clocks = {"days": 1, "to_expiry": -1}
    model = fit_hazards(replace(past, frame=frame), ["risk", "days", "plan", "to_expiry"], clocks, 1, 12, 7)
    assert model is not None
    aheads = [np.full(len(frame), 2.0), days % 5]
    for ahead, design in zip(aheads, model.designs(frame, aheads), strict=True):
        later = ahead * DAYS_A_MONTH
        moved = frame.assign(days=days + later, to_expiry=to_expiry - later)
        [expected] = replace(model, clocks={}).designs(moved, [ahead])
        np.testing.assert_array_equal(design, expected)


def test_the_interval_of_the_mean_covers_the_truth() -> None:
    """At three risks, over 12 worlds: a 95 % interval may miss now and then, and is no wider than it must be."""
    frame = pd.DataFrame({"risk": [-1.0, 0.0, 1.2], "plan": ["yearly", "yearly", "monthly"]})
    survival = (1 - hazard_of(frame["risk"].to_numpy())[:, None]) ** np.arange(13)
    truth = (survival[:, :-1] + survival[:, 1:]).sum(axis=1) / 2
    inside, wide = [], []
    for seed in range(12):
        found = lifetimes(fitted(seed)[0], frame)
        inside.append((found.low <= truth) & (truth <= found.high))
        wide.append(found.high - found.low)
    assert np.mean(inside) >= 0.85
    assert np.mean(wide) < 1.5


def test_the_bounds_lie_around_the_mean_and_within_the_horizon() -> None:
    model, past, _ = fitted()
    found = lifetimes(model, past.frame)
    assert (found.low >= 0).all()
    assert (found.low <= found.months).all()
    assert (found.months <= found.high).all()
    assert (found.high <= found.horizon).all()
    assert (np.diff(found.survival, axis=1) <= 0).all()


def test_the_error_is_that_of_small_changes_of_the_weights() -> None:
    """The slope behind the interval, against finite differences."""
    from dataclasses import replace

    model, past, _ = fitted(months=8)
    one = past.frame.iloc[:3]
    slope = np.zeros((3, len(model.weights)))
    for at in range(len(model.weights)):
        step = np.zeros(len(model.weights))
        step[at] = 1e-5
        up, down = (lifetimes(replace(model, weights=model.weights + sign * step), one) for sign in (1, -1))
        slope[:, at] = (up.months - down.months) / 2e-5
    error = np.sqrt(np.einsum("ij,jk,ik->i", slope, model.covariance, slope))
    found = lifetimes(model, one)
    share = found.months / found.horizon
    wide = np.log(-np.log(found.low / found.horizon)) - np.log(-np.log(share))
    assert wide == pytest.approx(
        1.959963984540054 * error / found.horizon / (share * -np.log(share)), rel=1e-4
    )


def test_the_horizon_ends_where_nothing_was_observed() -> None:
    model, past, _ = fitted(months=5)
    found = lifetimes(model, past.frame)
    assert len(observed_steps(past.seen, 12)) == model.steps <= 5
    assert found.horizon == horizon_of(model) == model.steps
    assert found.after(3) is not None
    assert found.after(6) is None
    assert found.after(12) is None


def test_too_few_leavers_give_no_model() -> None:
    past, _ = world()
    first = np.flatnonzero(past.seen.left_in(0))
    for leavers, is_enough in ((19, False), (20, True)):
        dropped = np.isin(np.arange(len(past.keys)), first[leavers:])
        part = Landmarks(
            past.frame[~dropped].reset_index(drop=True), past.seen.at(~dropped), past.keys[~dropped]
        )
        model = fit_hazards(part, ["risk"], {}, 1, 12, seed=7)
        assert (model is not None) == is_enough


def test_a_clock_runs_on_to_the_step() -> None:
    """All leave in the month in which their contract ends: who has 80 days left leaves in the third month, not now."""
    rng = np.random.default_rng(5)
    rows, days = [], []
    for customer in range(1_500):
        left_after = int(rng.integers(0, 9))
        for month in range(min(left_after + 1, 8)):
            gone = month == left_after
            rows.append((f"{customer:06d}", 100 + month, int(gone), "churned" if gone else "stayed", None))
            days.append((left_after - month) * 30.4375 + float(rng.integers(5, 25)))
    labels = pd.DataFrame(rows, columns=["customer_key", "month", "label", "outcome", "ended_on"])
    frame = pd.DataFrame({"days_to_expiry": days})
    past = Landmarks(frame, follow_up(labels, 1), labels["customer_key"].to_numpy(dtype=object))
    model = fit_hazards(past, ["days_to_expiry"], {"days_to_expiry": -1}, 1, 12, seed=7)
    assert model is not None
    found = lifetimes(model, pd.DataFrame({"days_to_expiry": [15.0, 80.0]}))
    assert found.survival[0, 1] < 0.5
    assert found.survival[1, 2] > 0.7
    assert found.survival[1, 3] < 0.5


@pytest.mark.parametrize(("months", "share"), [(0, 1.0), (2, 0.8), (3, np.sqrt(0.8 * 0.5)), (4, 0.5)])
def test_inside_a_step_the_hazard_is_constant(months: int, share: float) -> None:
    one = Lifetimes(4, np.ones(1), np.ones(1), np.ones(1), np.array([[1.0, 0.8, 0.5]]), 2)
    found = one.after(months)
    assert found is not None
    assert found[0] == pytest.approx(share)
    assert survival_after(one.survival, months / 2)[0] == pytest.approx(share)
