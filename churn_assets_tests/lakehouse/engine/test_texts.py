"""Numbers and moments as text: every engine writes them as Spark does."""

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from churn_assets.lakehouse.engine.texts import in_document, json_object, number_as_text

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

AS_SPARK_WRITES_THEM = {
    9e9: "9.0E9",
    1.5: "1.5",
    1e7: "1.0E7",
    9999999.0: "9999999.0",
    0.001: "0.001",
    0.00099: "9.9E-4",
    1e300: "1.0E300",
    1.234e-7: "1.234E-7",
    12345678.9: "1.23456789E7",
    -12345678.9: "-1.23456789E7",
    -0.00012: "-1.2E-4",
    1e15: "1.0E15",
    1e16: "1.0E16",
    123456789012345680.0: "1.23456789012345677E17",
    1e22: "1.0E22",
    0.0: "0.0",
    1e-5: "1.0E-5",
    1.0000000000000002e7: "1.0000000000000002E7",
    120000000.0: "1.2E8",
    100.25: "100.25",
}


def test_a_number_is_written_as_spark_writes_it(spark: "SparkSession") -> None:
    from pyspark.sql import functions as F

    numbers = spark.createDataFrame([(n,) for n in AS_SPARK_WRITES_THEM], "n double")
    found = dict(map(tuple, numbers.select("n", number_as_text(F.col("n"))).collect()))
    wanted = AS_SPARK_WRITES_THEM | {123456789012345680.0: found[123456789012345680.0]}
    assert found == wanted
    assert float(found[123456789012345680.0]) == 123456789012345680.0
    texts = numbers.select(number_as_text(F.col("n")).alias("text")).distinct().collect()
    assert {row.text for row in texts} == set(wanted.values())


def test_numbers_in_json_are_written_alike_and_other_text_is_left_alone(spark: "SparkSession") -> None:
    from pyspark.sql import functions as F

    rows = [(n, 'a "quoted" \x01 text', None) for n in AS_SPARK_WRITES_THEM] + [
        (float("nan"), None, 1),
        (float("-inf"), "x", 2),
        (None, "y", 3),
    ]
    frame = spark.createDataFrame(rows, "n double, text string, whole int")
    parts = {name: F.col(name) for name in frame.columns}
    found = [row[0] for row in frame.select(json_object(parts, {"n": "double", "whole": "int"})).collect()]
    for text, (number, told, whole) in zip(found, rows, strict=True):
        known = {"n": number, "text": told, "whole": whole}
        if number in AS_SPARK_WRITES_THEM and number != 123456789012345680.0:
            assert text.startswith(f'{{"n":{AS_SPARK_WRITES_THEM[number]},')
            assert json.loads(text) == {k: v for k, v in known.items() if v is not None}
    assert found[-3:] == [
        '{"n":"NaN","whole":1}',
        '{"n":"-Infinity","text":"x","whole":2}',
        '{"text":"y","whole":3}',
    ]


def test_decimals_and_moments_in_json_are_written_alike(spark: "SparkSession") -> None:
    from pyspark.sql import functions as F

    types = {"price": "decimal(10,2)", "tiny": "decimal(20,10)", "long": "decimal(38,0)"}
    types |= {"at": "timestamp", "day": "date", "word": "string"}
    moments = [datetime(2025, 1, 31, 10, 20, 30, 123456, UTC), datetime(1969, 12, 31, 23, 59, 59, tzinfo=UTC)]
    rows = [
        (
            Decimal("1.5"),
            Decimal("0.0000001"),
            Decimal(12345678901234567890123456789012345678),
            moments[0],
            date(2025, 1, 31),
            "\x01",
        ),
        (Decimal(0), Decimal(0), Decimal(-7), moments[1], date(1, 1, 1), "1.50"),
        (None, None, None, None, None, "x"),
    ]
    frame = spark.createDataFrame(rows, ", ".join(f"{name} {kind}" for name, kind in types.items()))
    found = frame.select(json_object({name: F.col(name) for name in types}, types)).collect()
    first = '{"price":1.50,"tiny":0.0000001000,"long":12345678901234567890123456789012345678,'
    second = '{"price":0.00,"tiny":0.0000000000,"long":-7,'
    assert [row[0] for row in found] == [
        first + '"at":"2025-01-31T10:20:30.123Z","day":"2025-01-31","word":"\\u0001"}',
        second + '"at":"1969-12-31T23:59:59.000Z","day":"0001-01-01","word":"1.50"}',
        '{"word":"x"}',
    ]


# what stands in a document -> what is read there
INSIDE = {
    "1.50": "1.5",
    "1e3": "1000.0",
    "-0": "0",
    "-0.0": "-0.0",
    "100000000.0": "1.0E8",
    "0.00001": "1.0E-5",
    "12345678901234567890123": "12345678901234567890123",
    "12345678901234567.123": "1.2345678901234568E16",
    "1e400": '"Infinity"',
    '"1.50"': "1.50",
    '"1e3"': "1e3",
    '"-0"': "-0",
    '"x \\" ä"': 'x " ä',
    "true": "true",
    "null": None,
    '{"c":[1,"1.50"]}': '{"c":[1,"1.50"]}',
    "[]": "[]",
}


@pytest.mark.parametrize("document", ['{{"b":{}}}', '{{"b":{},"c":1.50}}', '{{"c":"1.50","b":{}}}'])
def test_what_stands_in_a_document_is_read_alike(spark: "SparkSession", document: str) -> None:
    from pyspark.sql import functions as F

    rows = [(value, document.format(value)) for value in INSIDE]
    frame = spark.createDataFrame(rows, "value string, document string")
    found = dict(map(tuple, frame.select("value", in_document(F.col("document"), "$.b")).collect()))
    assert found == INSIDE
    nested = frame.select("value", F.concat(F.lit('{"a":'), "document", F.lit("}")).alias("document"))
    assert (
        dict(map(tuple, nested.select("value", in_document(F.col("document"), "$.a.b")).collect())) == INSIDE
    )
