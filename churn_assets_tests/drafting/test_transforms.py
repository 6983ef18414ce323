"""The SQL that a draft writes gives what was guessed in silver, and means the same on both engines."""

from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING

import pytest

from churn_assets.contracts.columns import SPARK_TYPES
from churn_assets.contracts.loader import load_business
from churn_assets.contracts.source import FileFormat
from churn_assets.contracts.sql.meaning import differences
from churn_assets.drafting.columns import DraftColumn
from churn_assets.settings import SHIPPED_BUSINESSES
from churn_assets.silver.conform import conform
from churn_assets_tests.drafting.test_columns import guess

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

NAME = "Wert (€)"
TICKETS = load_business(SHIPPED_BUSINESSES / "telecom").source("tickets")


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
        (["true", "false", "-"], ",", "csv", [True, False, None]),
    ],
)
def test_a_transformation(
    spark: "SparkSession", values: list[str], delimiter: str, kind: str, found: list[object]
) -> None:
    column = guess(values * 10, NAME, delimiter, kind)
    assert column.transform is not None
    assert differences(column.transform, {NAME: "string"}) == []
    assert _in_silver(spark, column, "csv", values) == found


def test_what_a_transformation_cannot_read_is_refused(spark: "SparkSession") -> None:
    amounts = guess(["$1,200.50", "$3", "NA"] * 10, NAME)
    assert _in_silver(spark, amounts, "csv", ["$5", "$", "$1.2.3"]) == [
        5.0,
        "malformed:value",
        "malformed:value",
    ]
    days = guess(["31.01.2024", "05.02.2024", "n/a"] * 10, NAME, ";")
    odd = ["31.02.2024", "2024-01-31", "soon", "n/a"]
    assert _in_silver(spark, days, "csv", odd) == [*["malformed:value"] * 3, None]


def test_whole_floats_are_ids(spark: "SparkSession") -> None:
    column = guess([1.0, 2.0, 300000.0, None], "customer_id", kind="parquet")
    assert column.transform is not None
    assert differences(column.transform, {"customer_id": "string"}) == []
    assert _in_silver(spark, column, "parquet", ["1", "300000", None]) == ["1", "300000", None]


def _in_silver(
    spark: "SparkSession", column: DraftColumn, source_format: FileFormat, delivered: list[str | None]
) -> list[object]:
    """The typed values of a drafted column; where a row is refused, the rule."""
    declared = replace(
        TICKETS.column("ticket_id"),
        name="value",
        type=column.type,
        spark_type=SPARK_TYPES[column.type],
        field=column.physical,
        formats=column.formats,
        transform=column.transform,
        required=False,
    )
    source = replace(
        TICKETS, columns=(declared,), format=source_format, key=(), event_time=None, customer="value"
    )
    origin = (date(2025, 1, 31), "f", 1, None, "2025-01")
    names = "extract_date date, source_file string, row_number bigint, rescued string, extract_month string"
    rows = [(*origin[:2], number, *origin[3:], value) for number, value in enumerate(delivered, 1)]
    bronze = spark.createDataFrame(rows, f"{names}, `{column.physical}` string")
    found = sorted(conform(bronze, source).select("row_number", "value", "refused_rule").collect())
    return [row["refused_rule"] or row["value"] for row in found]
