"""Champion against challenger, from both sides of every threshold."""

from datetime import date

import numpy as np
import pytest
from numpy.typing import NDArray

from churn_assets.contracts.retraining import Promotion
from churn_assets.ml.metrics.classification import Metrics, evaluate
from churn_assets.models.promotion_rule import (
    DEGRADED,
    PROVISIONAL,
    first_champion,
    judge_challenger,
    nothing_matured,
)

pytestmark = pytest.mark.one_python(reason="NumPy and SciPy count")

N = 3000


def world(noise_of_champion: float, noise_of_challenger: float, stretch: float = 1.0, seed: int = 0):
    """labels, raw scores of challenger and champion, and the challenger's metrics; `stretch` spoils its calibration."""
    rng = np.random.default_rng(seed)
    truth = rng.normal(-2, 1, N)
    labels = (rng.random(N) < 1 / (1 + np.exp(-truth))).astype(float)
    challenger = truth + rng.normal(0, noise_of_challenger, N)
    champion = truth + rng.normal(0, noise_of_champion, N)
    probability = 1 / (1 + np.exp(-(truth * stretch)))
    tested = evaluate(labels, challenger, probability, [str(i) for i in range(N)])
    return labels, challenger, champion, tested


World = tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], Metrics]


def verdict(made: World, weakness: str | None = None, rule: Promotion | None = None):
    """The decision over a world."""
    return judge_challenger(*made, weakness, rule or Promotion())


def test_nobody_in_charge_makes_the_first_model_champion() -> None:
    assert first_champion().promoted and first_champion().difference is None


def test_a_champion_that_learned_from_the_test_cohort_stays_without_a_comparison() -> None:
    found = nothing_matured(date(2025, 6, 30))
    assert (found.promoted, found.difference, found.low, found.high) == (False, None, None, None)
    assert "learned from the cohort of 2025-06-30" in found.why and "nothing has matured since" in found.why


def test_a_clearly_better_challenger_takes_over() -> None:
    found = verdict(world(2.0, 0.1))
    assert found.promoted and found.why.endswith("better")
    assert found.low is not None and found.difference is not None and found.high is not None
    assert 0 < found.low < found.difference < found.high


def test_the_margin_counts_from_both_sides() -> None:
    made = world(2.0, 0.1)
    difference = verdict(made).difference
    assert difference is not None
    assert verdict(made, rule=Promotion(margin=difference - 1e-9)).promoted
    assert not verdict(made, rule=Promotion(margin=difference + 1e-9)).promoted


def test_better_by_chance_is_not_enough() -> None:
    made = world(0.5, 0.49, seed=4)
    found = verdict(made, rule=Promotion(margin=0))
    assert found.low is not None and found.low < 0
    assert not found.promoted


@pytest.mark.parametrize(("weakness", "promoted"), [(None, False), (DEGRADED, True), (PROVISIONAL, True)])
def test_equal_keeps_the_champion_unless_it_is_weak(weakness: str | None, promoted: bool) -> None:
    labels, challenger, _, tested = world(0.5, 0.5)
    found = verdict((labels, challenger, challenger, tested), weakness)
    assert (found.difference, found.promoted) == (0.0, promoted)


def test_worse_never_takes_over() -> None:
    found = verdict(world(0.1, 2.0), weakness=DEGRADED)
    assert not found.promoted and "worse than the champion, which has degraded but stays" in found.why


@pytest.mark.parametrize("stretch", [0.3, 4.0])
def test_after_degradation_a_challenger_must_be_calibrated(stretch: float) -> None:
    labels, challenger, _, tested = world(0.5, 0.5, stretch)
    found = verdict((labels, challenger, challenger, tested), weakness=DEGRADED)
    assert not found.promoted and "not calibrated, the champion, which has degraded, stays" in found.why
