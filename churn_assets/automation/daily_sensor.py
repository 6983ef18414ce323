"""The sensor that asks for scores of the day: new extracts have passed silver, or another model is in charge."""

import json
from datetime import UTC, date, datetime
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


def daily_scores_sensor(business: Business) -> dg.SensorDefinition:
    """A sensor that requests the job `daily`; the schedule `daily_scores` asks for it each morning besides."""

    @dg.sensor(
        name=NAME,
        job_name=DAILY,
        minimum_interval_seconds=EVERY_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=(
            "Scores every customer as of the last whole day when new extracts have passed silver, or another model is "
            "in charge. Waits while a run is under way."
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
        state = state_of(lakehouse, champion.model_version)
        known = context.cursor == state or (context.cursor is None and _holds(lakehouse, day))
        context.update_cursor(state)
        if known:
            when = f"since the scores of {day}" if _holds(lakehouse, day) else f"to score {day} by"
            return dg.SkipReason(f"Nothing new has passed silver {when}.")
        return traced(dg.RunRequest(run_key=f"daily-{day}-{state}"), NAME)

    return sensor
