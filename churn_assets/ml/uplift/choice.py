"""Learns the effects of one offer, and judges them on contacts of a later time."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from churn_assets.ml.uplift.judgement import Interval, UpliftJudgement, judge_effects
from churn_assets.ml.uplift.learners import robust_effects, two_chances
from churn_assets.ml.uplift.policy import PolicyValue, difference, policy_value
from churn_assets.ml.uplift.shrinking import EffectModel, LearnerChoice, chosen_learner
from churn_assets.ml.uplift.trial import (
    Floats,
    RandomisedContacts,
    later_part,
    require_judging,
    require_learnable,
)

ROWS_FOR_THREADS = 200_000  # contacts; see TrainingPart.threads


@dataclass(frozen=True)
class JudgedOffer:
    """What was learned about one offer.

    Attributes:
        chosen: the learner, by customers of the earlier contacts that it did not learn from.
        learned_until: last time of the contacts that the judged model learned from.
        judgement: on the later contacts.
        judged_by: which contacts are the later ones.
        later: those contacts.
        estimated: their effects by the judged model.
        robust: unbiased estimates of their effects.
        model: fitted on all contacts; None unless it is used.
    """

    chosen: LearnerChoice
    learned_until: int
    judgement: UpliftJudgement
    judged_by: NDArray[np.bool_]
    later: RandomisedContacts
    estimated: Floats
    robust: Floats
    model: EffectModel | None

    @property
    def is_used(self) -> bool:
        """Whether the model is better than the constant effect beyond chance."""
        return self.judgement.is_better

    def values(self, value: Floats, cost: float, share: float) -> "PlanValues":
        """Returns what contacting the same number of later customers by effect and by risk would have earned.

        Args:
            value: of each later customer who is kept; NaN where it is not known, then nobody contacts them.
            cost: of a contact.
            share: of the customers who are contacted.
        """
        by_effect = _best(self.estimated * value, share)
        by_constant = _best(self.later.constant * value, share)
        value = np.nan_to_num(value)
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


def judged_offer(
    trial: RandomisedContacts, as_told_by: Callable[[NDArray[np.bool_]], RandomisedContacts], seed: int
) -> JudgedOffer:
    """Learns from the earlier contacts with an offer, judges on the later ones, and learns once more from all.

    Args:
        trial: all contacts with the offer, and controls.
        as_told_by: of some of the contacts (mask), all of them with features, risk and constant effect as these alone
            tell them: the later ones judge what the earlier ones told.
        seed: of folds, learners and bootstrap.

    Raises:
        NoTrial: there are too few contacts, controls or churners, or all of one date.
    """
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    require_learnable(trial)
    judged_by = later_part(trial)
    then = as_told_by(~judged_by)
    earlier, later = then.at(~judged_by), then.at(judged_by)
    require_learnable(earlier)
    require_judging(later)
    # on busy cores, threads of small trees wait for each other in loops, for many times the CPU of one thread
    with threadpool_limits(1 if len(trial) < ROWS_FOR_THREADS else None):
        chosen = chosen_learner(earlier, seed)
        estimated = chosen.fit(earlier, seed).predict(later)
        robust = robust_effects(later, two_chances(earlier, later, seed))
        judgement = judge_effects(later, estimated, later.constant, robust, seed)
        model = chosen.fit(trial, seed) if judgement.is_better else None
    return JudgedOffer(chosen, int(earlier.time.max()), judgement, judged_by, later, estimated, robust, model)


def _best(worth: Floats, share: float) -> NDArray[np.bool_]:
    chosen = np.zeros(len(worth), dtype=bool)
    order = np.argsort(-np.nan_to_num(worth, nan=-np.inf), kind="stable")
    chosen[order[: round(share * len(worth))]] = True
    return chosen & np.isfinite(worth)
