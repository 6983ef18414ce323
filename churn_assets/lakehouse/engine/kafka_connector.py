"""Adds Spark's connector of Kafka to a session that runs already: only the job that reads a topic needs it.

Run `python -m churn_assets.lakehouse.engine.kafka_connector` to fetch its jars before (installation, image build).
"""

import sys
from typing import TYPE_CHECKING

from churn_assets.lakehouse.engine.frames import reads_topics
from churn_assets.lakehouse.engine.jars import Jar, main, verified_jars
from churn_assets.settings import Settings

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

CONNECTOR_JARS = (
    Jar(
        "commons-pool2",
        "2.13.1",
        "f77a5060d6936a9144023584232f9de3f2248f1abfe156e9d31795f18770674f",
        "org.apache.commons",
    ),
    Jar(
        "kafka-clients",
        "3.9.2",
        "014b4ef36884478a932641818b080c36a8f8e2e92dc771e800c9d2694f4f83d8",
        "org.apache.kafka",
    ),
    Jar(
        "spark-token-provider-kafka-0-10_2.13",
        "4.2.0",
        "641c7947afc8aa1189e433b7c2d305293993c8691bc1c2062d6d4f513b12518c",
        "org.apache.spark",
    ),
    Jar(
        "spark-sql-kafka-0-10_2.13",
        "4.2.0",
        "64539c45e5d39f7ddb747312c239f38f5208d08c1a0ddf7d70beb2fbd9373705",
        "org.apache.spark",
    ),
)
CONNECTOR = "Kafka connector"  # what the jars are of, for messages


class NoConnectorError(RuntimeError):
    """The session cannot read topics; the message has the remedy."""


def add_connector(session: "SparkSession", settings: Settings) -> None:
    """Adds the jars of the connector to the session and its executors; fetches them first, if they are not there.

    Raises:
        NoConnectorError: the engine is Sail.
        JarsError: the jars cannot be fetched.
    """
    if not reads_topics(session):
        raise NoConnectorError("Sail reads no topics. Set CHURN_ENGINE=spark or auto.")
    added = {row[0].rpartition("/")[2] for row in session.sql("LIST JARS").collect()}
    for path in verified_jars(settings, CONNECTOR_JARS, CONNECTOR):
        if path.name not in added:
            quoted = str(path).replace("\\", "\\\\").replace("'", "\\'")
            session.sql(f"ADD JAR '{quoted}'")


if __name__ == "__main__":
    sys.exit(main(CONNECTOR_JARS, CONNECTOR))
