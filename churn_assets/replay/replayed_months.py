"""Runs the months of a replay, one by one: the jobs and decisions of normal operation."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from churn_assets.automation.retraining_sensors import degradation_decision, new_data_decision
from churn_assets.contracts.business import Business
from churn_assets.graph.names import (
    DEGRADATION,
    INGEST,
    MONITOR,
    MONTH_END,
    NEW_DATA,
    REQUESTED_BY,
    SCORE,
    SETTLE,
    SNAPSHOT,
    TRAIN,
)
from churn_assets.graph.partitions import snapshot_months
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.ml.training.split import NotEnoughHistory, temporal_split
from churn_assets.models.training_frame import mature_cohorts
from churn_assets.months import month_end, month_of, month_range
from churn_assets.replay.world import Plan
from churn_assets.runs import RunError, dagster_instance, run_job
from churn_assets.settings import Settings

if TYPE_CHECKING:
    from dagster import DagsterInstance

FIRST_MODEL = "first model"


@dataclass(frozen=True)
class ReplayedTraining:
    """A training that happened.

    Attributes:
        month: trained as of the end of this month.
        called_by: what requested it: degradation, new data, or the first model.
        version: the model it registered; None if it failed, for example with too few churners.
        promoted: whether that version took charge.
        why: the decision, or the failure, in words.
    """

    month: str
    called_by: str
    version: str | None
    promoted: bool
    why: str


@dataclass
class Life:
    """Runs the months of a world; `trainings` contains what the retraining loop did."""

    settings: Settings
    business: Business
    plan: Plan
    instance: "DagsterInstance"
    progress: Progress
    trainings: list[ReplayedTraining] = field(default_factory=list)
    judged: set[date] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.lakehouse = Lakehouse(self.settings)
        self.task = self.progress.add_task("", total=self.plan.months, month=self.plan.calendar[0])
        self.closed = list(snapshot_months(self.business).get_partition_keys())

    def live(self) -> None:
        """Runs all months, in order."""
        if self.plan.at_once:
            self._run(INGEST, self.plan.calendar)
            self._run(SNAPSHOT, self.closed)
        for month in self.plan.calendar:
            self.progress.update(self.task, month=month)
            if not self.plan.at_once:
                self._run(INGEST, [month])
            if month in self.closed:
                self._month_end(month)
            self.progress.advance(self.task)
        self.progress.update(self.task, description="")

    def _month_end(self, month: str) -> None:
        """Runs the end of a month: its cohort, the cohorts that mature, and a training if one is requested."""
        if not self.plan.at_once:
            self._run(MONTH_END, [month])
            self._run(SETTLE, self._maturing(month))
        elif self._models():
            self._judge_matured(month)
        called_by = self._called_by(month)
        if called_by:
            self._train(month, called_by)

    def _maturing(self, month: str) -> list[str]:
        """The cohorts whose labels may settle in a month, ascending. It may contain too many, which changes nothing."""
        back = math.ceil(self.business.file.windows.maturity_days / 28) + 1
        return [m for m in self.closed if m <= month][-back:]

    def _models(self) -> list[ReplayedTraining]:
        """The trainings that registered a model."""
        return [training for training in self.trainings if training.version]

    def _judge_matured(self, month: str) -> None:
        """Runs monitoring for exactly the cohorts that have matured by this month and are not judged yet."""
        first = month_end(self._models()[0].month)
        matured = [day for day in mature_cohorts(self.lakehouse, month_end(month)) if day >= first]
        new = [day for day in matured if day not in self.judged]
        if new:
            self._run(MONITOR, month_range(month_of(new[0]), month_of(new[-1])))
            self.judged |= set(new)

    def _called_by(self, month: str) -> str | None:
        """What requests a training as of this month, by the decisions of the sensors; None if nothing does."""
        if not self._models():
            return FIRST_MODEL if self._history_is_long_enough(month) else None
        if degradation_decision(self.lakehouse, self.business, month)[0].retrain:
            return DEGRADATION
        return NEW_DATA if new_data_decision(self.lakehouse, self.business, month)[0].retrain else None

    def _history_is_long_enough(self, month: str) -> bool:
        """Whether the history suffices for a first training, with all validation cohorts after the train cohorts."""
        windows, wanted = self.business.file.windows, self.business.file.training.validation_cohorts
        days = mature_cohorts(self.lakehouse, month_end(month))
        try:
            split = temporal_split(days, windows.gap_days, windows.outcome_days, wanted)
        except NotEnoughHistory:
            return False
        return not split.short_history and len(split.validation) == wanted

    def _train(self, month: str, called_by: str) -> None:
        try:
            self._run(TRAIN, [month], {REQUESTED_BY: called_by})
        except RunError as error:  # in operation the sensor requests it again; here the next month does
            self.trainings.append(ReplayedTraining(month, called_by, None, False, str(error)))
            return
        decision = max(self.lakehouse.arrow(tables.CHAMPIONS).to_pylist(), key=lambda row: row["decided_at"])
        self.trainings.append(
            ReplayedTraining(
                month, called_by, decision["model_version"], decision["promoted"], decision["why"]
            )
        )
        if decision["promoted"]:
            # at_once: score all later months with this version; a later champion scores its months again
            self._run(SCORE, month_range(month, self.closed[-1]) if self.plan.at_once else [month])

    def _run(self, job: str, months: Sequence[str], tags: dict[str, str] | None = None) -> None:
        self.progress.update(self.task, description=job)
        run_job(self.instance, self.settings, job, months, None, tags)


def progress_on(console: Console) -> Progress:
    """The display of a replay; its task has a field `month`."""
    columns = (
        TextColumn("[bold]replay {task.fields[month]}"),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.description}"),
    )
    return Progress(*columns, console=console)


def live_through(
    settings: Settings, business: Business, plan: Plan, console: Console
) -> list[ReplayedTraining]:
    """Runs the months of a world made by `make_world` and returns the trainings, in order.

    Raises:
        RunError: a job other than a training failed; the Dagster instance in the home contains its run.
    """
    with dagster_instance(settings) as instance, progress_on(console) as progress:
        life = Life(settings, business, plan, instance, progress)
        life.live()
        return life.trainings
