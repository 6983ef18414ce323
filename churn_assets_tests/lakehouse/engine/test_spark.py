"""The session: which settings it gets, and that Delta works in it."""

import logging
import stat
import subprocess
import sys
import threading
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import pytest
from pyspark.sql import functions as F

from churn_assets.lakehouse.engine.processes import module_environment
from churn_assets.lakehouse.engine.profiles import choose_profile
from churn_assets.lakehouse.engine.scratch import scratch_folder
from churn_assets.lakehouse.engine.session import running_tasks, start_session
from churn_assets.lakehouse.engine.spark import session_confs
from churn_assets.operations.events.taking import new_events
from churn_assets.operations.log.reading import read_log
from churn_assets.settings import Settings

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.jvm(reason="about the session of Spark")
JARS = [Path("/jars/delta-spark.jar"), Path("/jars/delta-storage.jar")]


def confs_of(**settings: object) -> dict[str, str]:
    chosen = Settings(home="/tmp/nowhere", **settings)  # type: ignore[arg-type]
    return session_confs(chosen, choose_profile(chosen), JARS)


def test_a_month_can_be_replaced_in_a_delta_table(spark: "SparkSession", tmp_path: Path) -> None:
    table = str(tmp_path / "table")
    frame = spark.createDataFrame([("2025-01", 1), ("2025-02", 2)], "month string, value int")
    frame.write.format("delta").partitionBy("month").save(table)
    again = spark.createDataFrame([("2025-02", 20), ("2025-02", 21)], "month string, value int")
    again.write.format("delta").mode("overwrite").option("replaceWhere", "month = '2025-02'").save(table)
    rows = spark.read.format("delta").load(table).orderBy("value").collect()
    assert [tuple(row) for row in rows] == [("2025-01", 1), ("2025-02", 20), ("2025-02", 21)]


def test_a_column_is_one_call_of_the_jvm(spark: "SparkSession", monkeypatch: pytest.MonkeyPatch) -> None:
    """PySpark asks for the class and for the function before each call; both are remembered."""
    client = spark.sparkContext._gateway._gateway_client  # type: ignore[union-attr]
    sent: list[str] = []
    send = client.send_command
    monkeypatch.setattr(client, "send_command", lambda told, *more: sent.append(told) or send(told, *more))
    for _ in range(2):
        sent.clear()
        _ = F.upper(F.col("name"))
    assert [told.splitlines()[2] for told in sent if told.startswith("c")] == ["col", "upper"]
    assert not [told for told in sent if told.startswith("r")], "nothing is looked up"


def test_session_keeps_utc_ansi_and_the_loopback_address(spark: "SparkSession") -> None:
    assert spark.conf.get("spark.sql.session.timeZone") == "UTC"
    assert spark.conf.get("spark.sql.ansi.enabled") == "true"
    assert spark.conf.get("spark.sql.extensions") == "io.delta.sql.DeltaSparkSessionExtension"
    assert spark.conf.get("spark.driver.bindAddress") == "127.0.0.1"
    assert spark.sparkContext.uiWebUrl is None


def test_delta_errors_arrive_as_their_own_python_classes(spark: "SparkSession", tmp_path: Path) -> None:
    """Without `import delta.exceptions` a conflict is a bare Py4JJavaError that no caller can tell from others."""
    from delta.exceptions import ConcurrentAppendException
    from pyspark.errors.exceptions.captured import convert_exception

    java = spark._jvm.io.delta.exceptions.ConcurrentAppendException("two writers")  # type: ignore[union-attr]
    assert isinstance(convert_exception(java), ConcurrentAppendException)


@dataclass(frozen=True)
class Ended:
    """A process that has ended: what it printed, its working folder, and the settings of its session."""

    output: str
    errors: str
    folder: Path
    settings: Settings


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Ended:
    """Starts Spark, fails with values of rows in three ways, warns of more, and stops."""
    tmp_path = tmp_path_factory.mktemp("process")
    (tmp_path / "cwd").mkdir()
    settings = Settings(home=str(tmp_path / "my home"))
    script = f"""
from churn_assets import trace
from churn_assets.lakehouse.engine.session import start_session, stop_session
from churn_assets.settings import Settings
with trace.within("ab" * 16):
    spark = start_session(Settings(home={settings.home!r}, engine_profile="small", spark_master="local[1]"))
table = "delta.`{tmp_path}/table`"
spark.sql(f"create table {{table}} (month string, name string) using delta partitioned by (month)")
spark.sql(f"alter table {{table}} add constraint known check (name <> 'canary anna')")
for statement in (
    f"insert into {{table}} values ('2025-01', 'canary anna')",
    f"insert into {{table}} replace where month = '2025-02' values ('2025-01', 'canary bert')",
    "select cast(concat('canary ', id) as int) from range(3)",
):
    try:
        spark.sql(statement).collect()
    except Exception:
        print("refused")
log = spark._jvm.org.apache.logging.log4j.LogManager.getLogger("org.example.Rows")
log.info("daily life")
log.warn("row 'canary anna' of canary@example.org, call 0170 1234567\\nand canary bert")
log.warn("The value 'O'canary' of the type `STRING` cannot be cast")
log.warn("The value 'canary\\nO'canary' cannot be cast")
log.error("it failed", spark._jvm.java.lang.RuntimeException("canary"))
stop_session()
print("stopped")
"""
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path / "cwd",
        env=module_environment(),
        capture_output=True,
        text=True,
        timeout=300,
    )
    return Ended(done.stdout, done.stderr, tmp_path / "cwd", settings)


@pytest.mark.slow
def test_a_process_leaves_no_row_value_in_its_output_and_no_file_in_its_folder(process: Ended) -> None:
    """A failed task, a refused row and a bad cast all carry the row; only the exception may say it."""
    assert process.output.split() == ["refused", "refused", "refused", "stopped"], process.errors
    lines = [line for line in process.errors.splitlines() if " Rows: " not in line]
    assert "canary" not in "".join(lines)
    assert len(lines) < 10, process.errors
    assert list(process.folder.iterdir()) == []


@pytest.mark.slow
def test_warnings_of_the_jvm_are_lines_of_the_structured_log_without_values(process: Ended) -> None:
    log_path = process.settings.log_path
    [file] = log_path.glob("*-spark.jsonl")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert "canary" not in file.read_text() and "1234567" not in file.read_text()
    found = read_log(log_path, "abab", 13)
    assert found.unreadable == 0
    warned, cast, cut, failed = [
        r for r in found.records if r["attributes"]["code.namespace"] == "org.example.Rows"
    ]
    assert warned["body"] == "row *** of *** call ***" and warned["severity_text"] == "WARN"
    assert (cast["body"], cut["body"]) == ("The value *** cannot be cast", "The value ***")
    assert failed["body"] == "it failed" and failed["severity_text"] == "ERROR"
    assert failed["attributes"]["exception.type"] == "java.lang.RuntimeException"
    taken = new_events(log_path, {}, date(2000, 1, 1)).rows
    severities = [row["severity_number"] for row in taken if row["logger"] == "org.example.Rows"]
    assert severities == [13, 13, 13, 17]
    assert all(row["day"] == row["at"].date() for row in taken)


def test_starting_again_gives_the_running_session(
    spark: "SparkSession", tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    same = Settings(home=str(tmp_path), engine_profile="small", spark_master="local[2]")
    with caplog.at_level(logging.WARNING):
        assert start_session(same) is spark
    assert caplog.messages == []


def test_starting_again_with_other_essential_settings_warns(
    spark: "SparkSession", tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    other = Settings(home=str(tmp_path), engine_profile="small", spark_master="local[2]", driver_memory="3g")
    with caplog.at_level(logging.WARNING):
        assert start_session(other) is spark
    assert "spark.driver.memory=1g, not 3g" in caplog.text


def test_progress_is_asked_for_while_another_thread_imports_spark(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyspark", ModuleType("pyspark"))
    assert running_tasks() == ""


def test_the_tasks_that_spark_runs_are_counted_while_it_runs_any(spark: "SparkSession") -> None:
    assert running_tasks() == ""
    slow = spark.range(0, 3, 1, 3).selectExpr("reflect('java.lang.Thread', 'sleep', 1000L + id)")
    work = threading.Thread(target=slow.collect)
    work.start()
    seen = set()
    while work.is_alive():
        seen.add(running_tasks())
        work.join(0.05)
    assert seen <= {"", "0 of 3 tasks", "1 of 3 tasks", "2 of 3 tasks", "3 of 3 tasks"}
    assert seen & {"0 of 3 tasks", "1 of 3 tasks", "2 of 3 tasks"}
    assert running_tasks() == ""


def test_local_session_has_the_jars_on_the_class_path() -> None:
    confs = confs_of(engine_profile="small")
    assert confs["spark.driver.extraClassPath"] == "/jars/delta-spark.jar:/jars/delta-storage.jar"
    assert confs["spark.databricks.delta.snapshotPartitions"] == "1"
    assert "-XX:+UseSerialGC" in confs["spark.driver.extraJavaOptions"]


def test_large_profile_uses_the_full_compiler_and_more_partitions() -> None:
    confs = confs_of(engine_profile="large", spark_master="local[8]")
    assert "TieredStopAtLevel" not in confs["spark.driver.extraJavaOptions"]
    assert confs["spark.sql.shuffle.partitions"] == "24"


def test_cluster_gets_jars_and_delta_but_no_driver_flags() -> None:
    confs = confs_of(spark_master="spark://cluster:7077", engine_profile="large")
    assert confs["spark.jars"] == "/jars/delta-spark.jar,/jars/delta-storage.jar"
    assert confs["spark.sql.session.timeZone"] == "UTC"
    assert not [key for key in confs if key.startswith("spark.driver.")]


def test_a_users_setting_replaces_ours_and_is_added_to_lists() -> None:
    confs = confs_of(
        engine_profile="small",
        spark_conf={
            "spark.sql.shuffle.partitions": "7",
            "spark.sql.extensions": "com.example.Extension",
            "spark.driver.extraClassPath": "/opt/jdbc.jar",
        },
    )
    assert confs["spark.sql.shuffle.partitions"] == "7"
    assert confs["spark.sql.extensions"] == "io.delta.sql.DeltaSparkSessionExtension,com.example.Extension"
    assert confs["spark.driver.extraClassPath"].endswith("delta-storage.jar:/opt/jdbc.jar")


def test_scratch_of_dead_processes_is_removed(tmp_path: Path) -> None:
    settings = Settings(home=str(tmp_path))
    mine = scratch_folder(settings)
    dead = mine.with_name(f"{mine.name.rpartition('-')[0]}-99999999")
    elsewhere = mine.with_name("another-host-99999999")
    for folder in (mine, dead, elsewhere):
        folder.mkdir(parents=True)
    scratch_folder(settings)
    assert (mine.exists(), dead.exists(), elsewhere.exists()) == (True, False, True)
