"""What all tests share: a clean environment and one session, on Sail or, with CHURN_ENGINE=spark, on Spark."""

import os
import signal
from collections.abc import Iterator
from typing import TYPE_CHECKING

import hypothesis
import pytest

from churn_assets.lakehouse.engine.session import start_session, stop_session
from churn_assets.settings import Settings

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Names bytes by their argument. Compressed bytes hold the time, and both workers must find the same tests."""
    return argname if isinstance(val, bytes) else None


def pytest_configure() -> None:
    """Forget the settings of whoever runs the tests, but for the folder of the Delta jars and the engine."""
    for name in list(os.environ):
        if name.startswith(("CHURN_", "DAGSTER_", "MLFLOW_")) and name not in ("CHURN_JARS", "CHURN_ENGINE"):
            del os.environ[name]
    # in the background SIGINT is ignored: Dagster then ignores SIGTERM too, and with it what is started from here
    signal.signal(signal.SIGINT, signal.default_int_handler)
    # how long an example takes depends on what else the machine does
    hypothesis.settings.register_profile("suite", deadline=None)
    hypothesis.settings.load_profile("suite")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """The tests about the JVM run with CHURN_ENGINE=spark only, and with it only they and those that use the session.

    Of two processes that share the tests, one has the Spark session, and one the demo with what lives on from it.

    Other tests of a module stay together.
    """
    on_spark = os.environ.get("CHURN_ENGINE") == "spark"

    def is_chosen(item: pytest.Item) -> bool:
        about_the_jvm = item.get_closest_marker("jvm") is not None
        return (
            about_the_jvm or "spark" in getattr(item, "fixturenames", ()) if on_spark else not about_the_jvm
        )

    config.hook.pytest_deselected(items=[item for item in items if not is_chosen(item)])
    items[:] = [item for item in items if is_chosen(item)]
    for item in items:
        wanted = getattr(item, "fixturenames", ())
        costly = next((name for name in ("spark", "demo") if name in wanted), None)
        item.add_marker(pytest.mark.xdist_group(costly or item.path.stem))


@pytest.fixture(scope="session")
def spark(tmp_path_factory: pytest.TempPathFactory) -> "Iterator[SparkSession]":
    """The one session of the test run: two cores, small profile, everything it writes in a temporary folder."""
    home = tmp_path_factory.mktemp("spark-home")
    yield start_session(
        Settings(home=str(home), engine_profile="small", spark_master="local[2]"), "churn_assets_tests"
    )
    stop_session()
