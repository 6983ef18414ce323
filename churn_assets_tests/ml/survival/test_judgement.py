"""Concordance and Brier scores under censoring, against sums over all pairs and against data without censoring."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from churn_assets.ml.survival.follow_up import FollowUp
from churn_assets.ml.survival.judgement import (
    integrated_brier,
    judge,
    step_curve,
    uncensored,
    uno_concordance,
)

pytestmark = pytest.mark.one_python(reason="NumPy and SciPy count")


def seen_of(rows: list[tuple[int, bool]]) -> FollowUp:
    steps = np.array([steps for steps, _ in rows], dtype=np.int64)
    left = np.array([left for _, left in rows], dtype=bool)
    # somebody who was not seen in the first step has no label there and is not followed
    return FollowUp((steps > 0) | left, steps, left, np.zeros(len(rows), dtype=bool))


FOLLOWED = st.lists(st.tuples(st.integers(0, 4), st.booleans()), min_size=2, max_size=25)


@given(FOLLOWED, st.integers(1, 4), st.randoms(use_true_random=False))
def test_concordance_is_the_weighted_share_of_pairs(
    rows: list[tuple[int, bool]], steps: int, rng: object
) -> None:
    seen = seen_of(rows)
    months = np.array([rng.randint(0, 3) for _ in rows], dtype=float)  # type: ignore[attr-defined]
    censoring = uncensored(seen, steps)
    won = pairs = 0.0
    for i in np.flatnonzero(seen.at_risk & seen.left & (seen.steps < steps)):
        for j in np.flatnonzero(seen.at_risk & (seen.steps > seen.steps[i])):
            weight = 1 / censoring[seen.steps[i]] ** 2
            pairs += weight
            won += weight * (1.0 if months[i] < months[j] else 0.5 if months[i] == months[j] else 0.0)
    if not pairs:
        with pytest.raises(ValueError, match="no customer left"):
            uno_concordance(months, seen, censoring, steps)
        return
    concordance, error = uno_concordance(months, seen, censoring, steps)
    assert concordance == pytest.approx(won / pairs)
    assert error >= 0


def world(customers: int, seed: int, censored: float) -> tuple[np.ndarray, FollowUp, FollowUp]:
    """Hazards, what became of everybody in 6 steps, and what was seen of it when some are lost at random."""
    rng = np.random.default_rng(seed)
    hazard = rng.beta(1, 9, customers)
    left_after = rng.geometric(hazard) - 1
    lost_after = np.where(rng.random(customers) < censored, rng.integers(1, 6, customers), 6)
    whole = FollowUp(
        np.ones(customers, dtype=bool),
        np.minimum(left_after, 6),
        left_after < 6,
        np.zeros(customers, dtype=bool),
    )
    steps = np.minimum(left_after, lost_after)
    part = FollowUp(whole.at_risk, steps, left_after < lost_after, whole.left_between)
    return hazard, whole, part


def test_censoring_at_random_moves_no_figure_beyond_chance() -> None:
    hazard, whole, part = world(20_000, seed=3, censored=0.5)
    survival = (1 - hazard[:, None]) ** np.arange(7)
    curve = step_curve(whole, 6)
    known, seen = (judge(survival, curve, -hazard, each, 6) for each in (whole, part))
    assert seen.left < 0.85 * known.left
    assert seen.concordance == pytest.approx(known.concordance, abs=0.012)
    assert seen.brier == pytest.approx(known.brier, abs=0.002)
    assert seen.baseline == pytest.approx(known.baseline, abs=0.002)
    assert step_curve(part, 6) == pytest.approx(curve, abs=0.01)


def test_without_censoring_the_brier_score_is_the_mean_of_squares() -> None:
    hazard, whole, _ = world(500, seed=4, censored=0.0)
    survival = (1 - hazard[:, None]) ** np.arange(7)
    squares = [(survival[:, t] - (whole.steps >= t)) ** 2 for t in range(1, 7)]
    found = integrated_brier(survival, whole, uncensored(whole, 6), 6)
    assert found == pytest.approx(np.mean(squares, axis=0))


def test_the_interval_of_the_concordance_covers_it() -> None:
    values = []
    for seed in range(60):
        hazard, _, part = world(400, seed=seed, censored=0.4)
        values.append(uno_concordance(-hazard, part, uncensored(part, 6), 6))
    spread = np.std([value for value, _ in values])
    assert np.mean([error for _, error in values]) == pytest.approx(spread, rel=0.3)


def test_a_view_that_knows_nothing_is_not_better_than_the_baseline() -> None:
    hazard, _, part = world(3_000, seed=6, censored=0.3)
    curve = step_curve(part, 6)
    everybody = np.broadcast_to(curve, (3_000, 7))
    noise = np.random.default_rng(1).normal(size=3_000)
    assert not judge(everybody, curve, noise, part, 6).is_better
    assert judge((1 - hazard[:, None]) ** np.arange(7), curve, -hazard, part, 6).is_better


def test_customers_without_a_label_are_not_judged() -> None:
    seen = seen_of([(0, False), (1, True), (2, False), (0, True), (2, False)])
    survival = np.tile([1.0, 0.8, 0.6], (5, 1))
    assert judge(survival, np.array([1.0, 0.8, 0.6]), np.arange(5.0), seen, 2).customers == 4
