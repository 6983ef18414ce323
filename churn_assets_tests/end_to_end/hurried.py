"""The shipped definitions with sensors that look every five seconds: tests wait for several looks in turn."""

from churn_assets.automation import landing_sensor, refresh_cohorts_sensor
from churn_assets.definitions import build_defs
from churn_assets.settings import Settings

for module in (landing_sensor, refresh_cohorts_sensor):
    module.EVERY_SECONDS = 5

defs = build_defs(Settings())
