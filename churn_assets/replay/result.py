"""The result of a replay: figures, a conclusion and table rows."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from churn_assets.counts import counted
from churn_assets.graph.names import DEGRADATION
from churn_assets.months import month_end, month_start
from churn_assets.replay.auc_by_cohort import ReplayedCohort, regained
from churn_assets.replay.replayed_months import ReplayedTraining
from churn_assets.replay.world import Plan

COLUMNS = ("cohort", "churners", "in charge", "AUC", "95 %", "first model", "true hazard", "event")


@dataclass(frozen=True)
class ReplayResult:
    """The result of a replay.

    Attributes:
        plan: the simulated world.
        trainings: in order.
        cohorts: judged cohorts, by as_of_date.
    """

    plan: Plan
    trainings: Sequence[ReplayedTraining]
    cohorts: Sequence[ReplayedCohort]

    @property
    def change(self) -> date | None:
        """The as_of_date of the first cohort whose outcome window is in the changed world; None without a change."""
        drift = self.plan.drift_from
        return month_start(drift) - timedelta(days=1) if drift else None

    @property
    def alarm(self) -> ReplayedTraining | None:
        """The first training that degradation requested since the change (without a change: the first one); or None."""
        since = self.change or date.min
        called = (t for t in self.trainings if t.called_by == DEGRADATION and month_end(t.month) >= since)
        return next(called, None)

    @property
    def cohorts_until_alarm(self) -> int | None:
        """Number of changed cohorts that had matured at the alarm; None without a change or an alarm."""
        if self.alarm is None or self.change is None:
            return None
        seen = month_end(self.alarm.month)
        return sum(self.change <= c.as_of_date and c.label_available_at <= seen for c in self.cohorts)

    @property
    def needless(self) -> int:
        """Number of trainings that degradation requested before anything had changed."""
        until = self.change or date.max
        return sum(t.called_by == DEGRADATION and month_end(t.month) < until for t in self.trainings)

    @property
    def quiet_cohorts(self) -> int:
        """Number of judged cohorts before the change. Each could have caused a false alarm."""
        return sum(c.as_of_date < (self.change or date.max) for c in self.cohorts)

    @property
    def regained(self) -> float | None:
        """`cohorts.regained` for the cohorts scored since the training of the alarm; None without an alarm."""
        return regained(self.cohorts, month_end(self.alarm.month)) if self.alarm else None


def conclusion(found: ReplayResult) -> str:
    """The result in a few sentences."""
    counts = f"{counted(len(found.trainings), 'training')}, {counted(len(found.cohorts), 'judged cohort')}. "
    needless = f"degradation requested {counted(found.needless, 'training')}. "
    if found.change is None:
        return f"{counts}Nothing changed; {needless}".rstrip()
    told = f"{counts}Before the change {needless}"
    if found.alarm is None:
        return told + "After the change it requested none."
    told += (
        f"After the change it requested the first one at the end of {found.alarm.month}, when "
        f"{counted(found.cohorts_until_alarm or 0, 'changed cohort')} had matured. "
    )
    share = found.regained
    return told + (
        f"The cohorts scored since regained {share:.0%} of the AUC that the first model lost against the true hazard."
        if share is not None
        else "No cohort scored since has matured yet."
    )


def rows(found: ReplayResult) -> list[tuple[str, ...]]:
    """One row per date of a cohort or event, ascending; the columns are COLUMNS."""
    trainings = {month_end(t.month): t for t in found.trainings}
    cohorts = {c.as_of_date: c for c in found.cohorts}
    days = sorted({*cohorts, *trainings, *([found.change] if found.change else [])})
    return [
        (str(day), *_figures(cohorts.get(day)), _event(day == found.change, trainings.get(day)))
        for day in days
    ]


def _figures(cohort: ReplayedCohort | None) -> tuple[str, ...]:
    if cohort is None:
        return ("",) * 6
    interval = f"{_number(cohort.auc_low)} to {_number(cohort.auc_high)}" if cohort.auc is not None else ""
    return (
        str(cohort.positives),
        cohort.in_charge,
        _number(cohort.auc),
        interval,
        _number(cohort.auc_of_first),
        _number(cohort.auc_of_hazard),
    )


def _event(changes: bool, training: ReplayedTraining | None) -> str:
    events = ["the world changes"] if changes else []
    if training:
        outcome = "takes charge" if training.promoted else "is not better"
        told = f"version {training.version} {outcome}" if training.version else "failed"
        events.append(f"training ({training.called_by}): {told}")
    return "; ".join(events)


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"
