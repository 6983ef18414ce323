"""Randomised contacts with one offer and their controls."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
LEAST_CHURNERS = 30  # in each arm, to learn from
LEAST_JUDGED = 10  # churners in each arm, to judge by
LEAST_ARM = 100  # customers in each arm


class NoTrial(ValueError):
    """Nothing can be learned from these contacts; the message says why."""


@dataclass(frozen=True)
class Customers:
    """Customers whose effects are estimated, one entry each.

    Attributes:
        features: customers x columns, without missing values.
        risk: the champion's churn probability.
        constant: effect that is expected without a model: the risk times the share of the churn that the offer prevents
            in the mean.
    """

    features: Floats
    risk: Floats
    constant: Floats


@dataclass(frozen=True)
class RandomisedContacts(Customers):
    """Contacts and controls, one entry each.

    Attributes:
        treated: was to get the offer, whether or not it was accepted.
        churned: left in the outcome window.
        propensity: share of the treated among contacts and controls of the same campaign.
        customer: number of the customer, who may be contacted several times.
        time: ordinal of the as_of_date that the contact followed.
    """

    treated: NDArray[np.bool_]
    churned: NDArray[np.bool_]
    propensity: Floats
    customer: NDArray[np.int64]
    time: NDArray[np.int64]

    def at(self, rows: NDArray[np.bool_]) -> "RandomisedContacts":
        """Returns some of the contacts."""
        return RandomisedContacts(*(getattr(self, name)[rows] for name in self.__dataclass_fields__))

    def __len__(self) -> int:
        """Returns the number of contacts and controls."""
        return len(self.treated)

    @property
    def churners(self) -> tuple[int, int]:
        """Those who left, of the treated and of the controls."""
        return int((self.churned & self.treated).sum()), int((self.churned & ~self.treated).sum())


def require_learnable(trial: RandomisedContacts) -> None:
    """Checks that there is enough to learn from.

    Raises:
        NoTrial: an arm is missing or too small, or too few of it left.
    """
    treated, controls = int(trial.treated.sum()), int((~trial.treated).sum())
    if not controls:
        raise NoTrial(f"{treated:,} contacts have no control arm, so nobody can tell what they changed.")
    if min(treated, controls) < LEAST_ARM:
        raise NoTrial(
            f"{treated:,} contacts and {controls:,} controls are known; {LEAST_ARM} of each are needed."
        )
    if min(trial.churners) < LEAST_CHURNERS:
        raise NoTrial(
            f"{trial.churners[0]:,} of the contacted and {trial.churners[1]:,} of the controls left; {LEAST_CHURNERS} "
            "of each are needed."
        )


def require_judging(later: RandomisedContacts) -> None:
    """Checks that enough left after later contacts to judge an order by; an interval of fewer says nothing.

    Raises:
        NoTrial: too few left.
    """
    if min(later.churners) < LEAST_JUDGED:
        raise NoTrial(
            f"Of the later contacts {later.churners[0]:,} and of their controls {later.churners[1]:,} left; "
            f"{LEAST_JUDGED} of each are needed to judge by."
        )


def shares_of_campaigns(campaign: NDArray[np.object_], treated: NDArray[np.bool_]) -> Floats:
    """Returns of each contact the share of the treated in its campaign; 0 or 1 where an arm is missing."""
    _, place = np.unique(campaign.astype(str), return_inverse=True)
    shares = np.bincount(place, weights=treated) / np.bincount(place)
    found: Floats = shares[place]
    return found


def later_part(trial: RandomisedContacts, share: float = 0.4) -> NDArray[np.bool_]:
    """Returns which contacts are the later ones, to judge by; the others are to learn from. None of one date are both.

    Args:
        trial: all contacts.
        share: of the contacts that the later part has at least.

    Raises:
        NoTrial: all contacts follow one date.
    """
    times, counts = np.unique(trial.time, return_counts=True)
    if len(times) < 2:
        raise NoTrial("All contacts follow one date; a later one is needed to judge by.")
    later = np.cumsum(counts[::-1])[::-1] / counts.sum()
    cut = times[max(1, int(np.flatnonzero(later >= share)[-1]))]
    return np.asarray(trial.time >= cut)
