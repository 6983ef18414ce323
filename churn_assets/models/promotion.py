"""Champion against challenger: who is in charge after a training, and why."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from churn_assets.contracts.retraining import Promotion
from churn_assets.ml.metrics.classification import OK, Metrics, compare_auc

DEGRADED = "has degraded"
PROVISIONAL = "knows little of a changed world"


@dataclass(frozen=True)
class Verdict:
    """The decision with its evidence.

    Attributes:
        promoted: the challenger takes over.
        why: in words.
        difference, low, high: ROC-AUC of challenger minus champion on the same rows, with its paired 95 % interval;
            None without a champion.
    """

    promoted: bool
    why: str
    difference: float | None = None
    low: float | None = None
    high: float | None = None


def first_champion() -> Verdict:
    """There is nobody to compare with."""
    return Verdict(True, "first model: nobody was in charge")


def speechless_champion(features: Sequence[str]) -> Verdict:
    """The champion cannot score, because these features of it are no longer declared."""
    return Verdict(True, f"the champion needs {', '.join(features)}, which churn.yaml no longer declares")


def nothing_matured(tested_on: date) -> Verdict:
    """The champion has learned from the test cohort itself: on its own rows it would look better than it is.

    That happens when a training follows one of `split.recent_split` before a newer cohort has matured.
    """
    return Verdict(
        False,
        f"the champion learned from the cohort of {tested_on} itself, and nothing has matured since: it stays",
    )


def judge_challenger(
    labels: NDArray[np.float64],
    challenger: NDArray[np.float64],
    champion: NDArray[np.float64],
    tested: Metrics,
    weakness: str | None,
    rule: Promotion,
) -> Verdict:
    """Compares two models on the challenger's test cohort, which neither has learned from.

    The challenger takes over when its AUC is better by the margin and the paired interval (DeLong; on one cohort, one
    row a customer, the same as a bootstrap by customer) lies above zero. When the champion has degraded, or is
    provisional, a challenger that is not worse and calibrated is enough. Equal keeps the champion.

    Args:
        labels: 0 or 1 per row of the test cohort, both present.
        challenger, champion: raw scores of the same rows.
        tested: the challenger's metrics on these rows.
        weakness: DEGRADED or PROVISIONAL, what is wrong with the champion; None: nothing.
        rule: thresholds from churn.yaml.
    """
    difference, low, high = compare_auc(labels, challenger, champion)
    told = (
        f"AUC {difference:+.3f} against the champion ({low:+.3f} to {high:+.3f}) on {len(labels):,} customers"
    )
    if difference >= rule.margin and low > 0:
        return Verdict(True, f"{told}: better", difference, low, high)
    if not weakness:
        return Verdict(
            False, f"{told}: not better by {rule.margin:g}, the champion stays", difference, low, high
        )
    if difference < 0:
        return Verdict(
            False, f"{told}: worse than the champion, which {weakness} but stays", difference, low, high
        )
    if not _calibrated(tested, rule):
        slope, intercept = tested.calibration_slope, tested.calibration_intercept
        told += f"; calibration slope {slope:.2f}, intercept {intercept:+.2f}"
        why = f"{told}: not calibrated, the champion, which {weakness}, stays"
        return Verdict(False, why, difference, low, high)
    return Verdict(True, f"{told}: not worse, and the champion {weakness}", difference, low, high)


def _calibrated(tested: Metrics, rule: Promotion) -> bool:
    slope, intercept = tested.calibration_slope, tested.calibration_intercept
    if tested.status != OK or slope is None or intercept is None:
        return False
    return rule.slope_low <= slope <= rule.slope_high and abs(intercept) <= rule.intercept
