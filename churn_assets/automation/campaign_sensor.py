"""The sensor that does what people asked for on the page Campaign."""

from datetime import UTC, datetime

import dagster as dg

from churn_assets.contracts.business import Business
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.retention.from_the_page import take_in

EVERY_SECONDS = 30
NAME = "campaign_requests_sensor"


def campaign_requests_sensor(business: Business) -> dg.SensorDefinition:
    """The sensor."""

    @dg.sensor(
        name=NAME,
        minimum_interval_seconds=EVERY_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Approves, exports and closes campaigns as people asked on the page Campaign, and answers them.",
    )
    def sensor(context: dg.SensorEvaluationContext, lakehouse: dg.ResourceParam[Lakehouse]) -> dg.SkipReason:
        done = take_in(lakehouse, business, datetime.now(UTC))
        told = [f"{one.what} {one.campaign_id}: {one.state}. {one.answer}".strip() for one in done]
        return dg.SkipReason(" ".join(told) or "Nobody has asked for anything.")

    return sensor
