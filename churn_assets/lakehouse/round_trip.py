"""Tests the engine and Delta at the lake's location: writes a table, replaces a slice, reads it back."""

import time
import uuid
from dataclasses import dataclass

from churn_assets.lakehouse.engine.session import running_session, start_session, stop_session
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.lakehouse.tables import LakeColumn, Table
from churn_assets.settings import Settings, filesystem


@dataclass(frozen=True)
class RoundTrip:
    """Wall-clock seconds of a round trip.

    Attributes:
        version: of Spark, or the version of Spark that Sail stands in for.
        session_seconds: start of the engine; 0 when it was running already.
        table_seconds: two Delta commits and one read.
    """

    version: str
    session_seconds: float
    table_seconds: float


def round_trip(settings: Settings) -> RoundTrip:
    """Writes, replaces and reads a small partitioned table in the lake's root, then removes it.

    Stops the session if this call started it.

    Raises:
        RuntimeError: the rows read differ from the rows written.
        Exception: any error of the engine, Delta or the storage.
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
        fs, folder = filesystem(place)
        fs.delete_dir(folder)
        if ours:
            stop_session()
