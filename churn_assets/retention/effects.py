"""What an offer prevents, and how many accept it: measured on past contacts with a control arm, else assumed.

The measure is the share of the churn that an offer prevents among those who were to get it, whether or not they
accepted. It is a ratio of churn rates, so it fits customers of any risk and windows of any length. Arms are compared
within a campaign (Mantel-Haenszel, with the variance of Greenland & Robins 1985, doi 10.2307/2530643).

What is assumed is a prior of two halves: the offer does nothing, or the logarithm of its ratio is normal around twice
that of the assumed one, so that the mean of both is what is assumed. The normal half is as wide as doubt leaves it: the
distance to the mean, and the error of a trial in which `assumed_churners` left in each arm. Contacts decide which half
is true (by Bayes' rule), and how much an offer does that works. One normal prior around the assumed ratio would cling
to a small effect for years where there is none, since no trial rules out a small one.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import expit, ndtr, ndtri

from churn_assets.contracts.offers import OfferLine
from churn_assets.counts import counted

USELESS = 0.5  # chance that an offer does nothing, before anything is measured
ASSUMED_CONTACTS = 20  # contacts that the assumed acceptance counts as
MINIMUM_CHURNERS = 5  # of each arm; with fewer the normal approximation says nothing
Z_95 = 1.959964


@dataclass(frozen=True)
class OfferEffect:
    """What is expected of an offer.

    Attributes:
        offer: its name.
        prevented: share of the churn that it prevents, never above what the contacts alone leave possible
            (measured_high); below 0 it adds churn.
        low, high: 95 % interval.
        works: probability that it changes anything.
        measured, measured_low, measured_high: of the contacts alone; None without enough of them.
        treated, control: contacts with a known outcome in both arms, of campaigns that have both.
        treated_churners, control_churners: of them, those who left.
        acceptance: probability that a contacted customer accepts.
        contacts, accepted: contacts that tell whether the customer accepted, and those who did.
    """

    offer: str
    prevented: float
    low: float
    high: float
    works: float
    measured: float | None
    measured_low: float | None
    measured_high: float | None
    treated: int
    control: int
    treated_churners: int
    control_churners: int
    acceptance: float
    contacts: int
    accepted: int

    @property
    def basis(self) -> str:
        """Where the estimate comes from, in words."""
        if self.measured is not None:
            return f"measured: {self.treated:,} contacts, {self.control:,} controls"
        few = min(self.treated_churners, self.control_churners)
        if not (self.treated and self.control):
            return "assumed: no control arm"
        if few >= MINIMUM_CHURNERS:
            return "assumed: nobody stayed"
        return (
            f"assumed: only {counted(few, 'churner')} in an arm" if few else "assumed: no churner in an arm"
        )


@dataclass(frozen=True)
class Belief:
    """What is believed of the logarithm of the ratio: 0, or normal.

    Attributes:
        works: probability of the second.
        centre, spread: of the normal distribution.
    """

    works: float
    centre: float
    spread: float

    @property
    def mean(self) -> float:
        """The mean of both."""
        return self.works * self.centre

    def interval(self) -> tuple[float, float]:
        """The quantiles of 2.5 and 97.5 %."""
        return self._quantile(0.025), self._quantile(0.975)

    def _below(self, at: float) -> float:
        """The probability that the offer works and the value is lower."""
        return self.works * float(ndtr((at - self.centre) / self.spread))

    def _quantile(self, share: float) -> float:
        at_zero = self._below(0.0)
        if at_zero <= share <= at_zero + 1 - self.works:
            return 0.0
        rest = share if share < at_zero else share - (1 - self.works)
        return self.centre + self.spread * float(ndtri(rest / self.works))


def believed(offer: OfferLine, ratio: tuple[float, float] | None) -> Belief:
    """What is believed of an offer after its contacts.

    Args:
        offer: with what is assumed.
        ratio: logarithm of the measured ratio and its variance; None: nothing was measured.
    """
    assumed = float(np.log1p(-offer.assumed_effect))
    centre = assumed / (1 - USELESS)
    variance = (centre - assumed) ** 2 + 2 / offer.assumed_churners
    if ratio is None:
        return Belief(1 - USELESS, centre, variance**0.5)
    found, error = ratio
    # logarithm of how much better the normal half foretold what was measured
    better = 0.5 * (
        np.log(error / (variance + error)) + found**2 / error - (found - centre) ** 2 / (variance + error)
    )
    works = float(expit(better + np.log(1 - USELESS) - np.log(USELESS)))
    weight = 1 / variance + 1 / error
    return Belief(works, float((centre / variance + found / error) / weight), float(weight**-0.5))


def effect_of(offer: OfferLine, contacts: pd.DataFrame) -> OfferEffect:
    """What is expected of an offer.

    Args:
        offer: with what is assumed.
        contacts: one row per contact with this offer, or control, of a customer whom the offer may go to: campaign,
            treated (bool), churned (bool or null while unknown), accepted (bool or null).
    """
    known = contacts[contacts["churned"].notna()]
    arms = _arms(known)
    ratio = _ratio(arms)
    expected = believed(offer, ratio)
    low, high = expected.interval()
    own = (ratio[0], Z_95 * ratio[1] ** 0.5) if ratio else None
    answered = contacts[contacts["treated"] & contacts["accepted"].notna()]
    accepted = int(answered["accepted"].astype(bool).sum())
    return OfferEffect(
        offer=offer.name,
        prevented=_prevented(max(expected.mean, own[0] - own[1]) if own else expected.mean),
        low=_prevented(high),
        high=_prevented(low),
        works=expected.works,
        measured=_prevented(own[0]) if own else None,
        measured_low=_prevented(own[0] + own[1]) if own else None,
        measured_high=_prevented(own[0] - own[1]) if own else None,
        treated=int(arms["n1"].sum()),
        control=int(arms["n0"].sum()),
        treated_churners=int(arms["a"].sum()),
        control_churners=int(arms["b"].sum()),
        acceptance=(offer.assumed_acceptance * ASSUMED_CONTACTS + accepted)
        / (ASSUMED_CONTACTS + len(answered)),
        contacts=len(answered),
        accepted=accepted,
    )


def _prevented(log_ratio: float) -> float:
    return float(-np.expm1(log_ratio))


def _arms(known: pd.DataFrame) -> pd.DataFrame:
    """Per campaign with both arms: churners and customers of the treated (a, n1) and of the controls (b, n0)."""
    churned, treated = known["churned"].astype(bool), known["treated"].astype(bool)
    counts = pd.DataFrame(
        {
            "campaign": known["campaign"].fillna("").astype(str),
            "a": churned & treated,
            "n1": treated,
            "b": churned & ~treated,
            "n0": ~treated,
        }
    )
    arms = counts.groupby("campaign")[["a", "n1", "b", "n0"]].sum().astype(float)
    return arms[(arms["n1"] > 0) & (arms["n0"] > 0)]


def _ratio(arms: pd.DataFrame) -> tuple[float, float] | None:
    """Logarithm of the ratio of churn rates, treated to control, and its variance.

    None with too few churners, or where everybody left: then no variance can be told.
    """
    a, n1, b, n0 = (arms[name].to_numpy() for name in ("a", "n1", "b", "n0"))
    if min(a.sum(), b.sum()) < MINIMUM_CHURNERS:
        return None
    n = n1 + n0
    upper, lower = float((a * n0 / n).sum()), float((b * n1 / n).sum())
    variance = float((((a + b) * n1 * n0 - a * b * n) / n**2).sum()) / (upper * lower)
    return (float(np.log(upper / lower)), variance) if variance > 0 else None


def effects_of(offers: "list[OfferLine]", contacts: Mapping[str, pd.DataFrame]) -> dict[str, OfferEffect]:
    """Offer -> what is expected of it; `contacts` as in `effect_of`, by offer."""
    return {offer.name: effect_of(offer, contacts[offer.name]) for offer in offers}
