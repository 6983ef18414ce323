"""Versions of rows in silver, for the tables of gold."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from churn_assets.contracts.source import Source

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession


Version = tuple[str, str, Mapping[str, Any]]  # customer_key, known_at, columns
REFUSED = "refused"  # in the columns of a refused version


def versions_of(spark: "SparkSession", source: Source, versions: Sequence[Version]) -> "DataFrame":
    """Silver versions from text; the last of a key in a month is `latest_in_month`, sequences count in list order."""
    columns = {c.name: c.spark_type for c in source.attributes}
    rows = []
    for position, (key, known_at, values) in enumerate(versions):
        month = known_at[:7]
        names = [n for n in source.key if n != source.customer]
        later = any(
            k == key and at[:7] == month and all(v.get(n) == values.get(n) for n in names)
            for k, at, v in versions[position + 1 :]
        )
        texts = [None if values.get(n) is None else str(values[n]) for n in columns]
        rows.append((key, *texts, known_at, position + 1, not later, 1, bool(values.get(REFUSED)), month))
    named = ", ".join(f"`{n}` string" for n in ["customer_key", *columns, "known_at"])
    schema = (
        f"{named}, sequence int, latest_in_month boolean, copies int, refused boolean, extract_month string"
    )
    frame = spark.createDataFrame(rows, schema).coalesce(1)
    typed = [f"cast(`{n}` as {t}) as `{n}`" for n, t in columns.items()]
    kept = ["sequence", "latest_in_month", "copies", "refused", "extract_month"]
    return frame.selectExpr("customer_key", *typed, "cast(known_at as date) as known_at", *kept)


def spell_row(number: int, started: str, **values: object) -> dict[str, object]:
    """A subscription."""
    base = {"subscription_id": f"S{number}", "plan": "basic", "contract_months": 0, "monthly_price": "10.00"}
    return base | {"started_on": started} | values


def ticket_row(number: int, opened: str, **values: object) -> dict[str, object]:
    """A ticket."""
    return {"ticket_id": f"T{number}", "opened_at": f"{opened} 10:00:00", "category": "billing"} | values
