"""Asks the engine for whom the condition of an SQL rule became true."""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import TYPE_CHECKING

from churn_assets.contracts.alerts import AlertRule

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


REMEDY = "Write a condition, such as `tickets_open_count_3m >= 3`, under alerts.rules of churn.yaml."


class NoCondition(RuntimeError):
    """The SQL of a rule is neither true nor false, or cannot be read; the message names the rule and the remedy.

    Attributes:
        found: what is wrong.
    """

    def __init__(self, found: str) -> None:
        self.found = found
        super().__init__(f"{found} {REMEDY}")


def became_true(
    snapshots: "DataFrame", rules: Sequence[AlertRule], day: date, before: date
) -> dict[str, dict[str, date]]:
    """Name of each SQL rule -> customers for whom it became true, each with the day on which it was false.

    It became true if it is true as of `day` and was false when it was known last, as of `before` or earlier. Of a
    condition over something unknown nothing is known: a customer for whom it was never known to be false has not
    changed, nor has one without a former snapshot.

    Args:
        snapshots: rows of features/current_snapshot, at least of both days.
        rules: any; those without SQL are left out.
        day: the as_of_date.
        before: the last day to compare with.

    Raises:
        NoCondition: the SQL of a rule gives another type than a truth value, or the engine cannot read it.
    """
    from pyspark.errors import AnalysisException, UnsupportedOperationException
    from pyspark.sql import functions as F

    asked = [rule for rule in rules if rule.sql is not None]
    if not asked:
        return {}
    try:
        told = snapshots.select(
            "customer_key", "as_of_date", *(F.expr(str(rule.sql)).alias(rule.name) for rule in asked)
        )
        kinds = {field.name: field.dataType.simpleString() for field in told.schema.fields}
    except (AnalysisException, UnsupportedOperationException) as error:  # the second one: Sail
        named = "; ".join(f"{rule.name}: {rule.sql}" for rule in asked)
        said = str(error).splitlines()[0]
        raise NoCondition(f"The engine cannot read the SQL of the rules ({named}): {said}.") from None
    if wrong := [rule for rule in asked if kinds[rule.name] != "boolean"]:
        named = "; ".join(f"{rule.name}: {rule.sql} gives {kinds[rule.name]}" for rule in wrong)
        raise NoCondition(f"The SQL of a rule must be true or false ({named}).")
    now = [
        F.bool_or(F.col(r.name) & (F.col("as_of_date") == F.lit(day))).alias(f"{r.name}_now") for r in asked
    ]
    number = (
        F.datediff("as_of_date", F.lit(before)) * 2
    )  # the last bit is the truth value; unknown where it is
    then = [
        F.max(F.when(F.col("as_of_date") <= F.lit(before), number + F.col(r.name).cast("int"))).alias(
            f"{r.name}_then"
        )
        for r in asked
    ]
    rows = told.groupBy("customer_key").agg(*now, *then).toArrow().to_pylist()
    found: dict[str, dict[str, date]] = {rule.name: {} for rule in asked}
    for row in rows:
        for name, customers in found.items():
            last = row[f"{name}_then"]
            if row[f"{name}_now"] and last is not None and last % 2 == 0:
                customers[row["customer_key"]] = before + timedelta(days=last // 2)
    return found
