"""Who gets a snapshot at an as_of_date, and why others do not."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from churn_assets.contracts.business import Business
from churn_assets.contracts.eligibility import Eligibility
from churn_assets.features.cells import Term, monthly_cells
from churn_assets.history.knowledge import as_of_date_of, at_each
from churn_assets.history.spells import running_spells

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


def _with_exclusion(people: "DataFrame", rule: Eligibility) -> "DataFrame":
    from pyspark.sql import functions as F

    excluded = F.when(F.col("unknown"), F.lit("unknown")).when(~F.col("running"), F.lit("not_active"))
    if rule.exclude_in_notice:
        excluded = excluded.when(F.col("in_notice"), F.lit("in_notice"))
    excluded = excluded.when(F.col("tenure_days") < rule.min_tenure_days, F.lit("short_tenure"))
    return people.withColumn("excluded", excluded)


def population(versions: "DataFrame", business: Business, as_of_indexes: Sequence[int]) -> "DataFrame":
    """Every customer known at each as_of month: customer_key, as_of_index, as_of_date, tenure_days, known_index (of the
    newest row that was looked at), `excluded` (null = eligible).

    With a spell label source the spell's own columns are kept too. With an event source everybody with an event that
    meets the label's `where` is active, since churn is then the absence of further ones; or with one in the last
    `active_within_days`.
    """
    from pyspark.sql import functions as F

    source, rule = business.label_source, business.file.eligibility
    if source.role == "spell":
        return _with_exclusion(running_spells(versions, business, source, as_of_indexes), rule)
    where = business.file.label.where
    first, last = Term("first", where=where), Term("last", where=where)
    cells = monthly_cells(versions, source, [first, last])
    known = at_each(cells, as_of_indexes)
    silent_days = F.datediff("as_of_date", "_last")
    running = F.lit(True) if rule.active_within_days is None else silent_days < rule.active_within_days
    people = (
        known.groupBy("customer_key", "as_of_index")
        .agg(
            F.min(f"`{first.name}`").alias("_first"),
            F.max(f"`{last.name}`").alias("_last"),
            F.max("known_index").alias("known_index"),
        )
        .where("_first IS NOT NULL")
        .withColumn("as_of_date", as_of_date_of(F.col("as_of_index")))
        .withColumn("tenure_days", F.datediff("as_of_date", "_first").cast("double"))
        .withColumn("running", running)
        .withColumn("in_notice", F.lit(False))
        .withColumn("unknown", F.lit(False))
        .drop("_first", "_last")
    )
    return _with_exclusion(people, rule)
