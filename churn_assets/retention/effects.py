"""What an offer prevents, and how many accept it: measured on past contacts with a control arm, else assumed.

The measure is the share of the churn that an offer prevents among those who were to get it, whether or not they
accepted. It is a ratio of churn rates, so it fits customers of any risk and windows of any length. Arms are compared
within a campaign (Mantel-Haenszel, with the variance of Greenland & Robins 1985, doi 10.2307/2530643).

What is assumed counts like a trial whose interval is known: its logarithm has the standard deviation ASSUMED_SPREAD.
Each contact moves the estimate from what is assumed to what is measured.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from churn_assets.contracts.offers import OfferLine
from churn_assets.counts import counted

ASSUMED_SPREAD = 0.3  # of the logarithm of the ratio: an assumed 20 % is taken for -44 % to 56 %
ASSUMED_CONTACTS = 20  # contacts that the assumed acceptance counts as
MINIMUM_CHURNERS = 5  # of each arm; with fewer the normal approximation says nothing
Z_95 = 1.959964


@dataclass(frozen=True)
class OfferEffect:
    """What is expected of an offer.

    Attributes:
        offer: its name.
        prevented: share of the churn that it prevents; below 0 it adds churn.
        low, high: 95 % interval.
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
    def assumed_share(self) -> float:
        """Weight of what is assumed in the estimate, 0 to 1."""
        spread = (np.log1p(-self.low) - np.log1p(-self.high)) / (2 * Z_95)
        return float(min(1.0, (spread / ASSUMED_SPREAD) ** 2))

    @property
    def is_measured(self) -> bool:
        """Whether contacts weigh more than half in the estimate."""
        return self.measured is not None and self.assumed_share < 0.5

    @property
    def basis(self) -> str:
        """Where the estimate comes from, in words; begins with `measured` if it is."""
        if self.measured is not None:
            told = f"{self.treated:,} contacts, {self.control:,} controls"
            if self.is_measured:
                return f"measured: {told}"
            return f"mostly assumed: {told} weigh {1 - self.assumed_share:.0%}"
        few = min(self.treated_churners, self.control_churners)
        if not (self.treated and self.control):
            return "assumed: no control arm"
        if few >= MINIMUM_CHURNERS:
            return "assumed: nobody stayed"
        return (
            f"assumed: only {counted(few, 'churner')} in an arm" if few else "assumed: no churner in an arm"
        )


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
    before = (np.log1p(-offer.assumed_effect), ASSUMED_SPREAD**-2)
    told = [before, *([(ratio[0], 1 / ratio[1])] if ratio else [])]
    weight = sum(w for _, w in told)
    mean, half = sum(m * w for m, w in told) / weight, Z_95 * weight**-0.5
    own = (ratio[0], Z_95 * ratio[1] ** 0.5) if ratio else None
    answered = contacts[contacts["treated"] & contacts["accepted"].notna()]
    accepted = int(answered["accepted"].astype(bool).sum())
    return OfferEffect(
        offer=offer.name,
        prevented=_prevented(mean),
        low=_prevented(mean + half),
        high=_prevented(mean - half),
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
