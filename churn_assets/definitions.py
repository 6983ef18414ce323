"""The Dagster code location: builds the definitions from the settings.

Contains no logic, starts no engine and reads no files but the business folder.
"""

import logging

import dagster as dg

from churn_assets.alerts.assets import alert_assets
from churn_assets.automation.campaign_sensor import campaign_requests_sensor
from churn_assets.automation.daily_sensor import daily_scores_sensor
from churn_assets.automation.delivery_sensor import (
    channels_check,
    deliver_messages_sensor,
    messages_asset,
)
from churn_assets.automation.freshness import with_freshness
from churn_assets.automation.incident_sensor import incidents_sensor
from churn_assets.automation.jobs import jobs
from churn_assets.automation.landing_sensor import ingest_new_files_sensor
from churn_assets.automation.log_assets import log_assets
from churn_assets.automation.punctuality import punctuality_checks
from churn_assets.automation.records import record_assets
from churn_assets.automation.refresh_cohorts_sensor import refresh_cohorts_sensor
from churn_assets.automation.retraining_sensors import (
    retrain_on_degradation_sensor,
    retrain_on_new_data_sensor,
)
from churn_assets.automation.schedules import schedules
from churn_assets.backup.assets import backup_assets, backup_checks
from churn_assets.bronze.assets import bronze_assets
from churn_assets.contracts.business import Business
from churn_assets.contracts.loader import load_business
from churn_assets.cross_checks.assets import cross_check_assets
from churn_assets.features.assets import feature_assets
from churn_assets.gold.assets import gold_assets
from churn_assets.graph.as_of_day import ASKED_DAY
from churn_assets.models.assets import model_assets
from churn_assets.monitoring.assets import monitoring_assets
from churn_assets.operations.log import writing as log
from churn_assets.resources import AskedDayResource, LakehouseResource, SettingsResource, TrackingResource
from churn_assets.retention.assets import retention_assets
from churn_assets.scores.assets import score_assets
from churn_assets.serving.assets import serving_assets
from churn_assets.serving.publication_asset import publication_assets
from churn_assets.settings import Settings
from churn_assets.silver.assets import silver_assets
from churn_assets.tracking.tracking import Tracking


def tracking_of(settings: Settings, business: Business) -> Tracking:
    """The MLflow experiment and registered model of this business."""
    return Tracking(
        uri=settings.mlflow_uri,
        artifacts=settings.mlflow_artifacts,
        experiment=f"churn_{business.name}",
        model_name=f"churn_{business.name}",
    )


def build_defs(settings: Settings) -> dg.Definitions:
    """New definitions of the business that the settings name; tests and the command line call this too."""
    business = load_business(settings.business_path)
    assets = [
        *bronze_assets(business),
        *silver_assets(business),
        *cross_check_assets(business),
        *gold_assets(business),
        *feature_assets(business),
        *model_assets(business),
        *score_assets(business),
        *retention_assets(business),
        *alert_assets(business),
        *monitoring_assets(business),
        *serving_assets(business),
        *publication_assets(business, settings),
        messages_asset(business),
        *record_assets(business),
        *log_assets(business),
        *backup_assets(business),
    ]
    backed_up = settings.backup.repository is not None
    return dg.Definitions(
        assets=with_freshness(assets, business),
        asset_checks=[
            *punctuality_checks(business),
            channels_check(business),
            *backup_checks(business, backed_up),
        ],
        jobs=jobs(business),
        schedules=schedules(business, backed_up),
        sensors=[
            ingest_new_files_sensor(business),
            daily_scores_sensor(business),
            refresh_cohorts_sensor(business),
            retrain_on_degradation_sensor(business),
            retrain_on_new_data_sensor(business),
            deliver_messages_sensor(business),
            campaign_requests_sensor(business),
            incidents_sensor(business),
        ],
        resources={
            "settings": SettingsResource.of(settings),
            "lakehouse": LakehouseResource.of(settings),
            "tracking": TrackingResource.of(tracking_of(settings, business)),
            ASKED_DAY: AskedDayResource(as_of=""),
        },
        executor=dg.in_process_executor,  # one JVM for all steps of a run
    )


@dg.definitions
def defs() -> dg.Definitions:
    """What Dagster's code server and the process of a run load; from here on their log is written."""
    settings = Settings()
    log.start(settings)
    try:
        loaded = build_defs(settings)
    except Exception as error:
        log.event("definitions.failed", "The definitions cannot be loaded.", level=logging.ERROR, error=error)
        raise
    log.event("definitions.loaded", "The definitions are loaded.", business=settings.business_path.name)
    return loaded
