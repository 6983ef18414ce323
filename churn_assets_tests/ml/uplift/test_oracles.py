"""Qini and uplift at k against scikit-uplift, doubly robust effects and their learner against econml."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import spearmanr

from churn_assets.ml.uplift.judgement import SHARES, judge_effects, qini_curve
from churn_assets.ml.uplift.learners import TREES, doubly_robust, fold_chances, robust_effects
from churn_assets_tests.ml.oracle import needs_oracle, told_by_oracle
from churn_assets_tests.ml.uplift.worlds import contacts

# Two customers of one score, one contacted and one left alone, are a pair: there both count the same customers.
QINI = """
import json, sys
import numpy as np
from sklearn.metrics import auc
from sklift.metrics import qini_curve, uplift_at_k
found = []
for case in json.load(sys.stdin):
    stayed, score, treated = (np.array(case[name]) for name in ("stayed", "score", "treated"))
    x, y = qini_curve(stayed, score, treated)
    area = auc(x, y) - x[-1] * y[-1] / 2
    at = [uplift_at_k(stayed, score, treated, strategy="overall", k=k) for k in case["tops"]]
    found.append({"curve": y.tolist(), "area": area, "at": at})
json.dump(found, sys.stdout)
"""
# Reads the chances and shares that it is given instead of learning them, so that only the doubly robust part differs.
ROBUST = """
import json, sys
import numpy as np
from econml.dr import DRLearner
from sklearn.base import BaseEstimator
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
asked = {name: np.array(told) if name != "trees" else told for name, told in json.load(sys.stdin).items()}
x, row = asked["features"], np.arange(len(asked["features"]))[:, None].astype(float)

class Chances(BaseEstimator):
    def fit(self, *told, **more):
        return self
    def predict(self, told):
        at, treated = told[:, -2].astype(int), told[:, -1] > 0
        return np.where(treated, asked["of_treated"][at], asked["of_control"][at])

class Shares(Chances):
    def predict_proba(self, told):
        share = asked["share"][told[:, -1].astype(int)]
        return np.column_stack([1 - share, share])

given = DRLearner(model_regression=Chances(), model_propensity=Shares(), cv=2, random_state=7)
given.fit(asked["churned"], asked["treated"], X=x, W=row)
trees = asked["trees"]
learned = DRLearner(
    model_regression=HistGradientBoostingClassifier(random_state=7, **trees), discrete_outcome=True,
    model_propensity=Shares(), model_final=HistGradientBoostingRegressor(random_state=7, **trees), cv=3, random_state=7)
learned.fit(asked["churned"], asked["treated"], X=x, W=row)
json.dump({"linear": given.effect(x).tolist(), "learned": learned.effect(asked["new"]).tolist()}, sys.stdout)
"""


@needs_oracle
def test_scikit_uplift_agrees_on_qini_and_uplift_at_k() -> None:
    """On pairs, over orders by the truth, by the risk, at random, and the wrong way round."""
    rng = np.random.default_rng(3)
    trial, effect = contacts(1_000, seed=4)
    pairs = len(trial)
    held, treated = (rng.random(pairs) < np.clip(trial.risk - change, 0, 1) for change in (0.0, effect))
    fall = held.astype(float) - treated.astype(float)  # of churn, in each pair
    orders = [effect, trial.risk, rng.random(pairs), -effect]
    cases = [
        {
            "stayed": (~np.concatenate([held, treated])).astype(int).tolist(),
            "treated": np.repeat([0, 1], pairs).tolist(),
            "score": np.tile(order, 2).tolist(),
            "tops": [2 * round(share * pairs) for share in SHARES],
        }
        for order in orders
    ]
    for order, told in zip(orders, told_by_oracle(QINI, cases), strict=True):
        _, curve = qini_curve(order, fall)
        assert np.allclose(pairs * curve, told["curve"], rtol=0, atol=1e-9)
        found = judge_effects(trial, order, trial.constant, fall, 7)
        assert found.qini.value == pytest.approx(told["area"] / (2 * pairs) / pairs, abs=1e-12)
        assert [found.at[share].value for share in SHARES] == pytest.approx(told["at"], abs=1e-12)


@needs_oracle
def test_econml_agrees_on_doubly_robust_effects_and_learns_the_same_order() -> None:
    """With the same chances the same effects: a line through them is equal. By itself: about the same order."""
    trial, _ = contacts(6_000, seed=5, share=0.3)
    flat = replace(trial, constant=np.zeros(len(trial)))  # econml knows of no constant effect
    new, true = contacts(2_000, seed=6)
    chances = fold_chances(flat, 7).by_others()
    asked = {
        "features": trial.features.tolist(),
        "of_treated": chances.treated.tolist(),
        "of_control": chances.control.tolist(),
        "share": trial.propensity.tolist(),
        "churned": trial.churned.astype(int).tolist(),
        "treated": trial.treated.astype(int).tolist(),
        "new": new.features.tolist(),
        "trees": dict(TREES),
    }
    told = told_by_oracle(ROBUST, asked)
    design = np.column_stack([np.ones(len(trial)), trial.features])
    line, *_ = np.linalg.lstsq(design, robust_effects(trial, chances), rcond=None)
    assert np.allclose(design @ line, -np.array(told["linear"]), rtol=0, atol=1e-9)
    own, other = doubly_robust(flat, chances, 7)(new), -np.array(told["learned"])
    alike, ours, theirs = (spearmanr(*pair).statistic for pair in ((own, other), (own, true), (other, true)))
    assert alike > 0.8
    assert ours > theirs - 0.1
