"""gold/retention_cohorts from hand-written silver: who joined in a month, and who of them is still there."""

from typing import TYPE_CHECKING

import pytest

from churn_assets.contracts.business import Business
from churn_assets.gold.month_states import UNITS
from churn_assets.gold.rate_checks import judge_cohorts
from churn_assets.gold.retention_cohorts import cohort_rows, joined_customers
from churn_assets.graph.checks import CheckFailed
from churn_assets.months import month_index
from churn_assets_tests.gold.rates_example import EXAMPLE, MONTHS, SETTLED, counted, frames
from churn_assets_tests.gold.versions import REFUSED, spell_row

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def test_the_triangle_counts_who_joined_and_who_is_still_there(
    spark: "SparkSession", business: Business
) -> None:
    silver = frames(spark, business, subscriptions=EXAMPLE)
    told, states = counted(silver, business, moves=False)
    sizes, cells = (
        f.toArrow().to_pylist() for f in joined_customers(states, told, [month_index(m) for m in MONTHS])
    )
    rows = cohort_rows(sizes, cells, SETTLED, has_revenue=True)
    names = (
        "joined_month",
        "months_since",
        "joined",
        "customers",
        "unknown",
        "retention",
        "revenue",
        "revenue_retention",
    )
    assert [tuple(row[name] for name in names) for row in rows] == [
        ("2025-02", 0, 2, 1, 0, 0.5, 20.0, 1.0),
        ("2025-02", 1, 2, 1, 0, 0.5, 20.0, 1.0),
    ]
    assert judge_cohorts(rows)[0].passed
    with pytest.raises(CheckFailed, match="first in 2025-02"):
        judge_cohorts([rows[0] | {"unknown": 2}])


def test_the_triangle_compares_the_revenue_of_those_who_were_known_when_they_joined(
    spark: "SparkSession", business: Business
) -> None:
    """Three join in February. The newest row of a is refused then, and that of b in March, when a has another one."""
    told = [
        *((who, "2025-02-10", spell_row(n, "2025-02-05")) for n, who in enumerate("abc")),
        ("a", "2025-02-20", {**spell_row(0, "2025-02-05"), REFUSED: True}),
        ("a", "2025-03-20", spell_row(3, "2025-03-10")),
        ("b", "2025-03-20", {**spell_row(1, "2025-02-05"), REFUSED: True}),
    ]
    from pyspark.sql import functions as F

    starts, states = counted(frames(spark, business, subscriptions=told), business, moves=False)
    priced = states.select("customer_key", "as_of_index").withColumn("revenue", F.lit(10 * UNITS))
    priced = states.drop("revenue").join(priced, ["customer_key", "as_of_index"])
    for frame in (states, priced.withColumn("whole", F.lit(True))):
        sizes, cells = (
            f.toArrow().to_pylist() for f in joined_customers(frame, starts, [month_index(m) for m in MONTHS])
        )
        february, march = cohort_rows(sizes, cells, SETTLED, has_revenue=True)
        assert (february["unknown"], february["revenue"], february["revenue_retention"]) == (1, 20, 1)
        assert (march["unknown"], march["revenue"], march["revenue_retention"]) == (1, 10, 1)
