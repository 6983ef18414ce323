"""Learners of the effect of an offer: two models, X-learner, and two doubly robust learners.

X-learner: Künzel et al. 2019, doi 10.1073/pnas.1804597116. Doubly robust learner: Kennedy 2023, doi
10.1214/23-EJS2157; by trees, and by a linear model whose penalty follows from the data (evidence maximisation, MacKay
1992, doi 10.1162/neco.1992.4.3.415). Both learn what the effect is above the constant one, in shares of the risk, and
weigh a contact by the inverse of the variance of its outcome: who hardly ever leaves says much about small effects.

Chances to leave that enter an effect are predicted for customers who were not learned from (cross-fitting by customer).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from churn_assets.ml.uplift.trial import Customers, Floats, RandomisedContacts

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
LEAST_RISK = 0.25  # of the mean risk; below, a contact that ends in churn would outweigh all others
Predictor = Callable[[Floats], Floats]  # of features
Estimator = Callable[[Customers], Floats]


@dataclass(frozen=True)
class Chances:
    """Chance to leave of each contact with and without the offer, by models that did not learn from the customer."""

    treated: Floats
    control: Floats

    def at(self, rows: NDArray[np.bool_]) -> "Chances":
        """Returns those of some of the contacts."""
        return Chances(self.treated[rows], self.control[rows])


def two_models(trial: RandomisedContacts, chances: Chances, seed: int) -> Estimator:
    """The difference of a model of the controls and one of the treated."""
    control = _chance(trial.at(~trial.treated), seed)
    treated = _chance(trial.at(trial.treated), seed)
    return lambda who: control(who.features) - treated(who.features)


def x_learner(trial: RandomisedContacts, chances: Chances, seed: int) -> Estimator:
    """Effects learned in each arm against the other one, weighted by the size of the arms."""
    churned, at = trial.churned.astype(float), trial.treated
    of_treated = _mean(trial.features[at], (chances.control - churned)[at], seed)
    of_control = _mean(trial.features[~at], (churned - chances.treated)[~at], seed)
    share = float(at.mean())
    return lambda who: share * of_control(who.features) + (1 - share) * of_treated(who.features)


def doubly_robust(trial: RandomisedContacts, chances: Chances, seed: int) -> Estimator:
    """The constant effect, and trees of what doubly robust effects are above it, in shares of the risk."""
    risk = risk_of(trial)
    above = robust_effects(trial, chances) - trial.constant
    weight = risk(trial) / (1 - risk(trial))
    share = _mean(trial.features, above / risk(trial), seed, weight / weight.mean())
    return lambda who: who.constant + risk(who) * share(who.features)


def robust_linear(trial: RandomisedContacts, chances: Chances, seed: int) -> Estimator:
    """The same by a linear model of the ranks of the features."""
    from sklearn.linear_model import BayesianRidge

    risk, ranks = risk_of(trial), _ranks(trial.features)
    above = robust_effects(trial, chances) - trial.constant
    noise = np.sqrt(risk(trial) * (1 - risk(trial)))
    model = BayesianRidge(fit_intercept=False)
    model.fit(ranks(trial.features) * (risk(trial) / noise)[:, None], above / noise)
    share = np.asarray(model.coef_, dtype=np.float64)
    return lambda who: who.constant + risk(who) * (ranks(who.features) @ share)


LEARNERS: Mapping[str, Callable[[RandomisedContacts, Chances, int], Estimator]] = {
    "two models": two_models,
    "X-learner": x_learner,
    "doubly robust": doubly_robust,
    "doubly robust, linear": robust_linear,
}


def risk_of(trial: RandomisedContacts) -> Callable[[Customers], Floats]:
    """Returns the risk of customers, not below LEAST_RISK of the mean of this trial."""
    least = LEAST_RISK * float(trial.risk.mean())
    return lambda who: np.clip(who.risk, max(least, 1e-6), 1 - 1e-6)


def robust_effects(trial: RandomisedContacts, chances: Chances) -> Floats:
    """Returns of each contact an unbiased estimate of the effect on its customer, by the known shares of the arms."""
    churned, share = trial.churned.astype(float), trial.propensity
    of_treated = chances.treated + trial.treated / share * (churned - chances.treated)
    of_control = chances.control + ~trial.treated / (1 - share) * (churned - chances.control)
    return np.asarray(of_control - of_treated, dtype=np.float64)


@dataclass(frozen=True)
class FoldChances:
    """Chances to leave of each contact, by the models of each fold of the customers.

    Attributes:
        fold: of each contact.
        treated, control: folds x contacts, with and without the offer.
    """

    fold: NDArray[np.int64]
    treated: Floats
    control: Floats

    def by_others(self, held: int | None = None) -> Chances:
        """Returns the chances of each customer by models that saw neither them nor a fold that is held out."""
        models = np.arange(FOLDS)[:, None]
        may = (models != self.fold) & (models != held) if held is not None else models != self.fold
        return Chances(
            *((chance * may).sum(axis=0) / may.sum(axis=0) for chance in (self.treated, self.control))
        )


def fold_chances(trial: RandomisedContacts, seed: int) -> FoldChances:
    """Fits a model of each arm in each fold of the customers."""
    fold = folds_of(trial.customer, seed)
    found = [two_chances(trial.at(fold == own), trial, seed) for own in range(FOLDS)]
    return FoldChances(fold, np.array([f.treated for f in found]), np.array([f.control for f in found]))


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


def _mean(features: Floats, target: Floats, seed: int, weight: Floats | None = None) -> Predictor:
    from sklearn.ensemble import HistGradientBoostingRegressor

    model = HistGradientBoostingRegressor(random_state=seed, **TREES)
    model.fit(features, target, sample_weight=weight)
    return lambda rows: np.asarray(model.predict(rows), dtype=np.float64)


def _ranks(features: Floats) -> Predictor:
    """A constant column, and the rank of each feature among these, of mean 0 and variance 1; 0 where all are alike."""
    columns = [np.sort(column) for column in features.T]

    def ranks(rows: Floats) -> Floats:
        found = [
            np.searchsorted(known, column, "left") + np.searchsorted(known, column, "right")
            for known, column in zip(columns, rows.T, strict=True)
        ]
        return np.column_stack(found).astype(np.float64)

    own = ranks(features)
    mean, spread = own.mean(axis=0), own.std(axis=0)
    scale = np.where(spread > 0, spread, np.inf)
    return lambda rows: np.column_stack([np.ones(len(rows)), (ranks(rows) - mean) / scale])
