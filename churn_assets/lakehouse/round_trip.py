"""The shortest proof that Spark and Delta work where the lake lies: write a table, replace a slice, read it back."""

import time
import uuid
from dataclasses import dataclass

from churn_assets.lakehouse.engine.session import running_session, start_session, stop_session
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.lakehouse.tables import LakeColumn, Table
from churn_assets.settings import Settings


@dataclass(frozen=True)
class RoundTrip:
    """Wall-clock seconds of a round trip.

    Attributes:
        spark_version: of the JVM side.
        session_seconds: start of Spark, 0 when it ran already.
        table_seconds: two Delta commits and one read.
    """

    spark_version: str
    session_seconds: float
    table_seconds: float


def round_trip(settings: Settings) -> RoundTrip:
    """Write, replace and read a small partitioned table in the lake's root, and remove it.

    A session that this call started is stopped again.

    Raises:
        RuntimeError: what was read is not what was written.
        Exception: whatever Spark, Delta or the storage says.
    """
    ours = running_session() is None
    started = time.perf_counter()
    spark = start_session(settings)
    session_seconds = time.perf_counter() - started if ours else 0.0
    lakehouse = Lakehouse(settings)
    table = Table(
        f"_doctor-{uuid.uuid4().hex[:12]}",
        "numbers",
        "one row per number",
        ("half",),
        (LakeColumn("id", "long", "The number."), LakeColumn("half", "string", "Its remainder by 2.")),
    )
    try:
        started = time.perf_counter()
        numbers = spark.range(100).selectExpr("id", "cast(id % 2 as string) as half")
        lakehouse.replace(table, numbers, "half IN ('0', '1')", run_id="doctor")
        replaced = numbers.where("half = '1'").selectExpr("id + 1000 as id", "half")
        lakehouse.replace(table, replaced, "half = '1'", run_id="doctor")
        found = lakehouse.read(table).selectExpr("count(*)", "sum(id)").first()
        expected = (100, sum(range(100)) + 50 * 1000)
        if found is None or tuple(found) != expected:
            raise RuntimeError(f"Delta round trip in {settings.lake_uri}: read {found}, expected {expected}")
        return RoundTrip(spark.version, session_seconds, time.perf_counter() - started)
    finally:
        place = f"{settings.lake_uri}/{table.layer}"
        path = spark._jvm.org.apache.hadoop.fs.Path(place)  # type: ignore[union-attr]
        path.getFileSystem(spark.sparkContext._jsc.hadoopConfiguration()).delete(path, True)
        if ours:
            stop_session()
