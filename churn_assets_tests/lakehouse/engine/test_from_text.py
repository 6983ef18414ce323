"""What a text is in each type: tables that every engine must give."""

from typing import TYPE_CHECKING

import pyarrow as pa
import pytest
from pyspark.sql import functions as F

from churn_assets.lakehouse.engine.texts import from_text

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

NUMBERS = {
    "1": "1.00",
    "+1": "1.00",
    "-0.5": "-0.50",
    " 1 ": "1.00",
    "1\t": "1.00",
    "1\n": "1.00",
    "007": "7.00",
    "1.": "1.00",
    ".5": "0.50",
    "1e3": "1000.00",
    "1E+2": "100.00",
    "2.5e-1": "0.25",
    "0.125": "0.13",
    **dict.fromkeys(
        ["", "-", "x", "1d", "1f", "1e3d", "2.5F", "0x1p3", "1_0", "1,0", "\u00a01", "\u0661", "1e400", "NaN"]
    ),
}
BOOLEANS = {
    **dict.fromkeys(["t", "T", "true", "TRUE", "y", "yes", "1", " true", "true\t"], True),
    **dict.fromkeys(["f", "false", "n", "No ", "0"], False),
    **dict.fromkeys(["on", "off", "tru", "2", "", "ja", "true\u00a0"]),
}
DAYS = {
    **dict.fromkeys(
        ["2025-01-03", "2025-1-3", " 2025-01-03 ", "2025-01-03T10:00", "2025-01-03 noon"], "2025-01-03"
    ),
    **dict.fromkeys(["2025-02-30", "2025-13-01", "31.12.2024", "", "2025-01-03x"]),
}


def _typed(spark: "SparkSession", texts: dict[str, object], spark_type: str) -> dict[str, object]:
    frame = spark.createDataFrame(pa.table({"text": list(texts)}))
    rows = frame.select("text", from_text(F.col("text"), spark_type).cast("string").alias("value")).collect()
    return {row["text"]: row["value"] for row in rows}


def test_a_text_as_decimal(spark: "SparkSession") -> None:
    assert _typed(spark, {**NUMBERS}, "decimal(10,2)") == NUMBERS


@pytest.mark.parametrize("spark_type", ["double", "float"])
def test_a_text_as_double(spark: "SparkSession", spark_type: str) -> None:
    found = _typed(spark, {**NUMBERS}, spark_type)
    endless = found.pop("1e400")  # conform refuses infinity
    assert str(endless).startswith("inf") or endless == "Infinity"
    assert {t: v for t, v in found.items() if v is None} == {
        t: v for t, v in NUMBERS.items() if v is None and t in found
    }
    assert {t: float(str(v)) for t, v in found.items() if v} == {t: float(t) for t, v in NUMBERS.items() if v}


def test_a_text_as_boolean(spark: "SparkSession") -> None:
    words = {text: None if value is None else str(value).lower() for text, value in BOOLEANS.items()}
    assert _typed(spark, {**words}, "boolean") == words


def test_a_text_as_date(spark: "SparkSession") -> None:
    assert _typed(spark, {**DAYS}, "date") == DAYS
