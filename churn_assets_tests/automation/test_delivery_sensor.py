"""The sensor that delivers messages, and the check that shows a channel that fails."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg

from churn_assets.automation.delivery_sensor import deliver_messages_sensor
from churn_assets.contracts.loader import load_business
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.operations.channels.message import Batch
from churn_assets.operations.channels.outbox import Outbox
from churn_assets_tests.lakes import business_copy, settings_for
from churn_assets_tests.operations.channels.conftest import message
from churn_assets_tests.operations.channels.receivers import free_port


def test_a_channel_that_fails_too_long_is_a_failed_check_until_it_delivers(tmp_path: Path) -> None:
    closed = {"name": "closed", "kind": "webhook", "url": f"http://127.0.0.1:{free_port()}", "secret": "${X}"}
    files = {"name": "files", "kind": "folder", "folder": "f"}
    business = load_business(business_copy(tmp_path, channels=[closed, files]))
    settings = settings_for(tmp_path / "home")
    sensor = deliver_messages_sensor(business)
    cursor: str | None = None

    def tick() -> Any:
        nonlocal cursor
        with dg.DagsterInstance.ephemeral() as instance:
            context = dg.build_sensor_context(
                instance=instance, cursor=cursor, resources={"lakehouse": Lakehouse(settings)}
            )
            result = sensor(context)
        cursor = result.cursor if isinstance(result, dg.SensorResult) else cursor
        return result

    assert tick().skip_message == "No message was ever queued."
    outbox = Outbox(settings.home_path)
    outbox.put([("closed", False), ("files", False)], [message()])
    [passed] = tick().asset_events
    assert passed.passed, "it has not failed for long"
    assert tick().asset_events == [], "the same result is not reported again"
    hour_ago = datetime.now(UTC) - timedelta(hours=1)
    outbox.delivered("closed", Batch("none", []), hour_ago)
    outbox.failed("closed", "No answer.", hour_ago, hour_ago)
    [failed] = tick().asset_events
    assert not failed.passed
    assert (failed.asset_key.path, failed.check_name) == (["operations", "messages"], "channels_deliver")
    assert "closed has failed since" in failed.metadata["closed"].value
    outbox.delivered("closed", Batch("m0001", [message()]), datetime.now(UTC))
    [again] = tick().asset_events
    assert again.passed
