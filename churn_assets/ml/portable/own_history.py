"""What is usual for a customer: the rate of the time before a window, from the values of the same snapshot."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from churn_assets.contracts.feature import Feature
from churn_assets.contracts.units import is_measured

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

TENURE = "tenure_days"
DAYS_A_MONTH = 30.4375
FEWEST_DAYS = 28  # of the time before the window


def usual_values(
    columns: "Mapping[str, NDArray[Any]]",
    feature: Feature,
    longest: Feature | None,
    rows: "NDArray[np.intp]",
) -> "NDArray[np.float64]":
    """Returns what a window would hold at the customer's own rate before it; NaN where that is not known.

    The rate is that of the part of the longest window that lies before the feature's window and after the customer
    came. It is not known if that part is shorter than the window itself or than 28 days, or if nothing is in it. It is
    a whole number of what is counted: nobody sends 3.4 messages. All values are of the snapshot, so nothing is used
    that became known after its as_of_date.

    Args:
        columns: feature -> values, numbers with NaN.
        longest: the same feature over the longest window; None if there is none.
        rows: positions in `columns`.
    """
    import numpy as np

    if longest is None or TENURE not in columns:
        return np.full(len(rows), np.nan)
    window, reach = _days(feature), _days(longest)
    inside, all_of_it, tenure = (columns[name][rows] for name in (feature.name, longest.name, TENURE))
    before = np.minimum(reach, tenure) - window
    enough = before >= max(window, FEWEST_DAYS) - 1  # a day less: months differ in length
    with np.errstate(divide="ignore", invalid="ignore"):
        usual = (all_of_it - inside) / before * window
    if not is_measured(feature.unit):
        usual = np.where(usual >= 1, np.round(usual), usual)
    return np.where(enough & (usual > 0) & np.isfinite(usual), usual, np.nan)


def _days(feature: Feature) -> float:
    return feature.days or (feature.months or 0) * DAYS_A_MONTH
