"""Purchases without a contract: how many more are expected (BG/NBD), and how much is spent at each (Gamma-Gamma).

BG/NBD: Fader, Hardie & Lee 2005, doi 10.1287/mksc.1040.0098. While a customer is alive, purchases are a Poisson process
whose rate varies by a gamma distribution (r, alpha). After each purchase the customer leaves with a probability that
varies by a beta distribution (a, b). Gamma-Gamma: Fader & Hardie 2013, "The Gamma-Gamma model of monetary value": the
spend per purchase varies around a mean of each customer that does not depend on how often they buy.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln, hyp2f1

Floats = NDArray[np.float64]
FITTED = 50_000  # customers; of more a sample is fitted
LEAST_CUSTOMERS = 100
STEP = 1e-4  # of a logarithm, for derivatives
LARGEST_SLOPE = 1e-2  # of the mean log-likelihood: a larger one is no maximum
PARTS_A_YEAR = 4  # purchases of a quarter are discounted from its middle
BOUND = 12.0  # of the logarithm of a parameter


class NoFit(ValueError):
    """A model cannot be fitted to these purchases; the message says why."""


@dataclass(frozen=True)
class PurchaseHistory:
    """Purchases of customers, one entry each. Time is in one unit, such as weeks.

    Attributes:
        repeats: days with a purchase after the first one.
        recency: time from the first to the last purchase.
        age: time from the first purchase to the end of the observation.
    """

    repeats: Floats
    recency: Floats
    age: Floats

    def at(self, rows: NDArray[np.intp]) -> "PurchaseHistory":
        """Returns the history of some customers."""
        return PurchaseHistory(self.repeats[rows], self.recency[rows], self.age[rows])


@dataclass(frozen=True)
class BgNbd:
    """Parameters of the BG/NBD model, and the covariance of their logarithms."""

    r: float
    alpha: float
    a: float
    b: float
    covariance: Floats

    @property
    def logs(self) -> Floats:
        """The logarithms of r, alpha, a and b."""
        return np.log([self.r, self.alpha, self.a, self.b])


@dataclass(frozen=True)
class GammaGamma:
    """Parameters of the Gamma-Gamma model, and the covariance of their logarithms."""

    p: float
    q: float
    v: float
    covariance: Floats

    @property
    def logs(self) -> Floats:
        """The logarithms of p, q and v."""
        return np.log([self.p, self.q, self.v])


def bg_nbd_log_likelihood(logs: Floats, seen: PurchaseHistory) -> Floats:
    """Returns the log-likelihood of each customer.

    Args:
        logs: logarithms of r, alpha, a and b.
        seen: what the customers did.
    """
    r, alpha, a, b = np.exp(logs)
    x, recency, age = seen.repeats, seen.recency, seen.age
    common = gammaln(r + x) - gammaln(r) + r * np.log(alpha)
    common += gammaln(a + b) + gammaln(b + x) - gammaln(b) - gammaln(a + b + x)
    alive = -(r + x) * np.log(alpha + age)
    left = np.log(a) - np.log(b + np.maximum(x, 1) - 1) - (r + x) * np.log(alpha + recency)
    return np.asarray(common + np.where(x > 0, np.logaddexp(alive, left), alive), dtype=np.float64)


def gamma_gamma_log_likelihood(logs: Floats, purchases: Floats, mean: Floats) -> Floats:
    """Returns the log-likelihood of each customer.

    Args:
        logs: logarithms of p, q and v.
        purchases: their number, at least 1.
        mean: mean spend of a purchase, above 0.
    """
    p, q, v = np.exp(logs)
    shape = p * purchases
    found = gammaln(shape + q) - gammaln(shape) - gammaln(q) + q * np.log(v)
    found += (shape - 1) * np.log(mean) + shape * np.log(purchases)
    return np.asarray(found - (shape + q) * np.log(v + purchases * mean), dtype=np.float64)


def fit_bg_nbd(seen: PurchaseHistory, seed: int = 0) -> BgNbd:
    """Returns the model of maximum likelihood; of more than FITTED customers a sample tells.

    Raises:
        NoFit: too few customers, nobody bought twice, or the likelihood has no maximum.
    """
    if len(seen.repeats) < LEAST_CUSTOMERS:
        raise NoFit(f"{len(seen.repeats)} customers have bought; {LEAST_CUSTOMERS} are needed.")
    if not (seen.repeats > 0).any():
        raise NoFit("No customer has bought twice.")
    rows = _sample(len(seen.repeats), seed)
    part, weight = _counted(np.column_stack([seen.repeats[rows], seen.recency[rows], seen.age[rows]]))
    known = PurchaseHistory(part[:, 0], part[:, 1], part[:, 2])
    start = np.log([0.5, max(float(np.mean(known.age)) / 4, 1e-3), 1.0, 3.0])
    logs, covariance = _maximum(lambda at: bg_nbd_log_likelihood(at, known), weight, start, "BG/NBD")
    return _bg_nbd(logs, covariance * len(rows) / len(seen.repeats))


def fit_gamma_gamma(purchases: Floats, mean: Floats, seed: int = 0) -> GammaGamma:
    """Returns the model of maximum likelihood; customers who spent nothing are left out.

    Raises:
        NoFit: too few customers, the likelihood has no maximum, or the spend has no mean (q is not above 1).
    """
    told = (purchases > 0) & (mean > 0)
    if told.sum() < LEAST_CUSTOMERS:
        raise NoFit(f"{told.sum()} customers have spent money; {LEAST_CUSTOMERS} are needed.")
    rows = np.flatnonzero(told)[_sample(int(told.sum()), seed)]
    part, weight = _counted(np.column_stack([purchases[rows], mean[rows]]))
    start = np.log([2.0, 3.0, 2 * float(np.mean(mean[rows]))])
    logs, covariance = _maximum(
        lambda at: gamma_gamma_log_likelihood(at, part[:, 0], part[:, 1]), weight, start, "Gamma-Gamma"
    )
    found = _gamma_gamma(logs, covariance * len(rows) / told.sum())
    if found.q <= 1:
        raise NoFit(
            f"The spend of a purchase has no finite mean in the Gamma-Gamma model (q = {found.q:.3g})."
        )
    return found


def alive(model: BgNbd, seen: PurchaseHistory) -> Floats:
    """Returns the probability that each customer has not left."""
    return np.asarray(1 / (1 + _left_odds(model, seen)), dtype=np.float64)


def expected_purchases(model: BgNbd, seen: PurchaseHistory, ahead: float) -> Floats:
    """Returns how many purchases each customer is expected to make in the time `ahead`."""
    x, age = seen.repeats, seen.age
    a = model.a if abs(model.a - 1) > 1e-6 else 1 + 1e-6  # the formula has a gap at 1
    shape, rest = model.r + x, a + model.b + x - 1
    grown = model.alpha + age
    ratio = (grown / (grown + ahead)) ** shape
    found = rest / (a - 1) * (1 - ratio * hyp2f1(shape, model.b + x, rest, ahead / (grown + ahead)))
    return np.asarray(np.maximum(found, 0.0) * alive(model, seen), dtype=np.float64)


def discounted_purchases(
    model: BgNbd, seen: PurchaseHistory, start: float, end: float, rate_per_year: float, year: float
) -> Floats:
    """Returns the expected purchases of each customer between two times ahead, discounted to now.

    Args:
        model: the model.
        seen: what the customers did.
        start, end: times ahead.
        rate_per_year: 0.1 makes 1.10 in a year worth 1 today.
        year: its length in the unit of time.
    """
    parts = max(1, math.ceil((end - start) / (year / PARTS_A_YEAR)))
    at = np.linspace(start, end, parts + 1)
    until = [expected_purchases(model, seen, float(time)) for time in at]
    weights = (1 + rate_per_year) ** (-(at[1:] + at[:-1]) / 2 / year)
    total = np.zeros(len(seen.repeats))
    for before, after, weight in zip(until, until[1:], weights, strict=False):
        total += weight * (after - before)
    return total


def expected_spend(model: GammaGamma, purchases: Floats, mean: Floats) -> Floats:
    """Returns the expected spend of the next purchase of each customer; without purchases that of everybody."""
    spent = np.where(purchases > 0, purchases * np.maximum(mean, 0.0), 0.0)
    return np.asarray(model.p * (model.v + spent) / (model.p * purchases + model.q - 1), dtype=np.float64)


def relative_errors(
    bg_nbd: BgNbd,
    gamma_gamma: GammaGamma,
    seen: PurchaseHistory,
    purchases: Floats,
    mean: Floats,
    ahead: float,
) -> Floats:
    """Returns the standard error of the logarithm of purchases times spend, by the errors of the parameters."""

    def count(logs: Floats) -> Floats:
        return np.log(np.maximum(expected_purchases(_bg_nbd(logs, bg_nbd.covariance), seen, ahead), 1e-300))

    def spend(logs: Floats) -> Floats:
        return np.log(expected_spend(_gamma_gamma(logs, gamma_gamma.covariance), purchases, mean))

    variance = np.zeros(len(seen.repeats))
    for told, logs, covariance in (
        (count, bg_nbd.logs, bg_nbd.covariance),
        (spend, gamma_gamma.logs, gamma_gamma.covariance),
    ):
        moved = np.eye(len(logs)) * STEP
        slopes = np.column_stack([(told(logs + m) - told(logs - m)) / (2 * STEP) for m in moved])
        variance += np.einsum("ij,jk,ik->i", slopes, covariance, slopes)
    return np.sqrt(np.maximum(variance, 0.0))


def _bg_nbd(logs: Floats, covariance: Floats) -> BgNbd:
    r, alpha, a, b = (float(value) for value in np.exp(logs))
    return BgNbd(r, alpha, a, b, covariance)


def _gamma_gamma(logs: Floats, covariance: Floats) -> GammaGamma:
    p, q, v = (float(value) for value in np.exp(logs))
    return GammaGamma(p, q, v, covariance)


def _left_odds(model: BgNbd, seen: PurchaseHistory) -> Floats:
    x = seen.repeats
    log = np.log(model.a) - np.log(model.b + np.maximum(x, 1) - 1)
    log = log + (model.r + x) * (np.log(model.alpha + seen.age) - np.log(model.alpha + seen.recency))
    return np.where(x > 0, np.exp(np.minimum(log, 700.0)), 0.0)


def _sample(customers: int, seed: int) -> NDArray[np.intp]:
    if customers <= FITTED:
        return np.arange(customers)
    return np.sort(np.random.default_rng(seed).choice(customers, FITTED, replace=False))


def _counted(rows: Floats) -> tuple[Floats, Floats]:
    """Returns the different rows, and how often each is there."""
    different, counts = np.unique(rows, axis=0, return_counts=True)
    return different, counts.astype(np.float64)


def _maximum(
    likelihood: Callable[[Floats], Floats], weight: Floats, start: Floats, name: str
) -> tuple[Floats, Floats]:
    """Returns the logarithms of the parameters at the maximum, and their covariance.

    Raises:
        NoFit: a parameter runs to its bound, the slope there is not 0, or the maximum has no curvature.
    """
    total = float(weight.sum())

    def loss(at: Floats) -> float:
        return -float(weight @ likelihood(at)) / total

    from scipy.optimize import minimize  # a second; values by survival need none

    solved = minimize(loss, start, method="L-BFGS-B", bounds=[(-BOUND, BOUND)] * len(start))
    slope = _slope(loss, solved.x)
    if np.abs(slope).max() > LARGEST_SLOPE or np.abs(solved.x).max() >= BOUND:
        raise NoFit(f"The likelihood of {name} has no maximum: these purchases do not follow the model.")
    moved = np.eye(len(start)) * STEP
    bent = np.array([(_slope(loss, solved.x + m) - _slope(loss, solved.x - m)) / (2 * STEP) for m in moved])
    curvature = total * (bent + bent.T) / 2
    if np.linalg.eigvalsh(curvature).min() <= 0:
        raise NoFit(f"The parameters of {name} cannot be told apart by these purchases.")
    return np.asarray(solved.x, dtype=np.float64), np.linalg.inv(curvature)


def _slope(loss: Callable[[Floats], float], at: Floats) -> Floats:
    moved = np.eye(len(at)) * STEP
    return np.array([(loss(at + m) - loss(at - m)) / (2 * STEP) for m in moved])
