"""Who gets a snapshot at an as_of_date, and why others do not."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from churn_assets.contracts.business import Business
from churn_assets.contracts.outcome import Eligibility, LabelRule
from churn_assets.contracts.source import Source
from churn_assets.features.cells import Term, monthly_cells
from churn_assets.features.knowledge import as_of_date_of, at_each, spell_of
from churn_assets.features.states import states

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame


def effective_end(label: LabelRule, source: Source) -> "Column":
    """The day a spell stops counting: its end, or for the policy `lapse` also its expiry."""
    from pyspark.sql import functions as F

    spell = spell_of(source)
    if label.policy == "lapse" and spell.expires_on:
        return F.to_date(F.coalesce(spell.ended_on, spell.expires_on))
    return F.to_date(spell.ended_on)


def by_choice(label: LabelRule, source: Source) -> "Column":
    """Whether a spell that ended did so by the customer's choice, never null. A contract without endReason knows no
    other ends; an end without a reason is one by choice only for the policy `lapse`, and so is an expiry.
    """
    from pyspark.sql import functions as F

    spell = spell_of(source)
    voluntary = F.col(spell.end_reason).isin(*spell.voluntary_reasons) if spell.end_reason else F.lit(True)
    if label.policy == "lapse":
        return F.col(spell.ended_on).isNull() | F.coalesce(voluntary, F.lit(True))
    return F.coalesce(voluntary, F.lit(False))


def running_spells(
    versions: "DataFrame", business: Business, source: Source, as_of_indexes: Sequence[int]
) -> "DataFrame":
    """Each customer's spell at each as_of month as known then: the running one that started last, else the last one.

    Adds `running`, `in_notice` (all running spells of the customer are) and `tenure_days` (since the customer's first
    spell). A spell whose last day is the as_of_date is over; one whose end lies ahead but is known is in notice.
    """
    from pyspark.sql import Window
    from pyspark.sql import functions as F

    spell, end = spell_of(source), effective_end(business.file.label, source)
    started = F.to_date(spell.started_on)
    of_customer = Window.partitionBy("customer_key", "as_of_index")
    notice = F.to_date(spell.notice_on) <= F.col("as_of_date") if spell.notice_on else F.lit(False)
    in_notice = F.coalesce(notice, F.lit(False)) | F.col(spell.ended_on).isNotNull()
    given_up = F.when(F.col("running"), in_notice)  # of the others nothing is to be said
    return (
        states(versions, source, as_of_indexes)
        .where(started <= F.col("as_of_date"))
        .withColumn("running", F.coalesce(end > F.col("as_of_date"), F.lit(True)))
        .withColumn("in_notice", F.coalesce(F.bool_and(given_up).over(of_customer), F.lit(False)))
        .withColumn("tenure_days", F.datediff("as_of_date", F.min(started).over(of_customer)).cast("double"))
        .withColumn(
            "_rank",
            F.row_number().over(of_customer.orderBy(F.desc("running"), F.desc(started), *source.silver_key)),
        )
        .where("_rank = 1")
        .drop("_rank")
    )


def _with_exclusion(people: "DataFrame", rule: Eligibility) -> "DataFrame":
    from pyspark.sql import functions as F

    excluded = F.when(~F.col("running"), F.lit("not_active"))
    if rule.exclude_in_notice:
        excluded = excluded.when(F.col("in_notice"), F.lit("in_notice"))
    excluded = excluded.when(F.col("tenure_days") < rule.min_tenure_days, F.lit("short_tenure"))
    return people.withColumn("excluded", excluded)


def population(versions: "DataFrame", business: Business, as_of_indexes: Sequence[int]) -> "DataFrame":
    """Every customer known at each as_of month: customer_key, as_of_index, as_of_date, tenure_days, known_index (of the
    newest row that was looked at), `excluded` (null = eligible).

    With a spell label source the spell's own columns are kept too. With an event source everybody with an event is
    active, since churn is then the absence of further ones; or with one in the last `active_within_days`.
    """
    from pyspark.sql import functions as F

    source, rule = business.label_source, business.file.eligibility
    if source.role == "spell":
        return _with_exclusion(running_spells(versions, business, source, as_of_indexes), rule)
    first, last = Term("first"), Term("last")
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
        .withColumn("as_of_date", as_of_date_of(F.col("as_of_index")))
        .withColumn("tenure_days", F.datediff("as_of_date", "_first").cast("double"))
        .withColumn("running", running)
        .withColumn("in_notice", F.lit(False))
        .drop("_first", "_last")
    )
    return _with_exclusion(people, rule)
