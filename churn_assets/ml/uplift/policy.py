"""What a plan would have earned, from past randomised contacts: inverse probability weighting and doubly robust."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from churn_assets.ml.uplift.judgement import Interval, clustered_mean, weighted_outcomes
from churn_assets.ml.uplift.trial import Floats, RandomisedContacts


@dataclass(frozen=True)
class PolicyValue:
    """Profit per customer against contacting nobody.

    Attributes:
        share: of the customers that the plan contacts.
        weighted: by inverse probability weighting.
        robust: doubly robust.
    """

    share: float
    weighted: Interval
    robust: Interval


def policy_value(
    trial: RandomisedContacts, contacted: NDArray[np.bool_], value: Floats, cost: float, robust: Floats
) -> PolicyValue:
    """Returns what contacting some of the customers of a trial would have earned.

    Args:
        trial: contacts and controls that the plan did not learn from.
        contacted: whether the plan contacts the customer.
        value: of a customer who is kept.
        cost: of a contact.
        robust: unbiased estimates of the effects, see `robust_effects`.
    """
    weighted, doubly = (
        clustered_mean(np.where(contacted, effect * value - cost, 0.0), trial.customer)
        for effect in (weighted_outcomes(trial), robust)
    )
    return PolicyValue(float(contacted.mean()), weighted, doubly)


def difference(
    trial: RandomisedContacts,
    one: NDArray[np.bool_],
    other: NDArray[np.bool_],
    value: Floats,
    cost: float,
    robust: Floats,
) -> Interval:
    """Returns the profit per customer of one plan above that of another, doubly robust and paired."""
    earned = robust * value - cost
    return clustered_mean((one.astype(float) - other) * earned, trial.customer)
