"""The shipped definitions with only the sensors that ingest, watch and deliver, which look every few seconds."""

import dagster as dg

from churn_assets.automation import delivery_sensor, incident_sensor, landing_sensor
from churn_assets.definitions import build_defs
from churn_assets.settings import Settings

KEPT = ("ingest_new_files_sensor", "incidents_sensor", "deliver_messages_sensor")
for module in (landing_sensor, incident_sensor, delivery_sensor):
    module.EVERY_SECONDS = 3


def _watched(whole: dg.Definitions) -> dg.Definitions:
    return dg.Definitions(
        assets=whole.assets,
        asset_checks=whole.asset_checks,
        jobs=whole.jobs,
        sensors=[sensor for sensor in whole.sensors or () if sensor.name in KEPT],
        resources=whole.resources,
        executor=whole.executor,
    )


defs = _watched(build_defs(Settings()))
