"""What both engines do alike with files and frames."""

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from churn_assets.lakehouse.engine.frames import (
    FilesGoneError,
    PartitionedFiles,
    keep,
    read_folder,
    read_partitions,
    release,
    tells_values,
    write_parquet,
)

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

ODD = "größe 100% #1 'c'"  # Spark itself takes brackets and braces for patterns


def _written(spark: "SparkSession", folder: Path) -> dict[tuple[str, ...], list[str]]:
    """Six numbers in two partitions; the files of each."""
    write_parquet(spark.range(6).selectExpr("id", "concat('n ', id % 2) as half"), folder, ["half"])
    found: dict[tuple[str, ...], list[str]] = {}
    for half in ("n 0", "n 1"):
        files = (
            folder.glob(f"half={half.replace(' ', '%20')}/*.parquet"),
            folder.glob(f"half={half}/*.parquet"),
        )
        found[half,] = [str(file.relative_to(folder)) for some in files for file in some]
    return found


def test_partitions_come_back_whatever_the_path(spark: "SparkSession", tmp_path: Path) -> None:
    folder = tmp_path / ODD / "table"
    files = _written(spark, folder)
    schema = spark.createDataFrame([], "half string, id bigint").schema
    rows = read_partitions(spark, PartitionedFiles(str(folder), schema, ["half"], files))
    assert rows.columns == ["half", "id"]
    assert sorted(map(tuple, rows.collect())) == [(f"n {i % 2}", i) for i in (0, 2, 4, 1, 3, 5)]
    assert read_folder(spark, str(folder), "id bigint").count() == 6


def test_a_file_that_is_gone_is_an_error_and_not_no_rows(spark: "SparkSession", tmp_path: Path) -> None:
    files = _written(spark, tmp_path / "table")
    schema = spark.createDataFrame([], "half string, id bigint").schema
    table = PartitionedFiles(str(tmp_path / "table"), schema, ["half"], files)
    (tmp_path / "table" / files["n 1",][0]).unlink()
    with pytest.raises(FilesGoneError, match=r"1 of \d files are gone, the first is .*table/half="):
        read_partitions(spark, table)


def test_a_kept_frame_is_computed_once(spark: "SparkSession") -> None:
    drawn = keep(spark.range(20).selectExpr("uuid() as word"))
    first, second = ({row.word for row in drawn.collect()} for _ in range(2))
    assert first == second
    release(drawn)


def test_an_error_of_a_row_may_tell_its_value_and_one_of_a_plan_does_not(spark: "SparkSession") -> None:
    from pyspark.errors import PySparkException

    rows = spark.createDataFrame([("Erika",)], "name string")
    with pytest.raises(PySparkException) as of_a_row:
        rows.selectExpr("cast(name as int)").collect()
    with pytest.raises(PySparkException) as of_a_plan:
        rows.select("no_such_column").schema  # noqa: B018
    assert tells_values(of_a_row.value)
    assert not tells_values(of_a_plan.value)
