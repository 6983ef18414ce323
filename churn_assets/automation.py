"""What runs when: jobs, schedules, sensors and the freshness of every layer, in one place."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import dagster as dg

from churn_assets.contracts.business import Business
from churn_assets.monitoring.sensors import auc_degradation_sensor, new_data_sensor
from churn_assets.partitions import last_ingest_month, maturing_months, range_tags, snapshot_months
from churn_assets.sources.sensors import landing_sensor

RequestOf = Callable[[dg.ScheduleEvaluationContext], dg.RunRequest | dg.SkipReason]
MONTH = timedelta(days=31)
GRACE = timedelta(days=3)


def jobs() -> list[Any]:
    """Named selections for the launchpad and the command line, in the order in which data walks."""
    groups = dg.AssetSelection.groups
    return [
        dg.define_asset_job(
            "ingest", groups("bronze", "silver", "gold"), description="Extracts to silver and gold."
        ),
        dg.define_asset_job("snapshot", groups("features"), description="Features and labels of cohorts."),
        dg.define_asset_job("train", groups("models"), description="A training as of the end of a month."),
        dg.define_asset_job(
            "month_end",
            groups("features", "scores", "monitoring"),
            description="What the end of a month brings: snapshots, labels, scores, segments, realised quality.",
        ),
        dg.define_asset_job(
            "monitor", groups("monitoring"), description="Realised quality of scored cohorts."
        ),
        dg.define_asset_job("score", groups("scores"), description="Scores and segments of cohorts."),
    ]


def _schedule(
    business: Business, name: str, cron: str, job: str, request: RequestOf, description: str
) -> dg.ScheduleDefinition:
    """A schedule that rests when the calendar has ended: then no month is open and none closes."""

    @dg.schedule(
        name=name,
        cron_schedule=cron,
        job_name=job,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description=description,
    )
    def schedule(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        end = business.file.calendar.end
        return dg.SkipReason(f"The calendar in churn.yaml ended with {end}.") if end else request(context)

    return schedule


def schedules(business: Business) -> list[dg.ScheduleDefinition]:
    """The open month every night; after the end of a month its snapshots, labels, scores and their worth."""

    def open_month(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
        key = f"open-month-{context.scheduled_execution_time:%Y-%m-%d}"
        return dg.RunRequest(run_key=key, partition_key=last_ingest_month(business))

    def month_end(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        newest = snapshot_months(business).get_last_partition_key()
        if newest is None:
            return dg.SkipReason("No month is closed yet.")
        tags = range_tags(maturing_months(business, newest))
        return dg.RunRequest(run_key=f"month-end-{newest}", tags=tags)

    return [
        _schedule(
            business,
            "open_month",
            "0 3 * * *",
            "ingest",
            open_month,
            "Ingests the open month every night, so that late files of a quiet day are taken in too.",
        ),
        _schedule(
            business,
            "month_end",
            f"0 5 {1 + GRACE.days} * *",
            "month_end",
            month_end,
            "Some days after the end of a month: its snapshots, scores and segments, the labels that have matured "
            "meanwhile, and how good the scores of their cohorts were.",
        ),
    ]


def sensors(business: Business) -> list[dg.SensorDefinition]:
    """What looks at the landing zone and at the model, all day."""
    return [landing_sensor(business), auc_degradation_sensor(business), new_data_sensor(business)]


def freshness_policies(business: Business) -> dict[str, dg.FreshnessPolicy]:
    """Layer or `layer/source` -> how old an asset may be: its cadence plus grace."""
    monthly = dg.FreshnessPolicy.time_window(fail_window=MONTH + 2 * GRACE, warn_window=MONTH + GRACE)
    policies: dict[str, dg.FreshnessPolicy] = {}
    policies |= dict.fromkeys(("silver", "gold", "features", "scores", "monitoring"), monthly)
    policies["models"] = dg.FreshnessPolicy.time_window(fail_window=12 * MONTH, warn_window=6 * MONTH)
    for source in business.sources:
        late = timedelta(days=source.frequency_days + source.latency_days)
        policies[f"bronze/{source.name}"] = dg.FreshnessPolicy.time_window(
            fail_window=late + GRACE, warn_window=late
        )
    return policies


def with_freshness(
    assets: Sequence[dg.AssetsDefinition | dg.AssetSpec], business: Business
) -> Sequence[dg.AssetsDefinition | dg.AssetSpec]:
    """Every materialisable asset with the policy of its key, else of its layer."""
    policies = freshness_policies(business)

    def apply(spec: dg.AssetSpec) -> dg.AssetSpec:
        policy = policies.get(spec.key.to_user_string()) or policies.get(spec.key.path[0])
        return dg.apply_freshness_policy(spec, policy) if policy else spec

    return list(dg.map_asset_specs(apply, assets))
