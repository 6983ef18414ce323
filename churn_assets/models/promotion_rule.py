"""Compares the challenger with the champion: decides which model is champion after a training, and why."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from churn_assets.contracts.retraining import Promotion
from churn_assets.ml.metrics.classification import OK, Metrics, compare_auc

DEGRADED = "has degraded"
PROVISIONAL = "is provisional"


@dataclass(frozen=True)
class Verdict:
    """The decision with its evidence.

    Attributes:
        promoted: the challenger becomes champion.
        why: the reason, as text.
        difference, low, high: ROC-AUC of challenger minus champion on the same rows, with its paired 95 % interval;
            None without a champion.
    """

    promoted: bool
    why: str
    difference: float | None = None
    low: float | None = None
    high: float | None = None


def first_champion() -> Verdict:
    """Returns the verdict for the first model: there is no champion to compare with."""
    return Verdict(True, "first model: nobody was in charge")


def no_champion_left(gone: str) -> Verdict:
    """Returns the verdict where the champion's model, and that of every champion before it, was deleted in MLflow."""
    return Verdict(True, f"the champion, version {gone}, was deleted in MLflow, and no earlier one is left")


def speechless_champion(features: Sequence[str]) -> Verdict:
    """Returns the verdict for a champion that cannot score: churn.yaml no longer declares these features of it."""
    return Verdict(True, f"the champion needs {', '.join(features)}, which churn.yaml no longer declares")


def nothing_matured(tested_on: date) -> Verdict:
    """Returns the verdict for a champion that was trained on the test cohort: on these rows it would look too good.

    This happens if a training follows one with `split.recent_split` before a newer cohort has matured.
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
    """Compares two models on the challenger's test cohort, which neither was trained on.

    The challenger is promoted if its AUC is higher by the margin and the paired interval is above zero. The interval is
    DeLong's; on one cohort, with one row per customer, it equals a bootstrap by customer. If the champion has degraded
    or is provisional, the challenger only needs to be calibrated and not worse. In a tie the champion stays.

    Args:
        labels: 0 or 1 per row of the test cohort, both present.
        challenger, champion: raw scores of the same rows.
        tested: the challenger's metrics on these rows.
        weakness: why the champion is weak, DEGRADED or PROVISIONAL; None if it is not.
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
