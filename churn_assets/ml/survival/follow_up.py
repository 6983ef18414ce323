"""How long each snapshot's customer was followed, and whether they left: settled labels chained from cohort to cohort.

Nobody "stayed" beyond the last settled label. A customer whose chain breaks (no label, no snapshot) is censored there.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

DAYS_A_MONTH = 365.25 / 12
# Outcome windows may differ from whole months by this share; otherwise consecutive windows overlap or leave holes.
TOLERANCE = 0.1
ENDED_IN_GAP = "ended_in_gap"


def step_months(outcome_days: int) -> int | None:
    """Returns the whole months that an outcome window lasts; None if it is not close to whole months."""
    months = max(1, round(outcome_days / DAYS_A_MONTH))
    return months if abs(outcome_days / (months * DAYS_A_MONTH) - 1) <= TOLERANCE else None


@dataclass(frozen=True)
class FollowUp:
    """One entry per snapshot.

    Attributes:
        at_risk: the customer's first step has a label; False for pending, unknown and all other outcomes without one.
        steps: whole steps survived and seen.
        left: the customer left in the step after these; False where the customer is censored after them.
        left_between: the customer stayed in the first step and left before the next cohort could have a label, in the
            notice period or in the gap.
    """

    at_risk: NDArray[np.bool_]
    steps: NDArray[np.int64]
    left: NDArray[np.bool_]
    left_between: NDArray[np.bool_]

    def seen_in(self, step: int) -> NDArray[np.bool_]:
        """Returns who was at risk in a step (0: the first) with a known outcome."""
        seen: NDArray[np.bool_] = self.at_risk & ((self.steps > step) | ((self.steps == step) & self.left))
        return seen

    def left_in(self, step: int) -> NDArray[np.bool_]:
        """Returns who left in a step."""
        left: NDArray[np.bool_] = self.at_risk & (self.steps == step) & self.left
        return left

    def at(self, rows: NDArray[np.bool_]) -> "FollowUp":
        """Returns the follow-up of some rows."""
        return FollowUp(self.at_risk[rows], self.steps[rows], self.left[rows], self.left_between[rows])


def follow_up(labels: pd.DataFrame, step: int) -> FollowUp:
    """Chains settled labels of the same customer, `step` months apart.

    A told end after a label "stayed" counts as leaving in the next step, if the next cohort is settled and gives the
    customer no label because they were in notice or left in its gap. The label does not tell whose choice such an end
    was.

    Args:
        labels: customer_key, month (an index that counts months), label (1, 0 or missing), outcome and ended_on.
            Settled rows only, one per customer and month.
        step: months of a step.
    """
    customers = pd.factorize(labels["customer_key"])[0]
    month = labels["month"].to_numpy()
    label = labels["label"].to_numpy(dtype=np.float64, na_value=np.nan)
    in_gap = (labels["outcome"] == ENDED_IN_GAP).to_numpy()
    end_told = labels["ended_on"].notna().to_numpy()
    steps = np.zeros(len(labels), dtype=np.int64)
    left, between = label == 1, np.zeros(len(labels), dtype=bool)
    for of in np.unique(month)[::-1]:
        here, later = np.flatnonzero(month == of), np.flatnonzero(month == of + step)
        here = here[label[here] == 0]
        steps[here] = 1
        if not len(later):
            continue
        found = pd.Series(later, index=customers[later]).reindex(customers[here], fill_value=-1).to_numpy()
        listed = found >= 0
        steps[here[listed]] += steps[found[listed]]
        left[here[listed]] = left[found[listed]] | in_gap[found[listed]]
        left[here[~listed]] = end_told[here[~listed]]
        between[here[listed]] = in_gap[found[listed]]
        between[here[~listed]] = end_told[here[~listed]]
    return FollowUp(~np.isnan(label), steps, left, between)
