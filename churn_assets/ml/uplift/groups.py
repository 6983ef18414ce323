"""Who is persuadable and who is woken up by a contact: groups of customers by estimated effects, and what came."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from churn_assets.ml.uplift.judgement import Interval, clustered_mean
from churn_assets.ml.uplift.trial import Floats, RandomisedContacts

PERSUADABLE, LITTLE, WOKEN = "persuadable", "little changed", "woken up"
EVERYBODY = "everybody"  # where the constant effect is all that remains
TOP = 0.2  # share of the customers who are called persuadable, those with the largest effects
LEAST_SEEN = 5  # churners in each arm of a group; with fewer an interval of what came says nothing


@dataclass(frozen=True)
class EffectGroup:
    """Customers of later contacts.

    Attributes:
        name: of the group.
        contacts, controls: in it.
        woken: share of them whose estimated effect is below 0.
        estimated: mean estimated effect.
        observed: mean of unbiased effects; None where fewer than LEAST_SEEN left in an arm.
    """

    name: str
    contacts: int
    controls: int
    woken: float
    estimated: float
    observed: Interval | None


def kinds_of(estimated: Floats, trust: float) -> NDArray[np.object_]:
    """Returns of each customer WOKEN with an effect below 0, PERSUADABLE among the TOP above it, else LITTLE.

    EVERYBODY where the learner is not trusted at all: then estimated effects differ by the risk only.
    """
    if not trust:
        return np.full(len(estimated), EVERYBODY, dtype=object)
    found = np.full(len(estimated), LITTLE, dtype=object)
    found[np.argsort(-estimated, kind="stable")[: round(TOP * len(estimated))]] = PERSUADABLE
    found[estimated <= 0] = LITTLE
    found[estimated < 0] = WOKEN
    return found


def effect_groups(
    later: RandomisedContacts, estimated: Floats, robust: Floats, names: NDArray[np.object_]
) -> list[EffectGroup]:
    """Returns the groups, that with the largest estimated effect first.

    Args:
        later: contacts that the estimates were not learned from.
        estimated: effect of each.
        robust: unbiased estimates, see `robust_effects`.
        names: the group of each.
    """
    found = []
    for name in sorted(set(names.tolist())):
        here = names == name
        own = later.at(here)
        treated = int(own.treated.sum())
        can_be_seen = min(own.churners) >= LEAST_SEEN
        found.append(
            EffectGroup(
                name,
                treated,
                len(own) - treated,
                float((estimated[here] < 0).mean()),
                float(estimated[here].mean()),
                clustered_mean(robust[here], own.customer) if can_be_seen else None,
            )
        )
    return sorted(found, key=lambda group: -group.estimated)
