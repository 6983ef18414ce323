"""The SQL that a draft writes for values that no declaration describes gives what was guessed, in Spark."""

from datetime import date
from typing import TYPE_CHECKING

import pytest

from churn_assets_tests.drafting.test_columns import guess

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

NAME = "Wert (€)"


@pytest.mark.parametrize(
    ("values", "delimiter", "kind", "found"),
    [
        (["$1,200.50", "$3", "NA"], ",", "csv", [1200.5, 3.0, None]),
        (["1.200,50 €", "-3,25 €", "?"], ";", "csv", [1200.5, -3.25, None]),
        (["EUR 12,50", "EUR -3", "EUR 1.000"], ";", "csv", [12.5, -3.0, 1000.0]),
        (["31.01.2024", "05.02.2024", "n/a"], ";", "csv", [date(2024, 1, 31), date(2024, 2, 5), None]),
        (
            ["2024-01-31", "2024-02-05", "9999-12-31", "?"],
            ",",
            "csv",
            [date(2024, 1, 31), date(2024, 2, 5), None, None],
        ),
        (
            ["01/2024", "02/2024", "03/2024"],
            ",",
            "csv",
            [date(2024, 1, 1), date(2024, 2, 1), date(2024, 3, 1)],
        ),
        (
            ["2024-01", "2024-02", "2024-03"],
            ",",
            "csv",
            [date(2024, 1, 1), date(2024, 2, 1), date(2024, 3, 1)],
        ),
        (["true", "false", "-"], ",", "csv", ["true", "false", None]),
    ],
)
def test_a_transformation(
    spark: "SparkSession", values: list[str], delimiter: str, kind: str, found: list[object]
) -> None:
    from pyspark.sql import functions as F

    column = guess(values * 10, NAME, delimiter, kind)
    assert column.transform is not None
    frame = spark.createDataFrame([(value,) for value in values], f"`{NAME}` string")
    assert [row[0] for row in frame.select(F.expr(column.transform)).collect()] == found


def test_whole_floats_are_ids(spark: "SparkSession") -> None:
    from pyspark.sql import functions as F

    column = guess([1.0, 2.0, 300000.0, None], "customer_id", kind="parquet")
    assert column.transform is not None
    frame = spark.createDataFrame([(1.0,), (300000.0,), (None,)], "customer_id double")
    assert [row[0] for row in frame.select(F.expr(column.transform)).collect()] == ["1", "300000", None]
