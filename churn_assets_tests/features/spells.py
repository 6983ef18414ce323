"""Versions of the telecom business's subscriptions, and the labels that they give."""

from datetime import date, timedelta
from typing import TYPE_CHECKING

from churn_assets.contracts.business import Business
from churn_assets.contracts.loader import load_business
from churn_assets.features.labels import churn_labels, cohorts
from churn_assets.months import month_end
from churn_assets.settings import SHIPPED_BUSINESSES
from churn_assets_tests.features.frames import REFUSED, by_key, day, silver

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession


TELECOM = load_business(SHIPPED_BUSINESSES / "telecom")
SOURCE = TELECOM.source("subscriptions")
SCHEMA = (
    "subscription_id string, customer_key string, started_on date, expires_on date, "
    "ended_on date, end_reason string"
)
# as_of 31 January: gap to 7 February, outcome window to 9 March, settled on 12 March
AS_OF = date(2025, 1, 31)
Version = tuple[date, str, str, date | None, date | None, date | None, str | None, str]


def version(
    known: str,
    who: str,
    ended: str | None = None,
    reason: str | None = None,
    *,
    started: str = "2024-01-01",
    expires: str | None = None,
    spell: str = "1",
) -> Version:
    """A delivered version of a subscription."""
    dates = [day(d) if d else None for d in (expires, ended)]
    return (day(known), f"S {who} {spell}", who, day(started), dates[0], dates[1], reason, "accepted")


def refused(known: str, who: str, spell: str = "1") -> Version:
    """A version of a subscription whose row was refused."""
    return (day(known), f"S {who} {spell}", who, None, None, None, None, REFUSED)


def daily_until(last: date) -> list[date]:
    """Extracts of every day of a year."""
    return [last - timedelta(days=back) for back in range(365)]


def labels(
    spark: "SparkSession",
    business: Business,
    versions: list[Version],
    known_until: str = "03-31",
    settled: "DataFrame | None" = None,
    months: tuple[str, ...] = ("2025-01",),
) -> "DataFrame":
    """Labels of everybody in `versions` at the ends of `months`."""
    people = sorted({(v[2], month_end(m)) for v in versions for m in months})
    snapshots = spark.createDataFrame(people, "customer_key string, as_of_date date")
    dates = cohorts(map(month_end, months), business.file.windows, daily_until(day(known_until)))
    return churn_labels(snapshots, silver(spark, SOURCE, SCHEMA, versions), business, dates, settled)


def named(cases: dict[str, tuple[list[Version], str]]) -> list[Version]:
    """The versions of all cases, each case a customer of its own."""
    return [(v[0], f"{v[1]} {name}", name, *v[3:]) for name, (versions, _) in cases.items() for v in versions]


def outcomes_of(frame: "DataFrame") -> dict[str, str]:
    """The outcome of each customer."""
    return {key[0]: row["outcome"] for key, row in by_key(frame, "customer_key").items()}
