"""gold/retention_cohorts: of those who joined in a month, who is there some months later, and their revenue."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any, NamedTuple

from churn_assets.gold.month_states import UNITS
from churn_assets.history.periods import MONTHS
from churn_assets.months import month_from_index, month_index

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


class Joined(NamedTuple):
    """The triangle before it is laid out.

    Attributes:
        sizes: joined_index and customers who joined.
        cells: joined_index, as_of_index, known, customers, the revenue of those whose revenue is known now and was when
            they joined, and the revenue_unknown in the month of joining of those whose revenue is not known now.
    """

    sizes: "DataFrame"
    cells: "DataFrame"


def joined_customers(states: "DataFrame", told: "DataFrame", indexes: Sequence[int]) -> Joined:
    """Counts the customers who joined in these months. `states`: see `month_states`; `told`: see `stays`."""
    from pyspark.sql import functions as F

    inside = F.col("joined_index").between(min(indexes), max(indexes))
    people = told.groupBy("customer_key").agg(MONTHS.index_of(F.min("started")).alias("joined_index"))
    sizes = people.where(inside).groupBy("joined_index").agg(F.count("customer_key").alias("customers"))
    cohort = states.where(inside & (F.col("as_of_index") >= F.col("joined_index")))
    whole = F.col("known") & F.col("whole")
    first = cohort.where((F.col("as_of_index") == F.col("joined_index")) & whole)
    # nobody knows what the others paid when they joined, so there is nothing to compare
    at_first = first.select("customer_key", F.col("revenue").alias("revenue_joined"))
    compared = whole & F.col("revenue_joined").isNotNull()
    cells = (
        cohort.join(at_first, "customer_key", "left")
        .groupBy("joined_index", "as_of_index", "known")
        .agg(
            F.count("customer_key").alias("customers"),
            F.sum(F.when(compared, F.col("revenue")).otherwise(0)).alias("revenue"),
            F.sum(F.when(~whole, F.coalesce("revenue_joined", F.lit(0))).otherwise(0)).alias(
                "revenue_unknown"
            ),
        )
    )
    return Joined(sizes, cells)


def cohort_rows(
    sizes: Iterable[Mapping[str, Any]],
    cells: Iterable[Mapping[str, Any]],
    settled: Mapping[str, date],
    has_revenue: bool,
) -> list[dict[str, Any]]:
    """Rows of gold/retention_cohorts, sorted: each month of joining and each settled month from it on.

    `settled`: month -> the day on which it settled. A month in which nobody joined has no rows.
    """
    found = {(c["joined_index"], c["as_of_index"], c["known"]): c for c in cells}
    nobody = {"customers": 0, "revenue": 0, "revenue_unknown": 0}
    rows = []
    for size in sorted(sizes, key=lambda s: int(s["joined_index"])):
        joined = size["joined_index"]
        first = found.get((joined, joined, True), nobody)["revenue"]
        for month in (m for m in sorted(settled) if month_index(m) >= joined):
            index = month_index(month)
            there, unknown = (found.get((joined, index, known), nobody) for known in (True, False))
            told = size["customers"] - unknown["customers"]
            earned = first - unknown["revenue_unknown"] - there["revenue_unknown"]
            row = {
                "joined_month": month_from_index(joined),
                "months_since": index - joined,
                "month": month,
                "settled_on": settled[month],
                "joined": size["customers"],
                "customers": there["customers"],
                "unknown": unknown["customers"],
                "retention": there["customers"] / told if told else None,
            }
            if has_revenue:
                row |= {
                    "revenue_joined": first / UNITS,
                    "revenue": there["revenue"] / UNITS,
                    "revenue_retention": there["revenue"] / earned if earned > 0 else None,
                }
            rows.append(row)
    return rows
