"""Estimated effects against randomised contacts of a later time: Qini, uplift at k, and the loss against a constant.

Qini: Radcliffe 2007; here as the mean fall of churn per contact above that of contacts drawn at random, over doubly
robust effects (Yadlowsky et al. 2024, doi 10.1080/01621459.2024.2393466). Intervals: bootstrap of whole customers.
"""

from dataclasses import dataclass

import numpy as np

from churn_assets.ml.uplift.trial import Floats, RandomisedContacts

Z_95 = 1.959963984540054
SHARES = (0.1, 0.2, 0.3)
DRAWS = 300


@dataclass(frozen=True)
class Interval:
    """A figure with its 95 % interval."""

    value: float
    low: float
    high: float

    @property
    def is_above_zero(self) -> bool:
        """Whether the whole interval is."""
        return self.low > 0

    def __str__(self) -> str:
        """Returns the figure in words."""
        return f"{self.value:.4f} ({self.low:.4f} to {self.high:.4f})"


@dataclass(frozen=True)
class UpliftJudgement:
    """How estimated effects came out.

    Attributes:
        contacts, controls: that judged.
        qini: Qini coefficient; 0 is a random order.
        qini_gain: the same above that of the constant effect.
        at: share of the customers -> effect among those with the largest estimates.
        loss_gain: fall of the mean squared error of the effects against the constant effect.
        contacts_needed: contacts and controls from which on a qini_gain like this would show; None: not like this.
    """

    contacts: int
    controls: int
    qini: Interval
    qini_gain: Interval
    at: dict[float, Interval]
    loss_gain: Interval
    contacts_needed: int | None

    @property
    def is_better(self) -> bool:
        """Whether the order is better than that of the constant effect beyond chance, and the sizes are no worse."""
        return self.qini_gain.is_above_zero and self.loss_gain.value > 0


def judge_effects(
    trial: RandomisedContacts, effect: Floats, constant: Floats, robust: Floats, seed: int
) -> UpliftJudgement:
    """Judges estimates by contacts that they were not learned from.

    Args:
        trial: later contacts, with both arms in each campaign.
        effect: estimated effect of each contact.
        constant: the effect that is used without a model.
        robust: unbiased estimates, see `robust_effects`.
        seed: of the bootstrap.

    Raises:
        ValueError: an estimate is missing.
    """
    if not (np.isfinite(effect).all() and np.isfinite(constant).all() and np.isfinite(robust).all()):
        raise ValueError("an estimated effect is missing")
    gains = (robust - constant) ** 2 - (robust - effect) ** 2
    loss = clustered_mean(gains, trial.customer)
    weights = _bootstrap(trial.customer, seed)
    own, other = (_qinis(score, robust, weights) for score in (effect, constant))
    treated, gain = int(trial.treated.sum()), _of_draws(own - other)
    return UpliftJudgement(
        contacts=treated,
        controls=len(trial) - treated,
        qini=_of_draws(own),
        qini_gain=gain,
        at={share: _top(effect, robust, weights, share) for share in SHARES},
        loss_gain=loss,
        contacts_needed=_needed(gain, len(trial)),
    )


def weighted_outcomes(trial: RandomisedContacts) -> Floats:
    """Returns of each contact an unbiased estimate of the effect by its own outcome alone."""
    churned, share = trial.churned.astype(float), trial.propensity
    return np.where(trial.treated, -churned / share, churned / (1 - share))


def qini_curve(score: Floats, unbiased: Floats) -> tuple[Floats, Floats]:
    """Returns shares of the customers, by falling score, and what the offer to them changes per customer of all."""
    order = np.argsort(-score, kind="stable")
    shares = np.arange(len(order) + 1) / len(order)
    return shares, np.append(0.0, np.cumsum(unbiased[order])) / len(order)


def _bootstrap(customer: "np.ndarray", seed: int) -> Floats:
    """Weights of the contacts, draws x contacts; the first draw is what was seen."""
    known, place = np.unique(customer, return_inverse=True)
    rng = np.random.default_rng(seed)
    drawn = rng.multinomial(len(known), np.full(len(known), 1 / len(known)), DRAWS)
    return np.vstack([np.ones(len(place)), drawn[:, place]]).astype(np.float64)


def _qinis(score: Floats, unbiased: Floats, weights: Floats) -> Floats:
    """Qini coefficient of each draw: area between the curve and the straight line."""
    order = np.argsort(-score, kind="stable")
    weight = weights[:, order]
    total = weight.sum(axis=1, keepdims=True)
    share = np.cumsum(weight, axis=1) / total
    curve = np.cumsum(weight * unbiased[order], axis=1) / total
    width = np.diff(share, axis=1, prepend=0.0)
    middle = curve - np.diff(curve, axis=1, prepend=0.0) / 2
    area = (width * middle).sum(axis=1)
    return np.asarray(area - curve[:, -1] / 2, dtype=np.float64)


def _top(score: Floats, unbiased: Floats, weights: Floats, share: float) -> Interval:
    order = np.argsort(-score, kind="stable")[: max(1, round(share * len(score)))]
    weight = weights[:, order]
    sums = weight.sum(axis=1)
    return _of_draws((weight @ unbiased[order]) / np.where(sums > 0, sums, np.nan))


def _of_draws(values: Floats) -> Interval:
    low, high = np.nanquantile(values[1:], (0.025, 0.975))
    return Interval(float(values[0]), float(low), float(high))


def clustered_mean(values: Floats, customer: "np.ndarray") -> Interval:
    """Mean with an interval that knows that the contacts of one customer depend on each other."""
    known, place = np.unique(customer, return_inverse=True)
    mean = float(values.mean())
    sums = np.bincount(place, weights=values - mean)
    error = float(np.sqrt((sums**2).sum() * len(known) / max(1, len(known) - 1)) / len(values))
    return Interval(mean, mean - Z_95 * error, mean + Z_95 * error)


def _needed(gain: Interval, contacts: int) -> int | None:
    """Contacts from which on the interval of such a gain would lie above zero."""
    if gain.value <= 0:
        return None
    return int(np.ceil(contacts * ((gain.value - gain.low) / gain.value) ** 2))
