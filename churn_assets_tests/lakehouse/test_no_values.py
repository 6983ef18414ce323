"""What the steps of silver say when they fail."""

import traceback
from typing import TYPE_CHECKING

import pytest

from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import LakehouseError
from churn_assets.silver.assets import telling_no_values

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def test_an_error_of_silver_tells_no_value_of_a_row(spark: "SparkSession") -> None:
    rows = spark.createDataFrame([("Erika",)], "name string").selectExpr("cast(name as int)")
    told = r"customer_keys: the engine failed with (CAST_INVALID_INPUT|SparkRuntimeException)"
    with pytest.raises(LakehouseError, match=told) as caught, telling_no_values(tables.CUSTOMER_KEYS):
        rows.collect()
    assert "Erika" not in "".join(traceback.format_exception(caught.value))
