"""Asks the engine for whom the condition of an SQL rule became true."""

from collections.abc import Sequence, Set
from datetime import date
from typing import TYPE_CHECKING

from churn_assets.contracts.alerts import AlertRule

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


def became_true(
    snapshots: "DataFrame", rules: Sequence[AlertRule], day: date, before: date
) -> dict[str, Set[str]]:
    """Name of each SQL rule -> customers for whom it is true as of `day` and was not as of `before`.

    Only customers with a snapshot of both days count. A condition over something unknown is not true.

    Args:
        snapshots: rows of features/current_snapshot, at least of both days.
        rules: any; those without SQL are left out.
        day: the as_of_date.
        before: the one to compare with.
    """
    from pyspark.sql import functions as F

    asked = [rule for rule in rules if rule.sql is not None]
    if not asked:
        return {}
    true = [F.coalesce(F.expr(str(rule.sql)), F.lit(False)).alias(rule.name) for rule in asked]
    told = snapshots.where(F.col("as_of_date").isin(day, before)).select("customer_key", "as_of_date", *true)
    both = told.groupBy("customer_key").agg(
        F.count(F.lit(1)).alias("_days"),
        *(
            F.bool_or(F.col(rule.name) & (F.col("as_of_date") == F.lit(day))).alias(f"{rule.name}_now")
            for rule in asked
        ),
        *(
            F.bool_or(F.col(rule.name) & (F.col("as_of_date") == F.lit(before))).alias(f"{rule.name}_before")
            for rule in asked
        ),
    )
    new = [(F.col(f"{r.name}_now") & ~F.col(f"{r.name}_before")).alias(r.name) for r in asked]
    rows = both.where("_days = 2").select("customer_key", *new).toArrow()
    keys = rows["customer_key"]
    return {rule.name: frozenset(keys.filter(rows[rule.name]).to_pylist()) for rule in asked}
