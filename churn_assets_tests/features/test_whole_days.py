"""A spell whose dates are delivered with a time of day: every boundary stays where whole days have it."""

from dataclasses import replace
from datetime import date, datetime
from typing import TYPE_CHECKING

from churn_assets.contracts.business import Business
from churn_assets.contracts.loader import load_business
from churn_assets.features.labels import churn_labels, cohorts
from churn_assets.features.population import population
from churn_assets.gold.churn_events import churn_events
from churn_assets.months import month_end, month_index
from churn_assets.settings import SHIPPED_BUSINESSES
from churn_assets_tests.features.frames import by_key, silver

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

TELECOM = load_business(SHIPPED_BUSINESSES / "telecom")
SUBSCRIPTIONS = TELECOM.source("subscriptions")
DAYS = ("started_on", "expires_on", "notice_on", "ended_on")
TIMED = replace(
    TELECOM,
    sources=tuple(
        replace(
            s, columns=tuple(replace(c, spark_type="timestamp") if c.name in DAYS else c for c in s.columns)
        )
        for s in TELECOM.sources
    ),
)
# who, started, notice, ended; as_of 31 January, gap to 7 February, outcome window to 9 March
FACTS: list[tuple[str, str, str | None, str | None]] = [
    ("runs on", "2024-01-01", None, None),
    ("starts on the as_of_date", "2025-01-31", None, None),
    ("gives notice on the as_of_date", "2024-01-01", "2025-01-31", None),
    ("ends on the as_of_date", "2024-01-01", None, "2025-01-31"),
    ("ends on the last day of the gap", "2024-01-01", None, "2025-02-07"),
    ("ends on the last day of the window", "2024-01-01", None, "2025-03-09"),
    ("comes back on the last renewal day", "2024-01-01", None, "2025-02-20"),
    ("comes back on the last renewal day", "2025-02-23", None, None),
]


def _versions(spark: "SparkSession", business: Business, known: date) -> "DataFrame":
    """FACTS as silver has them: days, or 10:00 of them; starts at 18:00."""
    timed = business is TIMED

    def at(text: str | None, hour: int = 10) -> date | None:
        if text is None:
            return None
        return datetime.fromisoformat(f"{text}T{hour}:00:00") if timed else date.fromisoformat(text)

    rows = [
        (known, f"{i}", who, at(start, 18), None, at(notice), at(end), end and "price")
        for i, (who, start, notice, end) in enumerate(FACTS)
    ]
    days = ", ".join(f"{name} {'timestamp' if timed else 'date'}" for name in DAYS)
    schema = f"subscription_id string, customer_key string, {days}, end_reason string"
    return silver(spark, SUBSCRIPTIONS, schema, rows)


def test_labels_and_population_are_those_of_the_days(spark: "SparkSession") -> None:
    told = []
    for business in (TELECOM, TIMED):
        later = _versions(spark, business, date(2025, 3, 12))
        people = spark.createDataFrame(
            [(who, date(2025, 1, 31)) for who in {f[0] for f in FACTS}],
            "customer_key string, as_of_date date",
        )
        dates = cohorts([month_end("2025-01")], business.file.windows, [date(2025, 3, 12)])
        labels = by_key(churn_labels(people, later, business, dates, None), "customer_key")
        known = _versions(spark, business, date(2025, 1, 31))
        present = by_key(population(known, business, [month_index("2025-01")]), "customer_key")
        ended = by_key(churn_events({"subscriptions": later}, business, date(2025, 3, 9)), "customer_key")
        told.append(
            (
                {who: (row["outcome"], row["ended_on"]) for who, row in labels.items()},
                {who: (row["excluded"], row["tenure_days"]) for who, row in present.items()},
                {who: (row["started_on"], row["ended_on"]) for who, row in ended.items()},
            )
        )
    assert told[0][0]["ends on the last day of the window",][0] == "churned"
    assert told[0][1]["ends on the as_of_date",][0] == "not_active"
    assert told[1] == told[0]
