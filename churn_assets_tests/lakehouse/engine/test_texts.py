"""Numbers as text: every engine writes them as Spark does."""

import json
from typing import TYPE_CHECKING

from churn_assets.lakehouse.engine.texts import json_object, number_as_text

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


def test_numbers_in_json_are_written_alike_and_other_text_is_left_alone(spark: "SparkSession") -> None:
    from pyspark.sql import functions as F

    rows = [(n, 'a "quoted" \x01 text', None) for n in AS_SPARK_WRITES_THEM] + [
        (float("nan"), None, 1),
        (float("-inf"), "x", 2),
        (None, "y", 3),
    ]
    frame = spark.createDataFrame(rows, "n double, text string, whole int")
    parts = {name: F.col(name) for name in frame.columns}
    found = [row[0] for row in frame.select(json_object(parts, {"n"})).collect()]
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
