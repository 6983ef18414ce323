"""Chooses a learner of the effects of one offer, and judges it on contacts of a later time."""

from dataclasses import dataclass

import numpy as np

from churn_assets.ml.uplift.judgement import Interval, UpliftJudgement, judge_effects
from churn_assets.ml.uplift.learners import (
    LEARNERS,
    EffectModel,
    cross_fitted,
    fit_learner,
    folds_of,
    robust_effects,
    two_chances,
)
from churn_assets.ml.uplift.policy import PolicyValue, difference, policy_value
from churn_assets.ml.uplift.trial import (
    Floats,
    RandomisedContacts,
    require_judging,
    require_learnable,
    split_by_time,
)


@dataclass(frozen=True)
class JudgedOffer:
    """What was learned about one offer.

    Attributes:
        model: the chosen learner, fitted on all contacts.
        learned_until: last time of the contacts that the judged model learned from.
        losses: learner -> loss on customers that it did not learn from, of earlier contacts; the least is chosen.
        judgement: on the later contacts.
        later: those contacts.
        estimated: their effects by the judged model.
        robust: unbiased estimates of their effects.
    """

    model: EffectModel
    learned_until: int
    losses: dict[str, float]
    judgement: UpliftJudgement
    later: RandomisedContacts
    estimated: Floats
    robust: Floats

    @property
    def is_used(self) -> bool:
        """Whether the model is better than the constant effect beyond chance."""
        return self.judgement.is_better

    def values(self, value: Floats, cost: float, share: float) -> "PlanValues":
        """Returns what contacting the same number of later customers by effect and by risk would have earned.

        Args:
            value: of each later customer who is kept.
            cost: of a contact.
            share: of the customers who are contacted.
        """
        by_effect = _best(self.estimated * value, share)
        by_constant = _best(self.later.constant * value, share)
        return PlanValues(
            policy_value(self.later, by_effect, value, cost, self.robust),
            policy_value(self.later, by_constant, value, cost, self.robust),
            difference(self.later, by_effect, by_constant, value, cost, self.robust),
        )


@dataclass(frozen=True)
class PlanValues:
    """Profit per customer of a plan by estimated effects, of one by the constant effect, and their difference."""

    by_effect: PolicyValue
    by_constant: PolicyValue
    difference: Interval


def judged_offer(trial: RandomisedContacts, seed: int) -> JudgedOffer:
    """Learns from the earlier contacts with an offer, judges on the later ones, and learns once more from all.

    Args:
        trial: all contacts with the offer, and controls.
        seed: of folds, learners and bootstrap.

    Raises:
        NoTrial: there are too few contacts, controls or churners, or all of one date.
    """
    require_learnable(trial)
    earlier, later = split_by_time(trial)
    require_learnable(earlier)
    require_judging(later)
    losses = _losses(earlier, seed)
    name = min(losses, key=lambda learner: losses[learner])
    judged = fit_learner(name, earlier, seed)
    estimated = judged.predict(later.features, later.constant)
    robust = robust_effects(later, two_chances(earlier, later, seed))
    judgement = judge_effects(later, estimated, later.constant, robust, seed)
    model = fit_learner(name, trial, seed)
    return JudgedOffer(model, int(earlier.time.max()), losses, judgement, later, estimated, robust)


def _losses(trial: RandomisedContacts, seed: int) -> dict[str, float]:
    """Learner -> mean squared distance from unbiased effects, of customers that it did not learn from."""
    fold = folds_of(trial.customer, seed + 1)
    held = fold == 0
    rest, here = trial.at(~held), trial.at(held)
    robust = robust_effects(here, two_chances(rest, here, seed))
    chances = cross_fitted(rest, seed)
    found = {}
    for name, fit in LEARNERS.items():
        estimated = fit(rest, chances, seed)(here.features, here.constant)
        found[name] = float(((robust - estimated) ** 2).mean())
    return found


def _best(worth: Floats, share: float) -> "np.ndarray":
    chosen = np.zeros(len(worth), dtype=bool)
    chosen[np.argsort(-worth, kind="stable")[: round(share * len(worth))]] = True
    return chosen
