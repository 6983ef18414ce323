"""What Spark's connector is told of a topic."""

from pathlib import Path

import pytest

from churn_assets.contracts.topic import SourceTopic
from churn_assets.extracts.topic_job import connector_settings
from churn_assets.sources.live.errors import ExtractError
from churn_assets.sources.topics.client import topic_address

pytest.importorskip("confluent_kafka")


def test_a_login_and_an_authority_are_those_of_the_contract(tmp_path: Path) -> None:
    authority = tmp_path / "ca.pem"
    authority.write_text("-----BEGIN CERTIFICATE-----")
    topic = SourceTopic(
        "${HOST}:9093", "t", "sasl_ssl", "SCRAM-SHA-512", "${NAME}", "${WORD}", str(authority), None
    )
    address = topic_address(topic, "calls", {"HOST": "kafka1", "NAME": "reader", "WORD": 'a"b\\c'})
    assert connector_settings(address, topic) == {
        "kafka.bootstrap.servers": "kafka1:9093",
        "kafka.security.protocol": "SASL_SSL",
        "kafka.isolation.level": "read_committed",
        "kafka.sasl.mechanism": "SCRAM-SHA-512",
        "kafka.sasl.jaas.config": "org.apache.kafka.common.security.scram.ScramLoginModule required "
        'username="reader" password="a\\"b\\\\c";',
        "kafka.ssl.truststore.type": "PEM",
        "kafka.ssl.truststore.certificates": "-----BEGIN CERTIFICATE-----",
    }
    authority.unlink()
    with pytest.raises(ExtractError, match="cannot be read: FileNotFoundError"):
        connector_settings(address, topic)
