"""How many more customers would show an effect that cannot be told yet."""

import math
from dataclasses import dataclass

from churn_assets.retention.detectable import Z_POWER
from churn_assets.retention.measure_estimates import LEVEL


@dataclass(frozen=True)
class Needed:
    """What is still missing.

    Attributes:
        customers: of both arms together, so that the expected effect would be found (power 80 %).
        months: of campaigns like those that were measured.
    """

    customers: int
    months: float


def needed(
    arms: tuple[int, int],
    rate: float,
    expected: float | None,
    error: float | None,
    months: int,
    tests: int,
) -> Needed | None:
    """What is still missing to find the expected effect.

    Args:
        arms: treated and control customers so far.
        rate: share who leave without an offer.
        expected: share of their churn that is expected to be prevented.
        error: standard error of the difference so far; None: that of two shares.
        months: months from which these customers come.
        tests: of the family in which the effect would be claimed, see `Contrast.differs`.

    Returns:
        None where no number of customers is enough or none is known: nothing is expected, nobody leaves, or an arm is
        empty. 0 customers where there are enough.
    """
    from scipy.special import ndtri

    if expected is None or not expected or not 0 < rate < 1 or not all(arms):
        return None
    so_far = (rate * (1 - rate) * sum(1 / arm for arm in arms)) ** 0.5 if error is None else error
    z_test = float(ndtri(1 - LEVEL / tests / 2)) + Z_POWER
    times = (so_far * z_test / abs(expected * rate)) ** 2
    have = sum(arms)
    more = max(0, math.ceil(have * (times - 1)))
    return Needed(more, more / have * months)
