"""Campaign profit and EMPC: by hand, by brute force, by their properties, and against the published reference."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from churn_assets.contracts.economics import Economics
from churn_assets.ml.metrics.profit import expected_maximum_profit, expected_profit, profit_curve
from churn_assets_tests.ml.oracle import needs_oracle, told_by_oracle

TELCO = Path(__file__).parents[4] / "shared" / "data" / "telco_ibm.csv"
ROWS = st.lists(st.tuples(st.booleans(), st.integers(0, 6)), min_size=2, max_size=40).filter(
    lambda rows: len({label for label, _ in rows}) == 2
)


def arrays(rows: list[tuple[bool, int]]) -> tuple[np.ndarray, np.ndarray]:
    return np.array([float(label) for label, _ in rows]), np.array([float(score) for _, score in rows])


def brute_force(labels: np.ndarray, score: np.ndarray, economics: Economics) -> tuple[float, float]:
    """The definition, by a fine sum over the acceptance probability and a search over every cut-off."""
    from scipy.stats import beta

    steps = (np.arange(20_000) + 0.5) / 20_000
    density = beta.pdf(steps, economics.alpha, economics.beta) / 20_000
    cuts = [score > cut for cut in np.unique(score)] + [np.ones(len(score), dtype=bool)]
    hits = np.array([labels[chosen].sum() for chosen in cuts])[:, None]
    wasted = np.array([(1 - labels[chosen]).sum() for chosen in cuts])[:, None]
    n = len(labels)
    profit = hits * (steps * (economics.lifetime_value - economics.offer) - economics.contact)
    profit = (profit - wasted * (economics.offer + economics.contact)) / n
    best = profit.argmax(axis=0)
    fraction = ((hits + wasted) / n)[best, 0]
    return float((profit.max(axis=0) * density).sum()), float((fraction * density).sum())


@given(rows=ROWS, value=st.sampled_from([20.0, 60.0, 200.0]), alpha=st.sampled_from([1.0, 6.0]))
def test_empc_is_its_definition(rows: list[tuple[bool, int]], value: float, alpha: float) -> None:
    labels, score = arrays(rows)
    economics = Economics(lifetime_value=value, alpha=alpha)
    found = expected_maximum_profit(labels, score, economics)
    profit, fraction = brute_force(labels, score, economics)
    assert found.profit == pytest.approx(profit, abs=2e-3)
    assert found.fraction == pytest.approx(fraction, abs=2e-3)


def test_a_perfect_ranking_contacts_exactly_the_churners() -> None:
    labels = np.array([1.0] * 3 + [0.0] * 7)
    found = expected_maximum_profit(labels, labels)
    # The mean of max(0, 190 g - 1) over Beta(6, 14); below g = 1/190 practically nothing lies.
    assert found.profit == pytest.approx(0.3 * (190 * 0.3 - 1), abs=1e-6)
    assert found.fraction == pytest.approx(0.3, abs=1e-6)


def test_a_useless_ranking_is_all_or_nobody() -> None:
    labels, same = np.array([1.0, 0.0] * 50), np.zeros(100)
    everybody = expected_maximum_profit(labels, same, Economics(lifetime_value=2000))
    assert everybody.fraction == pytest.approx(1, abs=1e-4)
    nobody = expected_maximum_profit(labels, same, Economics(lifetime_value=11, offer=10, contact=1))
    assert (nobody.profit, nobody.fraction) == (0.0, 0.0)


@given(ROWS)
def test_empc_looks_at_the_order_only_and_never_loses(rows: list[tuple[bool, int]]) -> None:
    labels, score = arrays(rows)
    found, again = (expected_maximum_profit(labels, values) for values in (score, np.exp(score) - 7))
    assert found == again
    assert found.profit >= 0 and 0 <= found.fraction <= 1
    assert found.profit <= expected_maximum_profit(labels, labels).profit + 1e-12


def test_the_interval_of_empc_is_that_of_a_bootstrap() -> None:
    rng = np.random.default_rng(3)
    score = rng.normal(size=3000)
    labels = (rng.random(3000) < 1 / (1 + np.exp(1.5 - score))).astype(float)
    found = expected_maximum_profit(labels, score)
    drawn = [rng.integers(0, 3000, 3000) for _ in range(200)]
    again = [expected_maximum_profit(labels[rows], score[rows]).profit for rows in drawn]
    assert found.low < found.profit < found.high
    assert (found.high - found.low) / 3.92 == pytest.approx(np.std(again), rel=0.2)


def test_the_profit_curve_by_hand() -> None:
    curve = profit_curve([1, 0, 1, 0], [0.9, 0.8, 0.8, 0.1], Economics())
    gain, waste = 0.3 * 190 - 1, 11
    assert curve.share.tolist() == [0, 0.25, 0.75, 1]
    assert curve.profit == pytest.approx(np.array([0, gain, 2 * gain - waste, 2 * gain - 2 * waste]) / 4)
    assert curve.best == 2
    assert curve.at(0.5) == pytest.approx((curve.profit[1] + curve.profit[2]) / 2)


def test_break_even_is_where_a_contact_earns_nothing() -> None:
    economics = Economics(lifetime_value=150, offer=20, contact=2, alpha=2, beta=3)
    at = economics.break_even
    below, exact, above = expected_profit([at - 1e-6, at, at + 1e-6], economics)
    assert below < 0 < above and exact == pytest.approx(0, abs=1e-9)
    assert Economics(lifetime_value=11, offer=10.9, contact=5).break_even == 1


@pytest.mark.parametrize(
    "wrong",
    [{"offer": 200}, {"offer": -1}, {"contact": -1}, {"alpha": 0}, {"beta": -2}, {"lifetime_value": 10}],
)
def test_impossible_economics_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"must|should"):
        Economics(**wrong)


def test_what_has_no_profit_is_refused() -> None:
    with pytest.raises(ValueError, match="both churners"):
        profit_curve([1, 1], [0.2, 0.3])
    with pytest.raises(ValueError, match="one score each"):
        expected_maximum_profit([1, 0], [0.2, np.nan])


@pytest.mark.skipif(not TELCO.is_file(), reason=f"{TELCO.name} is not beside this checkout (shared/data)")
def test_the_published_reference() -> None:
    """Logistic regression on pooled out-of-fold probabilities of IBM Telco: 10.2807 per customer at .5162."""
    from sklearn.compose import make_column_transformer
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold, cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    table = pd.read_csv(TELCO)
    labels = (table.pop("Churn") == "Yes").to_numpy(float)
    table = table.drop(columns="customerID")
    table["TotalCharges"] = pd.to_numeric(table["TotalCharges"], errors="coerce")
    numbers = list(table.select_dtypes("number"))
    columns = make_column_transformer(
        (make_pipeline(SimpleImputer(strategy="median"), StandardScaler()), numbers),
        (OneHotEncoder(), [name for name in table if name not in numbers]),
    )
    model = make_pipeline(columns, LogisticRegression(max_iter=3000))
    folds = StratifiedKFold(5, shuffle=True, random_state=42)
    probability = cross_val_predict(model, table, labels, cv=folds, method="predict_proba")[:, 1]
    found = expected_maximum_profit(
        labels, probability, Economics(lifetime_value=200, offer=10, contact=1, alpha=6, beta=14)
    )
    assert found.profit == pytest.approx(10.2807, abs=2e-4)
    assert found.fraction == pytest.approx(0.5162, abs=2e-4)


# Runs where empulse is installed: AGPL, so an oracle in an environment of its own and no dependency.
ORACLE = """
import json, sys
from empulse.metrics import empc_score
found = []
for case in json.load(sys.stdin):
    told = {"alpha": case["alpha"], "beta": case["beta"], "clv": case["lifetime_value"]}
    told |= {"incentive_cost": case["offer"], "contact_cost": case["contact"]}
    labels, scores = case["labels"], case["scores"]
    found.append([empc_score(labels, scores, **told), empc_score.optimal_rate(labels, scores, **told)])
json.dump(found, sys.stdout)
"""


@needs_oracle
def test_another_implementation_agrees() -> None:
    """empulse's EMPC and optimal fraction, over rankings good and bad, with ties, and economics of all kinds."""
    rng, cases = np.random.default_rng(1), []
    for number in range(60):
        n = int(rng.integers(30, 3000))
        labels = (rng.random(n) < rng.uniform(0.03, 0.6)).astype(int)
        labels[:2] = 0, 1
        scores = rng.normal(size=n) + labels * rng.uniform(-0.5, 3)
        scores = np.round(scores, int(rng.integers(0, 3))) if number % 2 else scores
        value = rng.uniform(20, 1000)
        economics = Economics(
            lifetime_value=value,
            offer=value * rng.uniform(0.01, 0.5),
            contact=value * rng.uniform(0.001, 0.05),
            alpha=rng.uniform(1, 12),
            beta=rng.uniform(1, 20),
        )
        cases.append((labels, scores, economics))
    asked = [e.model_dump() | {"labels": y.tolist(), "scores": s.tolist()} for y, s, e in cases]
    for (labels, scores, economics), (profit, fraction) in zip(
        cases, told_by_oracle(ORACLE, asked), strict=True
    ):
        found = expected_maximum_profit(labels, scores, economics)
        assert found.profit == pytest.approx(profit, rel=1e-6, abs=1e-8)
        assert found.fraction == pytest.approx(fraction, abs=1e-6)
