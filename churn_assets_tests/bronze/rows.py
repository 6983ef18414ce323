"""Bronze rows of files in a landing zone."""

import json
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from churn_assets.bronze.reading import read_extracts
from churn_assets.contracts.loader import load_business
from churn_assets.contracts.source import Source
from churn_assets.lakehouse import tables
from churn_assets.settings import SHIPPED_BUSINESSES
from churn_assets.sources.landing import list_extracts

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


TELECOM = load_business(SHIPPED_BUSINESSES / "telecom")
CUSTOMERS, TICKETS, USAGE = (TELECOM.source(name) for name in ("customers", "tickets", "usage"))
CONTACTS = TELECOM.source("retention_contacts")
Rows = dict[tuple[str, int], dict[str, Any]]


def read_rows(
    spark: "SparkSession", source: Source, landing: Path, months: Sequence[str] = ("2025-01",)
) -> Rows:
    """Bronze rows by file name (without its folder) and row number, `rescued` parsed."""
    files = list_extracts(str(landing), source, months)
    with TemporaryDirectory() as folder:
        frame = read_extracts(spark, source, files, folder)
        rows = [row.asDict() for row in frame.collect()]
        kinds = frame.schema.simpleString()
    assert kinds == spark.createDataFrame([], tables.bronze(source).ddl).schema.simpleString()
    for row in rows:
        row["rescued"] = json.loads(row["rescued"]) if row["rescued"] else None
    found = {(Path(row["source_file"]).name, row["row_number"]): row for row in rows}
    assert len(found) == len(rows), "two rows have the same file and row number"
    return found
