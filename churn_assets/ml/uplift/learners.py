"""Learners of the effect of an offer: two models, X-learner and doubly robust learner.

X-learner: Künzel et al. 2019, doi 10.1073/pnas.1804597116. Doubly robust learner: Kennedy 2023, doi
10.1214/23-EJS2157. Chances to leave that enter an effect are predicted for customers who were not learned from
(cross-fitting by customer).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from churn_assets.ml.uplift.trial import Floats, RandomisedContacts

FOLDS = 3
# Small trees, slowly: effects are far smaller than the noise of an outcome that is 0 or 1.
TREES: Mapping[str, Any] = {
    "learning_rate": 0.07,
    "max_iter": 40,
    "max_leaf_nodes": 6,
    "min_samples_leaf": 60,
    "l2_regularization": 10.0,
    "early_stopping": False,
}
Predictor = Callable[[Floats], Floats]  # of features
Estimator = Callable[[Floats, Floats], Floats]  # of features and constant effects


@dataclass(frozen=True)
class EffectModel:
    """A fitted learner.

    Attributes:
        name: of the learner.
        predict: features and constant effects -> effect of each row.
    """

    name: str
    predict: Estimator


@dataclass(frozen=True)
class Chances:
    """Chance to leave of each contact with and without the offer, by models that did not learn from the customer."""

    treated: Floats
    control: Floats


def two_models(trial: RandomisedContacts, chances: Chances, seed: int) -> Estimator:
    """The difference of a model of the controls and one of the treated."""
    control = _chance(trial.at(~trial.treated), seed)
    treated = _chance(trial.at(trial.treated), seed)
    return lambda features, _: control(features) - treated(features)


def x_learner(trial: RandomisedContacts, chances: Chances, seed: int) -> Estimator:
    """Effects learned in each arm against the other one, weighted by the size of the arms."""
    churned, at = trial.churned.astype(float), trial.treated
    of_treated = _mean(trial.features[at], (chances.control - churned)[at], seed)
    of_control = _mean(trial.features[~at], (churned - chances.treated)[~at], seed)
    share = float(at.mean())
    return lambda features, _: share * of_control(features) + (1 - share) * of_treated(features)


def doubly_robust(trial: RandomisedContacts, chances: Chances, seed: int) -> Estimator:
    """The constant effect, and a model of what doubly robust effects are above it."""
    above = _mean(trial.features, robust_effects(trial, chances) - trial.constant, seed)
    return lambda features, constant: constant + above(features)


LEARNERS: Mapping[str, Callable[[RandomisedContacts, Chances, int], Estimator]] = {
    "two models": two_models,
    "X-learner": x_learner,
    "doubly robust": doubly_robust,
}


def robust_effects(trial: RandomisedContacts, chances: Chances) -> Floats:
    """Returns of each contact an unbiased estimate of the effect on its customer, by the known shares of the arms."""
    churned, share = trial.churned.astype(float), trial.propensity
    of_treated = chances.treated + trial.treated / share * (churned - chances.treated)
    of_control = chances.control + ~trial.treated / (1 - share) * (churned - chances.control)
    return np.asarray(of_control - of_treated, dtype=np.float64)


def cross_fitted(trial: RandomisedContacts, seed: int) -> Chances:
    """Returns the chances to leave, of each customer by models of the others."""
    fold = folds_of(trial.customer, seed)
    treated, control = np.empty(len(trial)), np.empty(len(trial))
    for held in range(FOLDS):
        here = fold == held
        rest = trial.at(~here)
        if here.any():
            found = two_chances(rest, trial.at(here), seed)
            treated[here], control[here] = found.treated, found.control
    return Chances(treated, control)


def fit_learner(name: str, trial: RandomisedContacts, seed: int) -> EffectModel:
    """Returns one of LEARNERS, fitted."""
    return EffectModel(name, LEARNERS[name](trial, cross_fitted(trial, seed), seed))


def two_chances(learned: RandomisedContacts, of: RandomisedContacts, seed: int) -> Chances:
    """Returns the chances to leave of some contacts, by models that learned from others."""
    arms = (learned.at(learned.treated), learned.at(~learned.treated))
    return Chances(*(_chance(arm, seed)(of.features) for arm in arms))


def folds_of(customer: NDArray[np.int64], seed: int) -> NDArray[np.int64]:
    """Returns the fold of each contact; all contacts of a customer are in one."""
    known, place = np.unique(customer, return_inverse=True)
    drawn = np.random.default_rng(seed).permutation(np.arange(len(known)) % FOLDS)
    return np.asarray(drawn[place], dtype=np.int64)


def _chance(arm: RandomisedContacts, seed: int) -> Predictor:
    """A model of the chance to leave; the same for everybody in an arm of one outcome."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    if arm.churned.all() or not arm.churned.any():
        constant = float(arm.churned.mean()) if len(arm) else 0.0
        return lambda features: np.full(len(features), constant)
    model = HistGradientBoostingClassifier(random_state=seed, **TREES).fit(arm.features, arm.churned)
    return lambda features: np.asarray(model.predict_proba(features)[:, 1], dtype=np.float64)


def _mean(features: Floats, target: Floats, seed: int) -> Predictor:
    from sklearn.ensemble import HistGradientBoostingRegressor

    model = HistGradientBoostingRegressor(random_state=seed, **TREES).fit(features, target)
    return lambda rows: np.asarray(model.predict(rows), dtype=np.float64)
