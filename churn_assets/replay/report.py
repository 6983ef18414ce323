"""What a replay found: a table, a sentence and a picture."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from rich.console import Console
from rich.table import Table

from churn_assets.graph.names import DEGRADATION
from churn_assets.months import month_end, month_start
from churn_assets.replay.cohorts import ReplayedCohort, regained
from churn_assets.replay.life import ReplayedTraining
from churn_assets.replay.world import Plan
from churn_assets.reporting.figures import blank
from churn_assets.reporting.terminal import print_whole


@dataclass(frozen=True)
class ReplayResult:
    """What a replay found.

    Attributes:
        plan: what was simulated.
        trainings: in order.
        cohorts: the judged ones, ascending.
    """

    plan: Plan
    trainings: Sequence[ReplayedTraining]
    cohorts: Sequence[ReplayedCohort]

    @property
    def change(self) -> date | None:
        """as_of date from which the outcome of a cohort falls into the changed world."""
        drift = self.plan.drift_from
        return month_start(drift) - timedelta(days=1) if drift else None

    @property
    def alarm(self) -> ReplayedTraining | None:
        """The first training that degradation called for after the change; without a change, the first of all."""
        since = self.change or date.min
        called = (t for t in self.trainings if t.called_by == DEGRADATION and month_end(t.month) >= since)
        return next(called, None)

    @property
    def cohorts_until_alarm(self) -> int | None:
        """Cohorts of the changed world that had matured when the alarm came; None without either."""
        if self.alarm is None or self.change is None:
            return None
        seen = month_end(self.alarm.month)
        return sum(self.change <= c.as_of_date and c.label_available_at <= seen for c in self.cohorts)

    @property
    def needless(self) -> int:
        """Trainings that degradation called for although nothing had changed yet."""
        until = self.change or date.max
        return sum(t.called_by == DEGRADATION and month_end(t.month) < until for t in self.trainings)

    @property
    def quiet_cohorts(self) -> int:
        """Judged cohorts before the change: each could have called in vain."""
        return sum(c.as_of_date < (self.change or date.max) for c in self.cohorts)

    @property
    def regained(self) -> float | None:
        """See cohorts.regained: of the cohorts scored since the alarm's training; None without one."""
        return regained(self.cohorts, month_end(self.alarm.month)) if self.alarm else None


def in_words(found: ReplayResult) -> str:
    """The outcome in a few sentences."""
    told = f"{len(found.trainings)} trainings, {len(found.cohorts)} judged cohorts. "
    if found.change is None:
        return told + f"Nothing changed; degradation called for {found.needless} trainings."
    told += f"Before the change degradation called for {found.needless} trainings. "
    if found.alarm is None:
        return told + "After it, it never did."
    told += f"After it, it did at the end of {found.alarm.month}, {found.cohorts_until_alarm} changed cohorts matured. "
    share = found.regained
    return told + (
        f"Of what the first model lost against the true hazard, {share:.0%} came back in the cohorts since."
        if share is not None
        else "No cohort scored since has matured yet."
    )


def _event(found: ReplayResult, training: ReplayedTraining | None, day: date) -> str:
    events = []
    if day == found.change:
        events.append("the world changes")
    if training:
        outcome = "takes charge" if training.promoted else "is not better"
        told = f"version {training.version} {outcome}" if training.version else "failed"
        events.append(f"training ({training.called_by}): {told}")
    return "; ".join(events)


def print_findings(found: ReplayResult, console: Console) -> None:
    """One line per cohort and event, then the outcome in words."""
    grid = Table("cohort", "churners", "in charge", "AUC", "95 %", "first model", "true hazard", "event")
    trainings = {month_end(t.month): t for t in found.trainings}
    cohorts = {c.as_of_date: c for c in found.cohorts}
    for day in sorted({*cohorts, *trainings, *([found.change] if found.change else [])}):
        cohort, event = cohorts.get(day), _event(found, trainings.get(day), day)
        if cohort is None:
            grid.add_row(str(day), *[""] * 6, event)
            continue
        interval = f"{_number(cohort.auc_low)}-{_number(cohort.auc_high)}" if cohort.auc is not None else ""
        grid.add_row(
            str(day),
            str(cohort.positives),
            cohort.in_charge,
            _number(cohort.auc),
            interval,
            _number(cohort.auc_of_first),
            _number(cohort.auc_of_hazard),
            event,
        )
    print_whole(grid, console)
    console.print(in_words(found))


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def _at(day: date) -> float:
    """A day as matplotlib counts them."""
    return float((day - date(1970, 1, 1)).days)


def draw(found: ReplayResult, picture: Path) -> None:
    """Realised AUC per cohort with its interval, against the first model and the true hazard; events as lines."""
    title = "Green: a training whose model took charge; grey: one whose model did not"
    figure, axes = blank(title, "", "ROC-AUC of the matured cohort", width=9.5)
    axes.title.set_fontsize(9)
    days = [_at(c.as_of_date) for c in found.cohorts]

    def line(values: Sequence[float | None], label: str, **style: str | float) -> None:
        known = [(day, value) for day, value in zip(days, values, strict=True) if value is not None]
        axes.plot([day for day, _ in known], [value for _, value in known], label=label, **style)  # type: ignore[arg-type]

    line([c.auc_of_hazard for c in found.cohorts], "true hazard", color="0.55", linestyle="--")
    line([c.auc_of_first for c in found.cohorts], "first model, never replaced", color="tab:red")
    line([c.auc for c in found.cohorts], "model in charge", color="tab:blue", marker="o")
    judged = [(day, c) for day, c in zip(days, found.cohorts, strict=True) if c.auc is not None]
    axes.fill_between(
        [day for day, _ in judged],
        [c.auc_low or 0.0 for _, c in judged],
        [c.auc_high or 0.0 for _, c in judged],
        color="tab:blue",
        alpha=0.15,
        linewidth=0,
    )
    top = axes.get_xaxis_transform()
    for training in found.trainings:
        at = _at(month_end(training.month))
        axes.axvline(at, color="tab:green" if training.promoted else "0.8", linewidth=1)
        axes.text(
            at,
            0.02,
            f" {training.called_by}",
            rotation=90,
            fontsize=8,
            transform=top,
            va="bottom",
            ha="right",
        )
    if found.change:
        axes.axvline(_at(found.change), color="black", linestyle=":", label="the world changes")
    axes.xaxis_date()
    figure.legend(loc="outside lower center", ncols=4, fontsize="small", frameon=False)
    figure.savefig(picture, dpi=130)
