"""What all tests share: a clean environment and one session, on Sail or, with CHURN_ENGINE=spark, on Spark."""

import gc
import os
import signal
import sys
from collections import defaultdict
from collections.abc import Generator, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hypothesis
import pytest

from churn_assets.lakehouse.engine.session import start_session, stop_session
from churn_assets.live import renewal
from churn_assets.settings import Settings
from churn_assets_tests.databases import quick_databases

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from churn_assets.local_servers.kafka_broker import KafkaBroker

# jars, engine, and databases of one's own
KEPT = ("CHURN_JARS", "CHURN_ENGINE", "CHURN_TEST_MONGODB", "CHURN_TEST_MYSQL")
MAIN = sys.modules["__main__"]
# costly fixtures of several modules -> the group of tests that shares them; tests of live scores need the broker, too
SHARED = {"demo": "demo", "broker": "live", "morning": "live", "lost_and_found": "lost_and_found"}

# what an example shows of Python, a few show as well as a hundred
FEW_CASES, FEW_EXAMPLES = 2, 10

# Spark runs each query of a test once, over a few rows: to compile it takes longer than to interpret it.
INTERPRETED = {"spark.sql.codegen.wholeStage": "false", "spark.sql.codegen.factoryMode": "NO_CODEGEN"}
QUICK_SPARK = INTERPRETED | {
    "spark.sql.shuffle.partitions": "1",
    "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1",
}


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Names bytes by their argument. Compressed bytes hold the time, and both workers must find the same tests."""
    return argname if isinstance(val, bytes) else None


def pytest_addoption(parser: pytest.Parser) -> None:
    """Adds the option of a run that only asks whether another Python does the same."""
    parser.addoption(
        "--few",
        action="store_true",
        help=f"run {FEW_CASES} cases of each parametrized test, and {FEW_EXAMPLES} examples of each property test",
    )


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Forget the settings of whoever runs the tests, but for those of KEPT."""
    for name in list(os.environ):
        if name.startswith(("CHURN_", "DAGSTER_", "MLFLOW_")) and name not in KEPT:
            del os.environ[name]
    # in the background SIGINT is ignored: Dagster then ignores SIGTERM too, and with it what is started from here
    signal.signal(signal.SIGINT, signal.default_int_handler)
    # how long an example takes depends on what else the machine does
    patient: dict[str, Any] = {
        "deadline": None,
        "suppress_health_check": [hypothesis.HealthCheck.too_slow],
    }
    hypothesis.settings.register_profile("suite", **patient, derandomize=True)
    hypothesis.settings.register_profile("explore", **patient)
    hypothesis.settings.register_profile("few", **patient, derandomize=True, max_examples=FEW_EXAMPLES)
    if not config.getoption("hypothesis_profile"):
        hypothesis.settings.load_profile("few" if config.getoption("few") else "suite")


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Spares the collector of garbage the million objects of what the tests import, and lets it look less often."""
    gc.disable()
    found = yield
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
    gc.enable()
    return found


def on_spark() -> bool:
    """Whether this run is about what depends on the engine."""
    return os.environ.get("CHURN_ENGINE") == "spark"


def may_run_on_spark(module: Path) -> bool:
    """Whether a module may have a test that runs on Spark: by its text, since to import all modules takes longer."""
    text = module.read_text(encoding="utf-8")
    if "mark.jvm" in text or "mark.both_engines" in text:
        return True
    return "spark: " in text and "\npytestmark = pytest.mark.one_engine" not in text


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    """On Spark, spares the import of the modules that have no test for it: five of six."""
    is_module = collection_path.name.startswith("test_") and collection_path.suffix == ".py"
    return True if on_spark() and is_module and not may_run_on_spark(collection_path) else None


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Chooses what the engine asks for, and what one process keeps together.

    With CHURN_ENGINE=spark: the tests about the JVM, and those that use the session but for `one_engine`, unless
    `both_engines` overrules that of the module. Else all but the tests about the JVM. With --few, some cases of each.

    Of the processes that share the tests, one has the demo with what lives on from it, one the broker of Kafka, and one
    the lake of lost files. Other tests of a module stay together. What takes longest is begun first, so that no process
    is left alone with it in the end.
    """
    for item in items:
        if "spark" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.tables)

    def is_chosen(item: pytest.Item, spark: bool) -> bool:
        about_the_jvm, tables, one_engine, both_engines = (
            item.get_closest_marker(name) is not None
            for name in ("jvm", "tables", "one_engine", "both_engines")
        )
        if not spark:
            return not about_the_jvm
        return about_the_jvm or (tables and (both_engines or not one_engine))

    for module in {item.path for item in items if is_chosen(item, spark=True)}:
        if not may_run_on_spark(module):
            raise pytest.UsageError(f"{module} has tests for Spark, and `may_run_on_spark` does not see them")
    chosen = [item for item in items if is_chosen(item, on_spark())]
    if config.getoption("few"):
        cases = defaultdict[str, list[pytest.Item]](list)
        for item in chosen:
            cases[item.nodeid.partition("[")[0]].append(item)
        chosen = [item for some in cases.values() for item in some[:FEW_CASES]]
    left_out = {*items} - {*chosen}
    config.hook.pytest_deselected(items=[item for item in items if item in left_out])
    items[:] = chosen
    groups = [_group(item) for item in items]
    for item, group in zip(items, groups, strict=True):
        item.add_marker(pytest.mark.xdist_group(group))
    if hasattr(config, "workerinput"):
        slow = {g for item, g in zip(items, groups, strict=True) if item.get_closest_marker("slow")}
        begun_first = slow | set(SHARED.values())
        order = sorted(range(len(items)), key=lambda at: groups[at] not in begun_first)
        items[:] = [items[at] for at in order]


def _group(item: pytest.Item) -> str:
    """Tests with the same are run by one process."""
    wanted = getattr(item, "fixturenames", ())
    module = f"{item.path.parent.name}/{item.path.stem}"
    return next((group for name, group in SHARED.items() if name in wanted), module)


@pytest.fixture(autouse=True)
def _main_module() -> Iterator[None]:
    """Streamlit puts each script that it runs in place of the main module, which processes of later tests would run."""
    yield
    sys.modules["__main__"] = MAIN


@pytest.fixture(scope="session", autouse=True)
def _quick_databases(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """See `churn_assets_tests.databases.quick_databases`."""
    with quick_databases(tmp_path_factory.mktemp("databases")):
        yield


@pytest.fixture(scope="session")
def spark(tmp_path_factory: pytest.TempPathFactory) -> "Iterator[SparkSession]":
    """The one session of the test run: two cores, small profile, everything it writes in a temporary folder."""
    home = tmp_path_factory.mktemp("spark-home")
    quick = QUICK_SPARK if on_spark() else {}
    settings = Settings(home=str(home), engine_profile="small", spark_master="local[2]", spark_conf=quick)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            renewal, "MOST_MEMORY", sys.maxsize
        )  # a test that follows must not end the server of others
        yield start_session(settings, "churn_assets_tests")
    stop_session()


@pytest.fixture
def as_shipped(spark: "SparkSession") -> Iterator[None]:
    """Spark generates code for the queries of a test, as it does outside of tests."""
    for name in INTERPRETED:
        spark.conf.unset(name)
    yield
    for name, value in INTERPRETED.items():
        spark.conf.set(name, value)


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> "Iterator[KafkaBroker]":
    """A broker of Kafka; a test that kills it starts it again."""
    from churn_assets.local_servers.kafka_broker import BrokerError, KafkaBroker, why_not
    from churn_assets_tests.brokers import did_not_start, without_broker

    if reason := why_not():
        without_broker(reason)
    broker = KafkaBroker(tmp_path_factory.mktemp("kafka"), Settings())
    try:
        broker.start()
    except BrokerError as error:
        did_not_start(error)
    yield broker
    broker.stop()


@pytest.fixture(scope="session")
def planned_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with a planned campaign, which each test copies: to plan takes a second."""
    from churn_assets.retention import curve
    from churn_assets_tests.retention.planned_lakes import business_with, plan_without_engine, planned_lake

    home = tmp_path_factory.mktemp("planned")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(curve, "STEPS", 2)
        business = business_with(home)
        plan_without_engine(planned_lake(home, business), business)
    return home


@pytest.fixture(scope="session")
def mongodb() -> "Iterator[str]":
    """The address of a database that speaks MongoDB's wire protocol; whoever uses a collection empties it first."""
    from churn_assets.lakehouse.engine.jars import JarsError
    from churn_assets.lakehouse.engine.java import JavaNotFoundError
    from churn_assets_tests.sources.mongodb.wire_server import GIVEN, server

    if GIVEN:
        yield GIVEN
        return
    with ExitStack() as started:
        try:
            place = started.enter_context(server())
        except (JavaNotFoundError, JarsError) as error:
            if os.environ.get("CI"):
                raise
            pytest.skip(str(error))
        yield place


@pytest.fixture(scope="session")
def lost_and_found(spark: "SparkSession", tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """See `churn_assets_tests.worlds.lost_and_found`."""
    from churn_assets_tests.worlds import lost_and_found

    return lost_and_found(tmp_path_factory.mktemp("truncated"))
