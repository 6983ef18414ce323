"""What is told of an error of the engine."""

import traceback
from typing import TYPE_CHECKING

import pytest

from churn_assets.lakehouse.lakehouse import LakehouseError
from churn_assets.lakehouse.no_values import telling_no_values

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def test_an_error_tells_no_value_of_a_row(spark: "SparkSession") -> None:
    rows = spark.createDataFrame([("Erika",)], "name string").selectExpr("cast(name as int)")
    told = r"silver/customer_keys: the engine failed with (CAST_INVALID_INPUT|SparkRuntimeException)"
    with (
        pytest.raises(LakehouseError, match=told) as caught,
        telling_no_values("silver/customer_keys", "Look there."),
    ):
        rows.collect()
    assert "Erika" not in "".join(traceback.format_exception(caught.value))
