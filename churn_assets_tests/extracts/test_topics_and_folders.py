"""The assets of extracts of topics and foreign folders: upstream of bronze, with evidence and without secrets."""

import json
import os
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg
import pytest

from churn_assets.bronze.assets import bronze_assets
from churn_assets.contracts.loader import load_business
from churn_assets.extracts.assets import extract_assets
from churn_assets.graph.partitions import range_tags
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.local_servers.kafka_broker import KafkaBroker
from churn_assets.months import add_months, month_of
from churn_assets.operations.incidents.store import incidents
from churn_assets.settings import Settings
from churn_assets.silver.conform import conform
from churn_assets_tests.checks import evaluations
from churn_assets_tests.lakes import edit_yaml, settings_for, small_business
from churn_assets_tests.sources.topics.events import Calls

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = [
    pytest.mark.one_engine(reason="extracts are files; readers and silver have tests on both engines"),
    pytest.mark.one_python(reason="a broker of Kafka answers; drafting/test_topics reads one on each Python"),
]

CANARY = "Kanarienvogel-4711"


def tickets_from(tmp_path: Path, kind: str, **server: Any) -> Settings:
    """A business whose tickets come from elsewhere, in a calendar that holds today."""
    this = month_of(datetime.now(UTC).date())
    business = small_business(tmp_path, calendar={"start": add_months(this, -5)})
    own = [{"property": name, "value": value} for name, value in server.pop("own").items()]

    def edit(content: dict[str, Any]) -> None:
        content["servers"] = [{"server": "there", "type": kind, **server, "customProperties": own}]

    edit_yaml(business / "contracts" / "tickets.yaml", edit)
    return settings_for(tmp_path, business)


def _run(settings: Settings, first: str, last: str) -> dg.ExecuteInProcessResult:
    business = load_business(settings.business_path)
    bronze = tables.bronze(business.source("tickets")).key
    return dg.materialize(
        [*extract_assets(business), *bronze_assets(business)],
        selection=dg.AssetSelection.assets(["extracts", "tickets"], bronze),
        resources={"lakehouse": Lakehouse(settings)},
        tags=range_tags((first, last)),
        raise_on_error=False,
    )


def _ticket(number: int) -> bytes:
    content = {
        "ticket_id": f"T{number}",
        "customer_id": f"C{number}",
        "opened_at": f"{datetime.now(UTC):%Y-%m-%dT00:00:00Z}",
        "issue": {"category": "billing", "priority": 1},
    }
    return json.dumps(content).encode()


def _judged(settings: Settings) -> list[tuple[str | None, str | None]]:
    """Id and rule that refuses it, of all rows of bronze as silver judges them."""
    source = load_business(settings.business_path).source("tickets")
    rows = conform(Lakehouse(settings).read(tables.bronze(source)), source)
    found = rows.select("ticket_id", "refused_rule").toArrow().to_pylist()
    return sorted(((row["ticket_id"], row["refused_rule"]) for row in found), key=str)


def test_a_topic_comes_before_bronze_and_dead_letters_are_refused(
    spark: "SparkSession", tmp_path: Path, broker: KafkaBroker, caplog: pytest.LogCaptureFixture
) -> None:
    calls = Calls(broker)
    settings = tickets_from(tmp_path, "kafka", host=broker.address, own={"topic": calls.topic})
    calls.raw(_ticket(1), CANARY.encode(), _ticket(2))
    this = month_of(datetime.now(UTC).date())
    done = _run(settings, add_months(this, -1), this)
    assert done.success
    assert [ticket for ticket, rule in _judged(settings) if rule is None] == ["T1", "T2"]
    [(nothing, rule)] = [(ticket, rule) for ticket, rule in _judged(settings) if rule is not None]
    assert nothing is None and rule
    found = evaluations(done)
    assert (
        found["extracts/tickets:source_answered"].passed and found["extracts/tickets:no_message_lost"].passed
    )
    refused = found["extracts/tickets:messages_are_objects"]
    assert not refused.passed and "1 of 3 messages are no JSON objects" in str(refused.description)
    months = found["extracts/tickets:months_can_be_asked"]
    assert not months.passed and "A topic is read once" in str(months.description)
    assert CANARY not in str(done.all_events) + caplog.text


def test_a_loss_is_a_failed_check_with_its_number(tmp_path: Path, broker: KafkaBroker) -> None:
    from confluent_kafka import TopicPartition

    calls = Calls(broker, 1)
    settings = tickets_from(tmp_path, "kafka", host=broker.address, own={"topic": calls.topic})
    business, this = load_business(settings.business_path), month_of(datetime.now(UTC).date())

    def extract() -> dg.ExecuteInProcessResult:
        return dg.materialize(
            extract_assets(business),
            resources={"lakehouse": Lakehouse(settings)},
            tags=range_tags([this, this]),
        )

    calls.raw(_ticket(1))
    assert evaluations(extract())["extracts/tickets:no_message_lost"].passed
    calls.raw(*map(_ticket, range(2, 6)))
    admin, place = broker.admin(), TopicPartition(calls.topic, 0, 4)
    admin.delete_records([place])[place].result()
    told = evaluations(extract())["extracts/tickets:no_message_lost"]
    assert not told.passed and told.severity == dg.AssetCheckSeverity.ERROR
    assert "had deleted 3 offsets before they were read" in str(told.description)
    assert not evaluations(extract())["extracts/tickets:no_message_lost"].passed, "it is red for a day"
    [incident] = incidents(Lakehouse(settings))
    assert (incident.kind, incident.events) == ("messages_lost", 1)


def test_a_folder_comes_before_bronze_and_tells_redeliveries(
    spark: "SparkSession", tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = tmp_path / CANARY
    there.mkdir()
    monkeypatch.setenv("EXPORTS", str(there))
    settings = tickets_from(
        tmp_path,
        "folder",
        location="${EXPORTS}",
        format="jsonl",
        own={"pattern": "tickets-{yyyy-MM-dd}.json"},
    )
    today = datetime.now(UTC).date()
    file = there / f"tickets-{today}.json"
    for round_, numbers in enumerate([(1,), (1, 2)]):
        file.write_bytes(b"".join(_ticket(n) + b"\n" for n in numbers))
        os.utime(file, (time.time() - 900 + round_,) * 2)
        done = _run(settings, month_of(today), month_of(today))
        assert done.success
        found = evaluations(done)
        assert found["extracts/tickets:no_file_changed"].passed is (round_ == 0)
        assert found["extracts/tickets:no_file_is_growing"].passed
    assert {ticket for ticket, rule in _judged(settings) if rule is None} == {"T1", "T2"}
    assert CANARY not in str(done.all_events) + caplog.text
