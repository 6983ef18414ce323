"""What is usual for a customer: the rate of the time before a window, from the values of the same snapshot."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from churn_assets.contracts.feature import Feature
from churn_assets.contracts.units import is_measured

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Numbers = NDArray[np.float64]

TENURE = "tenure_days"
DAYS_A_MONTH = 30.4375
FEWEST_DAYS = 28  # of the time before the window
NOTABLE = 0.15  # share by which a value must differ from what is usual for the customer to be told so


class OwnHistory:
    """What windows would hold at the customer's own rate before them."""

    def __init__(self, windows: Sequence[Feature], longest: Mapping[str, Feature]) -> None:
        """Prepares for some windows.

        Args:
            windows: features.
            longest: name of a feature -> the same over the longest window, see `longest_windows`.
        """
        import numpy as np

        self._longest = [longest[f.name].name if f.name in longest else None for f in windows]
        self._window = np.array([[_days(f)] for f in windows]).reshape(-1, 1)
        self._reach = np.array([[_days(longest.get(f.name, f))] for f in windows]).reshape(-1, 1)
        self._enough = np.maximum(self._window, FEWEST_DAYS) - 1  # a day less: months differ in length
        self._is_counted = np.array([[not is_measured(f.unit)] for f in windows], dtype=bool).reshape(-1, 1)

    def usual(self, inside: "Numbers", columns: "Mapping[str, NDArray[Any]]") -> "Numbers":
        """(windows, rows): what a window would hold at the customer's own rate before it; NaN where it is not known.

        The rate is that of the part of the longest window that lies before the feature's window and after the customer
        came. It is not known if that part is shorter than the window itself or than 28 days, or if nothing is in it. It
        is a whole number of what is counted: nobody sends 3.4 messages. All values are of the snapshot, so nothing is
        used that became known after its as_of_date.

        Args:
            inside: (windows, rows), the values of the windows.
            columns: feature -> values, numbers with NaN.
        """
        import numpy as np

        unknown = np.full(inside.shape[1:], np.nan)
        if TENURE not in columns or not len(inside):
            return np.full(inside.shape, np.nan)
        all_of_it = np.array([unknown if name is None else columns[name] for name in self._longest])
        before = np.minimum(self._reach, columns[TENURE]) - self._window
        with np.errstate(divide="ignore", invalid="ignore"):
            usual = (all_of_it - inside) / before * self._window
            whole = np.where(self._is_counted & (usual >= 1), np.round(usual), usual)
            known = (before >= self._enough) & (whole > 0) & np.isfinite(whole)
        return np.where(known, whole, np.nan)


def notable_change(values: "Numbers", usual: "Numbers") -> "Numbers":
    """Returns value / usual - 1 where it is notable; NaN elsewhere, and where nothing usual is known."""
    import numpy as np

    with np.errstate(divide="ignore", invalid="ignore"):
        change = np.where((usual > 0) & (values >= 0), values / usual - 1, np.nan)
        return np.where(np.abs(change) >= NOTABLE, change, np.nan)


def _days(feature: Feature) -> float:
    return feature.days or (feature.months or 0) * DAYS_A_MONTH
