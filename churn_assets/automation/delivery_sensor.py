"""The sensor that delivers messages, and the check that every channel delivers.

The sensor reports the check when its result changes, so that a channel that fails is seen on the page without a run.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import dagster as dg

from churn_assets.alerts.delivery import note_deliveries, outdated
from churn_assets.contracts.business import Business
from churn_assets.contracts.channels import ChannelLine
from churn_assets.counts import counted
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.operations.channels.delivery import deliver
from churn_assets.operations.channels.health import troubled
from churn_assets.operations.channels.outbox import opened
from churn_assets.settings import Settings

EVERY_SECONDS = 30
NAME = "deliver_messages_sensor"
MESSAGES = dg.AssetKey(["operations", "messages"])
CHECK = "channels_deliver"
WHAT = "No channel has failed for longer than its patience, and no receiver has refused a message for good."


def messages_asset(business: Business) -> dg.AssetSpec:
    """The outbox as an asset that no run writes; its check shows which channels fail."""
    return dg.AssetSpec(
        MESSAGES,
        description="Messages that wait for a channel in CHURN_HOME/outbox.db.\n\nGrain: one message for each channel.",
        group_name="operations",
        owners=[business.file.owner],
        tags={"layer": "operations", "business": business.name},
        kinds={"sqlite"},
    )


def _wrong(settings: Settings, lines: Sequence[ChannelLine]) -> Mapping[str, str]:
    outbox = opened(settings.home_path)
    return troubled(outbox, lines, datetime.now(UTC)) if outbox else {}


def channels_check(business: Business) -> dg.AssetChecksDefinition:
    """The check, to be asked by hand."""

    @dg.asset_check(asset=MESSAGES, name=CHECK, blocking=False, description=WHAT)
    def channels_deliver(settings: dg.ResourceParam[Settings]) -> dg.AssetCheckResult:
        wrong = _wrong(settings, business.file.channels)
        return dg.AssetCheckResult(
            passed=not wrong,
            severity=dg.AssetCheckSeverity.ERROR,
            description=_told(wrong),
            metadata=dict(wrong),
        )

    return channels_deliver


def deliver_messages_sensor(business: Business) -> dg.SensorDefinition:
    """The sensor. A tick takes half a minute at most, also when receivers hang."""

    @dg.sensor(
        name=NAME,
        minimum_interval_seconds=EVERY_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Delivers the messages that wait in the outbox to the channels of churn.yaml, and notes in "
        "alerts/risk_alerts which alerts were delivered.",
    )
    def sensor(
        context: dg.SensorEvaluationContext, lakehouse: dg.ResourceParam[Lakehouse]
    ) -> dg.SensorResult | dg.SkipReason:
        settings = lakehouse.settings
        lines, outbox = business.file.channels, opened(settings.home_path)
        if outbox is None:
            return dg.SkipReason(
                "No message was ever queued." if lines else "churn.yaml declares no channels."
            )
        done = deliver(outbox, lines, settings, outdated=outdated(lakehouse, business))
        if done:
            note_deliveries(lakehouse, business, outbox, datetime.now(UTC), NAME)
        outbox.forget(datetime.now(UTC))
        wrong = _wrong(settings, lines)
        told = [
            f"{name}: {counted(d.messages, 'message')}" + (f". {d.why}" if d.why else "")
            for name, d in done.items()
        ]
        events = [] if context.cursor == _mark(wrong) else [_evaluation(wrong)]
        return dg.SensorResult(
            skip_reason="; ".join(told) or "Nothing is due.", cursor=_mark(wrong), asset_events=events
        )

    return sensor


def _told(wrong: Mapping[str, str]) -> str:
    return " ".join(wrong.values()) or "Every channel delivers."


def _mark(wrong: Mapping[str, str]) -> str:
    return ", ".join(sorted(wrong)) or "all deliver"


def _evaluation(wrong: Mapping[str, str]) -> dg.AssetCheckEvaluation:
    return dg.AssetCheckEvaluation(
        asset_key=MESSAGES,
        check_name=CHECK,
        passed=not wrong,
        metadata={name: dg.MetadataValue.text(told) for name, told in wrong.items()},
        severity=dg.AssetCheckSeverity.ERROR,
        description=_told(wrong),
    )
