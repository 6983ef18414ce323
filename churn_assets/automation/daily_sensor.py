"""The sensor that asks for scores of the day: new extracts have passed silver, or another model is in charge."""

import json
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from hashlib import blake2s

import dagster as dg

from churn_assets.automation.traced_requests import traced
from churn_assets.automation.under_way import job_under_way
from churn_assets.contracts.business import Business
from churn_assets.graph.as_of_day import newest_day
from churn_assets.graph.names import DAILY
from churn_assets.history.punctuality import passed_extracts
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.models.champions import champion_at
from churn_assets.models.decisions import decided
from churn_assets.months import month_end

NAME = "daily_scores_sensor"
EVERY_SECONDS = 60
NOTHING = "Nothing new has passed silver"
MOST_ATTEMPTS = 3  # runs for one state; then a person looks
PAUSE = timedelta(minutes=10)  # after a failed run
RUN_KEY = "dagster/run_key"


def state_of(lakehouse: Lakehouse, model_version: str) -> str:
    """A digest of what has passed silver, and of the model in charge; another one asks for scores."""
    rows = lakehouse.arrow(tables.RECONCILIATION).to_pylist()
    names = ("source", "extract_month", "files", "extract_dates", "balances")
    told = sorted(json.dumps([row.get(name) for name in names], default=str) for row in rows)
    return blake2s(json.dumps([model_version, *told]).encode(), digest_size=8).hexdigest()


def _holds(lakehouse: Lakehouse, day: date) -> bool:
    """Whether the day is scored."""
    table = tables.CURRENT_SCORES
    return lakehouse.exists(table) and day in lakehouse.slices(table, "as_of_date")


@dataclass(frozen=True)
class Asked:
    """What the sensor asked for last: the state, and which of its attempts; the Dagster cursor.

    Attributes:
        state: see `state_of`.
        key: of the run, without the attempt; empty if the state needed no run.
        attempt: from 1.
    """

    state: str
    key: str = ""
    attempt: int = 1

    @classmethod
    def of(cls, cursor: str | None) -> "Asked | None":
        """The inverse of `cursor`; None before the first tick."""
        if not cursor:
            return None
        state, key, attempt = [*cursor.split(" "), "", "1"][:3]
        return cls(state, key, int(attempt))

    @property
    def cursor(self) -> str:
        """The same as text."""
        return f"{self.state} {self.key} {self.attempt}"

    @property
    def run_key(self) -> str:
        """The key of the run: it is requested again until a run has it, and Dagster starts no second one."""
        return f"{self.key}-{self.attempt}"

    def next_step(self, instance: dg.DagsterInstance, now: datetime) -> "Asked | str":
        """What to ask for next; a sentence: nothing, and why."""
        if not self.key:
            return NOTHING
        found = instance.get_run_records(dg.RunsFilter(tags={RUN_KEY: self.run_key}), limit=1)
        if not found:
            return self  # the tick ended before its run was made
        record = found[0]
        if record.dagster_run.status == dg.DagsterRunStatus.SUCCESS:
            return NOTHING
        if self.attempt >= MOST_ATTEMPTS:
            last = f"The log of {record.dagster_run.run_id} says why; `churn-assets daily` runs it again."
            return f"{MOST_ATTEMPTS} runs have failed, so this sensor waits for something new. {last}"
        if now.timestamp() - (record.end_time or 0) < PAUSE.total_seconds():
            return f"A run has failed; this sensor asks again {PAUSE.seconds // 60} minutes after it."
        return Asked(self.state, self.key, self.attempt + 1)


def daily_scores_sensor(business: Business) -> dg.SensorDefinition:
    """A sensor that requests the job `daily`; the schedule `daily_scores` asks for it each morning besides."""

    @dg.sensor(
        name=NAME,
        job_name=DAILY,
        minimum_interval_seconds=EVERY_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=(
            "Scores every customer as of the last whole day when new extracts have passed silver, or another model is "
            "in charge. Waits while a run is under way, and asks again for one that has failed."
        ),
    )
    def sensor(
        context: dg.SensorEvaluationContext, lakehouse: dg.ResourceParam[Lakehouse]
    ) -> dg.RunRequest | dg.SkipReason:
        if busy := job_under_way(context.instance):
            return dg.SkipReason(f"{busy} is under way; this sensor looks again after it.")
        days = [day for some in passed_extracts(lakehouse).values() for day in some]
        day = newest_day(business.file.calendar, days, datetime.now(UTC).date())
        if day is None:
            return dg.SkipReason("Nothing has passed silver yet.")
        if day < (first := month_end(business.first_snapshot_month)):
            return dg.SkipReason(f"{day} lies before {first}, the end of the first whole observation window.")
        champion = champion_at(decided(lakehouse), day)
        if champion is None:
            return dg.SkipReason(f"No model is in charge of {day}.")
        asked, state = Asked.of(context.cursor), state_of(lakehouse, champion.model_version)
        step: Asked | str
        if asked is not None and asked.state == state:
            step = asked.next_step(context.instance, datetime.now(UTC))
        elif asked is None and _holds(lakehouse, day):  # a new sensor does not score a day again
            step = Asked(state)
        else:
            step = Asked(state, f"daily-{day}-{state}")
        if isinstance(step, Asked):
            context.update_cursor(step.cursor)
            if step.key:
                return traced(dg.RunRequest(run_key=step.run_key), NAME)
        when = f"since the scores of {day}" if _holds(lakehouse, day) else f"to score {day} by"
        return dg.SkipReason(f"{NOTHING} {when}." if step in (NOTHING, Asked(state)) else str(step))

    return sensor
