"""The estimated AUC is right where probabilities are, and blind where they are not."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from churn_assets.ml.metrics.classification import auc_interval
from churn_assets.monitoring.estimated_auc import estimated_auc

pytestmark = pytest.mark.one_python(reason="NumPy and SciPy count")

CUSTOMERS = st.lists(
    st.tuples(st.integers(0, 5), st.floats(0.05, 0.95)), min_size=2, max_size=8
)  # few distinct scores: ties


@given(CUSTOMERS)
def test_it_is_the_ratio_of_expected_pairs(customers: list[tuple[int, float]]) -> None:
    pairs = concordant = 0.0
    for i, (score, p) in enumerate(customers):
        for j, (other, q) in enumerate(customers):
            if i != j:
                weight = p * (1 - q)
                pairs += weight
                concordant += weight * (1 if score > other else 0.5 if score == other else 0)
    estimate = estimated_auc([c[0] for c in customers], [c[1] for c in customers])
    assert estimate == pytest.approx(concordant / pairs)


@settings(max_examples=40)
@given(st.integers(0, 10_000), st.floats(-4, -1), st.floats(0.3, 2))
def test_with_right_probabilities_it_agrees_with_the_realised_auc(
    seed: int, level: float, spread: float
) -> None:
    """Within five standard errors of the realised one, which is how far chance goes in 40 tries."""
    rng = np.random.default_rng(seed)
    raw = level + spread * rng.normal(size=4000)
    p = 1 / (1 + np.exp(-raw))
    auc, _, high = auc_interval((rng.random(4000) < p).astype(float), raw)
    estimate = estimated_auc(raw, p)
    assert estimate is not None and abs(estimate - auc) < 5 * (high - auc) / 1.96


def test_it_sees_another_mix_of_customers_but_no_other_reasons_to_leave() -> None:
    rng = np.random.default_rng(1)
    raw = -2 + 1.5 * rng.normal(size=20_000)
    p = 1 / (1 + np.exp(-raw))
    then = estimated_auc(raw, p)
    alike = np.abs(raw + 2) < 1  # only those who are hard to tell apart
    mixed = estimated_auc(raw[alike], p[alike])
    realised, _, _ = auc_interval((rng.random(alike.sum()) < p[alike]).astype(float), raw[alike])
    assert then is not None and mixed is not None
    assert mixed < then - 0.1 and mixed == pytest.approx(realised, abs=0.02)
    # concept drift: who leaves no longer has to do with the score; the estimate cannot know
    drifted, _, _ = auc_interval((rng.random(20_000) < p.mean()).astype(float), raw)
    assert drifted < 0.55 < 0.8 < then


@pytest.mark.parametrize("p", [[], [0.3], [0.0, 0.0, 0.0], [1.0, 1.0]])
def test_without_a_pair_there_is_no_estimate(p: list[float]) -> None:
    assert estimated_auc(range(len(p)), p) is None


def test_certain_probabilities_give_the_auc_itself() -> None:
    assert estimated_auc([3, 2, 1, 0], [1, 0, 1, 0]) == pytest.approx(0.75)
