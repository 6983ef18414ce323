"""Which version of a key is known, and when."""

from typing import TYPE_CHECKING

from churn_assets.contracts.loader import load_business
from churn_assets.history.knowledge import known_at_each, latest
from churn_assets.settings import SHIPPED_BUSINESSES

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

CONTACTS = load_business(SHIPPED_BUSINESSES / "telecom").source("retention_contacts")
ROWS = [
    ("a", "2025-01-07", 1, "old"),
    ("a", "2025-01-07", 2, "same day, later"),
    ("b", "2025-02-07", 1, "newest"),
    ("b", "2025-01-31", 9, "before"),
]
COLUMNS = "contact_id string, known_at string, sequence int, offer string"


def test_the_newest_version_is_what_is_known_today(spark: "SparkSession") -> None:
    frame = spark.createDataFrame(ROWS, COLUMNS)
    found = {r["contact_id"]: r["offer"] for r in latest(frame, CONTACTS).collect()}
    assert found == {"a": "same day, later", "b": "newest"}


def test_a_cohort_knows_the_newest_version_of_its_day(spark: "SparkSession") -> None:
    frame = spark.createDataFrame(ROWS, COLUMNS)
    cohorts = spark.createDataFrame(
        [("december", "2025-01-06"), ("january", "2025-01-31"), ("february", "2025-02-28")],
        "as_of_date string, known_by string",
    )
    found = known_at_each(frame, CONTACTS, cohorts, "known_by").collect()
    assert {(r["as_of_date"], r["contact_id"]): r["offer"] for r in found} == {
        ("january", "a"): "same day, later",
        ("january", "b"): "before",
        ("february", "a"): "same day, later",
        ("february", "b"): "newest",
    }
