"""Reads the snapshots of the past with what had become of them, as known at the end of a day."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from churn_assets.contracts.business import Business
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.ml.survival.follow_up import follow_up, step_months
from churn_assets.ml.survival.hazard_model import Landmarks
from churn_assets.models.training_frame import key_bound
from churn_assets.months import month_index, month_of

if TYPE_CHECKING:
    import pandas as pd

TENURE = "tenure_days"
KEYS = ["customer_key", "as_of_date"]


class NoView(Exception):
    """There is no survival view of a cohort; the message says why."""


@dataclass(frozen=True)
class Past:
    """Settled labels and their snapshots, a row per customer and as_of_date, in this order.

    Attributes:
        labels: customer_key, as_of_date, month (an index), label, outcome, ended_on, label_available_at.
        snapshots: the columns that were asked for, with the same index.
        step: months of a step.
    """

    labels: "pd.DataFrame"
    snapshots: "pd.DataFrame"
    step: int

    def known_on(self, day: date) -> "Past":
        """Returns what was settled on or before `day`.

        Raises:
            NoView: nothing was.
        """
        known = (self.labels["label_available_at"] <= day).to_numpy()
        if not known.any():
            raise NoView(f"No label was settled by {day}.")
        return Past(self.labels[known], self.snapshots[known], self.step)

    def without_overlaps(self) -> "Past":
        """Returns every step-th cohort, the newest included: the outcome windows of those between overlap theirs.

        A customer would count several times in a step, and intervals would be too narrow.
        """
        month = self.labels["month"].to_numpy()
        kept = (month.max() - month) % self.step == 0
        return Past(self.labels[kept], self.snapshots[kept], self.step)

    def landmarks(self) -> Landmarks:
        """Returns the snapshots with their follow-up."""
        keys = self.labels["customer_key"].to_numpy(dtype=object)
        return Landmarks(self.snapshots, follow_up(self.labels, self.step), keys)

    @property
    def until(self) -> date:
        """The newest as_of_date with a settled label."""
        newest: date = self.labels["as_of_date"].max()
        return newest


def step_of(business: Business) -> int:
    """Returns the months of a step.

    Raises:
        NoView: the outcome window does not last whole months.
    """
    days = business.file.windows.outcome_days
    if (step := step_months(days)) is None:
        raise NoView(
            f"An outcome window of {days} days is not close to whole months, so monthly cohorts cannot be chained. "
            "Set windows.outcome_days in churn.yaml to 30, 60, 90 or another multiple of 30."
        )
    return step


def clocks_of(business: Business) -> dict[str, int]:
    """Returns the features that change by themselves: feature -> days per day that passes."""
    ends = (f.name for f in business.features if f.aggregate == "days_to_expiry")
    return {TENURE: 1} | dict.fromkeys(ends, -1)


def features_of(lakehouse: Lakehouse, business: Business) -> list[str]:
    """Returns the tenure and the declared features that the snapshots hold."""
    held = set(lakehouse.columns(tables.CUSTOMER_SNAPSHOTS))
    declared = [f.name for f in business.features if f.name in held]
    return list(dict.fromkeys([TENURE, *declared]))


def past_snapshots(lakehouse: Lakehouse, business: Business, known_on: date, columns: Sequence[str]) -> Past:
    """Returns the past as known on a day, labelled by the rule of today's churn.yaml.

    Above training.row_limit rows, whole customers are sampled by their random key.

    Raises:
        NoView: no label was settled by then, or see `step_of`.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    step, windows = step_of(business), business.file.windows
    rule: Mapping[str, object] = {
        "policy": business.file.label.rule,
        "gap_days": windows.gap_days,
        "outcome_days": windows.outcome_days,
    }
    chosen: list[tuple[str, str, object]] = [(name, "=", value) for name, value in rule.items()]
    chosen += [("label_available_at", "<=", known_on), ("outcome", "!=", "pending")]
    names = [*KEYS, "label", "outcome", "ended_on", "label_available_at"]
    labels = lakehouse.arrow(tables.CHURN_LABELS, names, chosen)
    if bound := key_bound(labels.num_rows, business.file.training.row_limit):
        labels = labels.filter(pc.field("customer_key") < bound)
    if not labels.num_rows:
        raise NoView(f"No label was settled by {known_on}.")
    wanted: list[tuple[str, str, object]] = [
        ("as_of_date", "in", pc.unique(labels["as_of_date"]).to_pylist())
    ]
    wanted += [("customer_key", "<", bound)] if bound else []
    snapshots = lakehouse.arrow(tables.CUSTOMER_SNAPSHOTS, list(dict.fromkeys([*KEYS, *columns])), wanted)
    joined = labels.join(snapshots, KEYS, join_type="inner")
    frame = pa.table(joined.sort_by([("as_of_date", "ascending"), ("customer_key", "ascending")])).to_pandas()
    frame["month"] = frame["as_of_date"].map(
        {d: month_index(month_of(d)) for d in frame["as_of_date"].unique()}
    )
    return Past(frame[[*names, "month"]], frame[list(dict.fromkeys(columns))], step)
