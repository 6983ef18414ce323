"""Where no broker of Kafka can run: tests are skipped, but in CI they fail."""

import os
from typing import NoReturn

import pytest

from churn_assets.local_servers.kafka_broker import BrokerError


def without_broker(reason: str) -> NoReturn:
    """Ends a test that needs a broker, which this machine cannot start."""
    if os.environ.get("CI"):
        pytest.fail(f"CI must run the tests of the broker. {reason}")
    pytest.skip(reason)


def did_not_start(error: BrokerError) -> NoReturn:
    """The same for a broker that did not start because its jars cannot be fetched; any other error is raised."""
    if "No Kafka jars" not in str(error):
        raise error
    without_broker(str(error))
