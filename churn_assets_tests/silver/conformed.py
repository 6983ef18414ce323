"""Delivered rows as silver conforms them, in one Spark job."""

import json
from datetime import date
from typing import TYPE_CHECKING, Any

from churn_assets.contracts.loader import load_business
from churn_assets.contracts.source import Source
from churn_assets.lakehouse import tables
from churn_assets.settings import SHIPPED_BUSINESSES
from churn_assets.silver.conform import conform, refused_rows

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


TELECOM = load_business(SHIPPED_BUSINESSES / "telecom")
SUBSCRIPTIONS = TELECOM.source("subscriptions")
EXTRACTED = date(2025, 3, 7)
Conformed = dict[str, dict[str, Any]]


def conformed_rows(spark: "SparkSession", source: Source, cases: dict[str, dict[str, Any]]) -> Conformed:
    """One Spark job for all cases; the file name of a row tells its case. Adds `raw_row` of refused rows."""
    rows = []
    for number, (case, values) in enumerate(cases.items(), start=1):
        row = dict.fromkeys(source.fields) | {"rescued": None, "extract_date": EXTRACTED}
        rows.append(row | {"source_file": case, "row_number": number, "extract_month": "2025-03"} | values)
    schema = tables.bronze(source).ddl
    names = spark.createDataFrame([], schema).columns
    bronze = spark.createDataFrame([tuple(row[n] for n in names) for row in rows], schema).coalesce(1)
    conformed = conform(bronze, source).persist()
    found = {row["source_file"]: row.asDict() for row in conformed.collect()}
    assert set(found) == set(cases), "conform neither loses nor adds rows"
    for refused in refused_rows(conformed, source).collect():
        found[refused["source_file"]] |= {"raw_row": json.loads(refused["raw_row"]), "rule": refused["rule"]}
    conformed.unpersist()
    return found


GOOD = {
    "subscription_id": "S1",
    "customer_id": "C1",
    "plan": "basic",
    "contract_months": "12",
    "monthly_price": "19.90",
    "started_on": "2025-01-02",
}
