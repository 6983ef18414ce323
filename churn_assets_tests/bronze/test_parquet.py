"""Parquet files as bronze rows: values that fit their column, and values that do not."""

from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from churn_assets.bronze.reading import read_extracts
from churn_assets.silver.conform import conform
from churn_assets.sources.landing import list_extracts
from churn_assets_tests.lakes import extract_folder, write_parquet

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

from churn_assets_tests.bronze.rows import USAGE, read_rows


def test_parquet_numbers_that_an_integer_cannot_hold_are_rescued(
    spark: "SparkSession", tmp_path: Path
) -> None:
    day = date(2025, 1, 3)
    counts = [2.0, 1.7, float("nan"), 1e300]
    same = {"day": day, "voice_minutes": 1.0, "data_mb": 1.0}
    rows = [same | {"customer_id": f"C{i}", "sms_count": n} for i, n in enumerate(counts)]
    write_parquet(tmp_path, "usage", "2025-01-07", rows)
    read = read_rows(spark, USAGE, tmp_path)
    assert [row["sms_count"] for row in read.values()] == [2, None, None, None]
    told = [row["rescued"] and row["rescued"]["sms_count"] for row in read.values()]
    assert told == [None, "1.7", "NaN", "1.0E300"]


def test_ids_that_came_as_floats_are_written_as_the_whole_numbers_they_are(
    spark: "SparkSession", tmp_path: Path
) -> None:
    """As pandas writes ids of which one is missing."""
    same = {"day": date(2025, 1, 3), "voice_minutes": 1.0, "data_mb": 1.0}
    ids = [12345678.0, None, 2.0**53 - 1]
    write_parquet(tmp_path, "usage", "2025-01-07", [same | {"customer_id": i} for i in ids])
    read = read_rows(spark, USAGE, tmp_path)
    assert [row["customer_id"] for row in read.values()] == ["12345678", None, "9007199254740991"]


IDS = {
    "double": (pa.float64(), [2.0**53, 2.0**53 + 2, 123.5, float("inf"), float("nan"), 7.0]),
    "single": (pa.float32(), [2.0**24, 2.0**24 + 2, 123.5, float("inf"), float("nan"), 7.0]),
    "decimal": (
        pa.decimal128(30, 2),
        [Decimal("12345678901234567890.00"), Decimal("123.50"), Decimal("7.00")],
    ),
}


@pytest.mark.parametrize("kind", IDS)
def test_an_id_that_a_float_does_not_hold_exactly_is_refused_by_row_with_the_reason(
    spark: "SparkSession", tmp_path: Path, kind: str
) -> None:
    arrow_type, ids = IDS[kind]
    rows: dict[str, Any] = {"customer_id": pa.array(ids, arrow_type)}
    rows |= {"day": [date(2025, 1, 3)] * len(ids), "voice_minutes": [1.0] * len(ids)}
    rows |= {"data_mb": [1.0] * len(ids)}
    pq.write_table(pa.table(rows), extract_folder(tmp_path, "usage", "2025-01-07") / "a.parquet")
    frame = read_extracts(spark, USAGE, list_extracts(str(tmp_path), USAGE), str(tmp_path / "staged"))
    found = conform(frame, USAGE).orderBy("row_number").collect()
    *refused, last = found
    assert (last["customer_id"], last["refused_rule"]) == ("7", None)
    if kind == "decimal":
        assert refused.pop(0)["customer_id"] == "12345678901234567890"
    assert {row["refused_rule"] for row in refused} == {"malformed:customer_id"}
    assert all(
        row["refused_reason"].startswith(
            "customer_id is no exact string; deliver ids as text or whole numbers: "
        )
        for row in refused
    )


def test_parquet_values_that_do_not_fit_their_column_are_rescued(
    spark: "SparkSession", tmp_path: Path
) -> None:
    day = date(2025, 1, 3)
    good = {"customer_id": "C1", "day": day, "voice_minutes": 1.5, "sms_count": 2, "data_mb": 3.0}
    write_parquet(tmp_path, "usage", "2025-01-07", [good, good | {"customer_id": None}], "as contracted")
    as_text = [
        {
            "customer_id": 17,
            "day": "2025-01-04",
            "voice_minutes": "2.5",
            "sms_count": "many",
            "data_mb": 1,
            "cell": "A1",
        },
        {
            "customer_id": 18,
            "day": "soon",
            "voice_minutes": None,
            "sms_count": "3",
            "data_mb": 2,
            "cell": None,
        },
    ]
    write_parquet(tmp_path, "usage", "2025-01-14", as_text, "as text")
    odd = [good | {"day": 20250105, "sms_count": datetime(2025, 1, 1, 12), "data_mb": [1, 2]}]  # noqa: DTZ001
    write_parquet(tmp_path, "usage", "2025-01-21", odd, "odd")
    rows = read_rows(spark, USAGE, tmp_path)
    assert len(rows) == 5
    first = rows["as contracted.parquet", 1]
    assert (first["customer_id"], first["day"], first["sms_count"], first["data_mb"]) == ("C1", day, 2, 3.0)
    assert first["rescued"] is None and first["roaming_mb"] is None
    assert rows["as contracted.parquet", 2]["customer_id"] is None
    text = rows["as text.parquet", 1]
    assert (text["customer_id"], text["day"], text["voice_minutes"]) == ("17", date(2025, 1, 4), 2.5)
    assert (text["sms_count"], text["data_mb"]) == (None, 1.0)
    assert text["rescued"] == {"sms_count": "many", "cell": "A1"}
    assert rows["as text.parquet", 2]["rescued"] == {"day": "soon"}
    strange = rows["odd.parquet", 1]
    assert (strange["day"], strange["data_mb"], strange["voice_minutes"]) == (None, None, 1.5)
    assert set(strange["rescued"]) >= {"day", "data_mb"}


def test_parquet_times_in_nanoseconds_are_read(spark: "SparkSession", tmp_path: Path) -> None:
    """As pandas writes each of its times."""
    row = {"customer_id": "C1", "voice_minutes": 1.0, "sms_count": 2, "data_mb": 3.0}
    rows = [row | {"day": datetime(2025, 1, 3, 12)}]  # noqa: DTZ001
    schema = pa.Table.from_pylist(rows).schema
    day = schema.get_field_index("day")
    schema = schema.set(day, pa.field("day", pa.timestamp("ns")))
    write_parquet(tmp_path, "usage", "2025-01-07", rows, schema=schema)
    assert read_rows(spark, USAGE, tmp_path)["part-1.parquet", 1]["day"] == date(2025, 1, 3)
