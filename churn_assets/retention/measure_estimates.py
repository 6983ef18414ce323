"""What being treated changes: differences between randomised arms with their intervals.

An estimate is the coefficient of the treatment in a least-squares fit within strata (campaigns). Without covariates and
with one stratum that is the difference of means. With covariates it is the regression adjustment of Lin 2013 (doi
10.1214/12-AOAS583): covariates centred and multiplied with the treatment, so that the estimate stays valid whatever
the outcome depends on. Several strata are weighted by n1 n0 / n, as Mantel and Haenszel do.

Variances are those of the sandwich with the leverage correction HC3 (MacKinnon & White 1985, doi
10.1016/0304-4076(85)90158-7), which holds for small arms, too; summed by customer where one has several rows.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from churn_assets.ml.metrics.classification import wilson

Floats = NDArray[np.float64]
Codes = NDArray[np.intp]
LEVEL = 0.05


@dataclass(frozen=True)
class Contrast:
    """A difference between the arms, treated less control.

    Attributes:
        value: of the difference.
        error: its standard error.
        freedom: degrees of freedom of its t distribution: customers of the smaller arm, less what was fitted.
        influence: of each customer on the value.
    """

    value: float
    error: float
    freedom: float
    influence: Floats

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % interval."""
        half = self.error * _quantile(LEVEL, self.freedom)
        return self.value - half, self.value + half

    def differs(self, tests: int) -> bool:
        """Whether the difference is not 0, at 5 % for a family of so many tests (Bonferroni)."""
        return abs(self.value) > self.error * _quantile(LEVEL / tests, self.freedom)


def _quantile(level: float, freedom: float) -> float:
    from scipy.special import stdtrit  # scipy.stats calls it, too, and takes a second to import

    return float(stdtrit(freedom, 1 - level / 2))


def estimate(
    outcome: Floats,
    treated: NDArray[np.bool_],
    strata: Codes,
    customer: Codes,
    covariates: Sequence[Floats] = (),
) -> Contrast | None:
    """The difference between the arms.

    Args:
        outcome: of each row; no NaN.
        treated: of each row, as randomised.
        strata: within which the arms are compared, numbered from 0.
        customer: whose row it is, numbered from 0; rows of one customer are not independent.
        covariates: known before the treatment; no NaN.

    Returns:
        None where no stratum has both arms, an arm has no more rows than are fitted, or nothing varies.
    """
    arm = treated.astype(float)
    columns = [_within(arm, strata)]
    for covariate in covariates:
        centred = _within(covariate, strata)
        if centred.std() > 0:
            columns += [centred, _within(centred * arm, strata)]
    design = np.column_stack(columns)
    freedom = min(int(treated.sum()), int((~treated).sum())) - 1 - (design.shape[1] - 1) // 2
    if freedom < 1 or not (columns[0] ** 2).sum() > 0:
        return None
    inverse = np.linalg.pinv(design.T @ design)
    own = _within(outcome, strata)
    rest = own - design @ (inverse @ design.T @ own)
    size = np.bincount(strata)[strata]
    leverage = np.clip(((design @ inverse) * design).sum(axis=1) + 1 / size, 0, 1 - 1e-9)
    single = (inverse @ design.T)[0] * rest / (1 - leverage)
    influence = np.bincount(customer, single).astype(np.float64)
    error = float(np.sqrt((influence**2).sum()))
    value = float((inverse @ design.T @ own)[0])
    return Contrast(value, error, float(freedom), influence) if error > 0 else None


def _within(values: Floats, strata: Codes) -> Floats:
    """Values less the mean of their stratum."""
    size = np.maximum(np.bincount(strata), 1)  # a number that no row has any more
    return np.asarray(values - (np.bincount(strata, values) / size)[strata], dtype=np.float64)


def newcombe(left: int, of: int, control_left: int, control: int) -> tuple[float, float]:
    """95 % interval of the difference of two shares, treated less control (Newcombe 1998, method 10).

    It holds for few churners, where the normal approximation does not. doi
    10.1002/(SICI)1097-0258(19980430)17:8<873::AID-SIM779>3.0.CO;2-I.
    """
    p1, p0 = left / of, control_left / control
    (low1, high1), (low0, high0) = wilson(left, of), wilson(control_left, control)
    difference = p1 - p0
    return (
        difference - ((p1 - low1) ** 2 + (high0 - p0) ** 2) ** 0.5,
        difference + ((high1 - p1) ** 2 + (p0 - low0) ** 2) ** 0.5,
    )


def share_prevented(
    effect: Contrast, outcome: Floats, treated: NDArray[np.bool_], customer: Codes
) -> tuple[float, float, float] | None:
    """Share of the treated customers' churn that was prevented, with its 95 % interval.

    Without treatment the share of those who left would have been that of the treated less the effect. The interval is
    that of the logarithm of the ratio of both.

    Returns:
        None where one of the two shares is 0 or less.
    """
    left = float(outcome[treated].mean())
    without = left - effect.value
    if left <= 0 or without <= 0:
        return None
    own = np.bincount(customer, np.where(treated, (outcome - left) / treated.sum(), 0.0))
    of_log = own / left - (own - effect.influence) / without
    half = float(np.sqrt((of_log**2).sum())) * _quantile(LEVEL, effect.freedom)
    ratio = np.log(left / without)
    return float(-np.expm1(ratio)), float(-np.expm1(ratio + half)), float(-np.expm1(ratio - half))
