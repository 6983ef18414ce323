"""Which effect a holdout can detect, and how large it would have to be (two-sided 5 %, power 80 %)."""

from dataclasses import dataclass

Z_POWER = 0.841621
Z_TEST = 1.959964 + Z_POWER
MONTHS = (3, 6, 12)


@dataclass(frozen=True)
class Detectable:
    """What a campaign of so many months can show.

    Attributes:
        months: with as many customers each month as in the plan.
        prevented: the smallest share of prevented churn that would be found; None where there is nobody to compare.
        holdout_needed: share of the customers that would have to be in the holdout to find the expected effect; None
            where no share is enough.
    """

    months: int
    prevented: float | None
    holdout_needed: float | None


def detectable(contacted: int, held: int, churn: float, expected: float) -> list[Detectable]:
    """What can be shown after 3, 6 and 12 months.

    Args:
        contacted: planned customers in a month.
        held: customers of the holdout who would have been planned.
        churn: mean churn probability of these customers, without an offer.
        expected: share of their churn that the plan is expected to prevent.
    """
    return [
        Detectable(
            m, _smallest(m * contacted, m * held, churn), _share(m * (contacted + held), churn, expected)
        )
        for m in MONTHS
    ]


def _smallest(contacted: int, held: int, churn: float) -> float | None:
    if not (contacted and held and 0 < churn < 1):
        return None
    return float(Z_TEST * ((1 - churn) / churn * (1 / contacted + 1 / held)) ** 0.5)


def _share(customers: int, churn: float, expected: float) -> float | None:
    """The smallest share h of the customers with h (1 - h) >= z^2 (1 - p) / (p e^2 n)."""
    if not (customers and 0 < churn < 1 and expected > 0):
        return None
    needed = Z_TEST**2 * (1 - churn) / (churn * expected**2 * customers)
    return float((1 - (1 - 4 * needed) ** 0.5) / 2) if needed <= 0.25 else None
