"""Jobs: named selections for the launchpad, the command line, sensors and schedules.

A job has one partitioning only (Dagster refuses a mixture), so no job contains both ingest months and cohorts. No step
takes config: every decision is in churn.yaml, so that a run can be repeated. Only the day of the job `daily` may be
asked for, by the resource `asked_day`.
"""

from typing import Any

import dagster as dg

from churn_assets.automation.punctuality import ON_TIME
from churn_assets.automation.tidying import tidy_job
from churn_assets.contracts.business import Business
from churn_assets.graph.names import (
    BACK_UP,
    BACKUP_IS_RECENT,
    COLLECT,
    DAILY,
    EXTRACT,
    INGEST,
    MONITOR,
    MONTH_END,
    PUNCTUALITY,
    SCORE,
    SERVING_STATUS,
    SETTLE,
    SNAPSHOT,
    TRAIN,
)
from churn_assets.lakehouse import tables

# The lights of readers are replaced by every run that computes something.
STATUS = dg.AssetSelection.assets(SERVING_STATUS.key)
# What is as of a day has no months.
OF_THE_DAY = dg.AssetSelection.assets(tables.CURRENT_SNAPSHOT.key, tables.CURRENT_SCORES.key)
MONTH_END_JOB = dg.define_asset_job(
    MONTH_END,
    dg.AssetSelection.groups("features", "scores", "retention", "monitoring", "serving") - OF_THE_DAY,
    description=(
        "Snapshots, labels, scores, segments, campaign plan, drift and realised quality of the cohorts of some months, "
        "and a release. "
        "Runs at the end of a month, and when late extracts change an old cohort."
    ),
)
LABELS = dg.AssetSelection.groups("features") & dg.AssetSelection.key_substring("_labels")
SETTLE_JOB = dg.define_asset_job(
    SETTLE,
    LABELS | dg.AssetSelection.groups("monitoring") | STATUS,
    description="Labels of cohorts whose outcome is now known, and the realised quality of their scores.",
)
DAILY_JOB = dg.define_asset_job(
    DAILY,
    OF_THE_DAY | dg.AssetSelection.groups("alerts", "serving"),
    description="Features and scores of every customer as of the last whole day, by the champion in charge, alerts of "
    "those who have changed, and a release that tells both. Trains nothing.",
)


def jobs(business: Business) -> list[Any]:
    """The jobs, in the order of the data flow."""
    groups = dg.AssetSelection.groups
    bronze = [dg.AssetKey(tables.bronze(source).key) for source in business.sources]
    return [
        dg.define_asset_job(
            INGEST,
            groups("bronze", "silver", "gold") | STATUS,
            description="Loads extracts of ingest months into bronze, silver and gold. Then checks for late sources.",
        ),
        dg.define_asset_job(
            SNAPSHOT,
            (groups("features") - OF_THE_DAY) | STATUS,
            description="Features and labels of cohorts, without scores.",
        ),
        dg.define_asset_job(
            TRAIN,
            groups("models") | STATUS,
            description=(
                "Trains on what was known at the end of its month, then decides which model is in charge "
                "from then on. A range is a backtest: one training after the other."
            ),
        ),
        dg.define_asset_job(
            SCORE,
            groups("scores", "retention", "serving") - OF_THE_DAY,
            description="Scores and segments of cohorts, by the champion at that time, how long customers stay, the "
            "plan of the month's campaign, and a release.",
        ),
        dg.define_asset_job(
            MONITOR,
            groups("monitoring", "serving"),
            description="Realised quality and drift of scored cohorts, and a release that tells them.",
        ),
        MONTH_END_JOB,
        SETTLE_JOB,
        DAILY_JOB,
        dg.define_asset_job(
            PUNCTUALITY,
            dg.AssetSelection.checks(
                *(dg.AssetCheckKey(key, ON_TIME) for key in bronze),
                dg.AssetCheckKey(dg.AssetKey(tables.BACKUPS.key), BACKUP_IS_RECENT),
            ),
            description="Checks that every source has delivered what its contract promises up to now, and that a "
            "backup is recent.",
        ),
        tidy_job(business),
        dg.define_asset_job(
            BACK_UP,
            dg.AssetSelection.assets(tables.BACKUPS.key),
            description="Takes a backup of the whole home, forgets old ones, and verifies a part of the repository.",
        ),
        dg.define_asset_job(
            COLLECT,
            dg.AssetSelection.assets(tables.EVENTS.key, tables.AUDIT_ACTS.key),
            description="Takes the log and the audit of this home into the lake.",
        ),
        *extract_job(business),
    ]


def extract_job(business: Business) -> list[Any]:
    """The job `extract`, if the business has a source that is extracted."""
    if not any(source.origin for source in business.sources):
        return []
    return [
        dg.define_asset_job(
            EXTRACT,
            dg.AssetSelection.groups("extracts"),
            description="Asks the sources for what is new, and puts the answers into the landing zone. For a month "
            "that is over, it asks again where the source can tell what it held then.",
        )
    ]
