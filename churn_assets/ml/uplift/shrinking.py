"""Chooses a learner by customers that it did not learn from, and shrinks its effects toward the constant one.

How far the effects of a learner may leave the constant is a regression of unbiased effects on them, as in the stacking
of Nie & Wager 2021 (doi 10.1093/biomet/asaa076), shrunk once more by what chance alone would give (the positive part of
James & Stein 1961). Where nothing holds for other customers, all that remains is the constant effect.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from churn_assets.ml.uplift.judgement import Z_95, clustered_mean
from churn_assets.ml.uplift.learners import (
    FOLDS,
    LEARNERS,
    Estimator,
    fold_chances,
    risk_of,
    robust_effects,
)
from churn_assets.ml.uplift.trial import Customers, Floats, RandomisedContacts


@dataclass(frozen=True)
class EffectModel:
    """A fitted learner.

    Attributes:
        name: of the learner.
        trust: share of what the learner says above the constant effect that is believed, 0 to 1.
        learned: the learner itself.
    """

    name: str
    trust: float
    learned: Estimator

    def predict(self, who: Customers) -> Floats:
        """Returns the effect on each customer."""
        if not self.trust:
            return who.constant
        return np.asarray(who.constant + self.trust * (self.learned(who) - who.constant), dtype=np.float64)


@dataclass(frozen=True)
class LearnerChoice:
    """A learner, how far it is trusted, and the loss of all on customers that they did not learn from.

    Attributes:
        name: of the learner with the least loss.
        trust: see `EffectModel`.
        losses: learner -> mean squared distance of its shrunk effects from unbiased ones, weighted as in learning; the
            entry `constant` is that of the constant effect.
    """

    name: str
    trust: float
    losses: dict[str, float]

    def fit(self, trial: RandomisedContacts, seed: int) -> EffectModel:
        """Returns the learner, fitted on a trial."""
        learned = LEARNERS[self.name](trial, fold_chances(trial, seed).by_others(), seed)
        return EffectModel(self.name, self.trust, learned)


CONSTANT = "constant"


def chosen_learner(
    trial: RandomisedContacts, seed: int, names: Sequence[str] = tuple(LEARNERS)
) -> LearnerChoice:
    """Returns the learner that is nearest to unbiased effects of customers that it did not learn from.

    Args:
        trial: contacts to learn from.
        seed: of folds and learners.
        names: of LEARNERS to choose from.
    """
    robust, estimated = _held_out(trial, seed, names)
    risk = risk_of(trial)(trial)
    weight = 1 / (risk * (1 - risk))
    weight = weight / weight.mean()
    above = robust - trial.constant
    losses = {CONSTANT: float((weight * above**2).mean())}
    trusts = {}
    for name in names:
        own = estimated[name] - trial.constant
        trusts[name] = _trust(above, own, weight, trial)
        losses[name] = float((weight * (above - trusts[name] * own) ** 2).mean())
    best = min(names, key=lambda name: losses[name])
    return LearnerChoice(best, trusts[best], losses)


def _held_out(
    trial: RandomisedContacts, seed: int, names: Sequence[str]
) -> tuple[Floats, Mapping[str, Floats]]:
    """Unbiased effects, and those by each learner, of each customer by models of the others."""
    found = fold_chances(trial, seed)
    robust = robust_effects(trial, found.by_others())
    estimated = {name: np.empty(len(trial)) for name in names}
    for held in range(FOLDS):
        at = found.fold == held
        rest, chances = trial.at(~at), found.by_others(held).at(~at)
        for name in names:
            estimated[name][at] = LEARNERS[name](rest, chances, seed)(trial.at(at))
    return robust, estimated


def _trust(above: Floats, own: Floats, weight: Floats, trial: RandomisedContacts) -> float:
    """Slope of unbiased effects above the constant on those of a learner, shrunk by its error; 0 to 1."""
    square = float((weight * own**2).mean())
    if not square > 0:
        return 0.0
    slope = float((weight * own * above).mean()) / square
    found = clustered_mean(weight * own * (above - slope * own), trial.customer)
    error = (found.high - found.value) / Z_95 / square
    if slope <= error:
        return 0.0
    return min(1.0, slope * (1 - (error / slope) ** 2))
