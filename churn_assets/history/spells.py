"""Spells as they were known at an as_of_date: when they end, by whose choice, and which one runs."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from churn_assets.contracts.business import Business
from churn_assets.contracts.label import LabelRule
from churn_assets.contracts.source import Source
from churn_assets.history.knowledge import spell_of, states
from churn_assets.history.merges import counted_for_survivors, own_key
from churn_assets.history.periods import MONTHS, Periods
from churn_assets.history.presence import NO_EXTRACTS, Extracts, gone_on

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
    versions: "DataFrame",
    business: Business,
    source: Source,
    as_of_indexes: Sequence[int],
    extracts: Extracts = NO_EXTRACTS,
    merged: "DataFrame | None" = None,
    keep: bool = False,
    periods: Periods = MONTHS,
) -> "DataFrame":
    """Each customer's spell at each as_of date as known then: the running one that started last, else the last one.

    Adds `running`, `in_notice` (all running spells of the customer are), `tenure_days` (since the customer's first
    spell), `unknown` (none is known to run, and the newest version of one was refused) and `vanished` (none is known
    to run, and one is gone from the extracts without an end). A spell whose last day is the as_of_date is over; one
    whose end lies ahead but is known is in notice. Without `extracts` no spell is gone. `merged` and `keep` say whose
    spells count for whom, see `merges.counted_for_survivors`.
    """
    from pyspark.sql import Window
    from pyspark.sql import functions as F

    spell, end = spell_of(source), effective_end(business.file.label, source)
    started = F.to_date(spell.started_on)
    of_customer = Window.partitionBy("customer_key", "as_of_index")
    notice = F.to_date(spell.notice_on) <= F.col("as_of_date") if spell.notice_on else F.lit(False)
    in_notice = F.coalesce(notice, F.lit(False)) | F.col(spell.ended_on).isNotNull()
    none_runs = ~F.bool_or("running").over(of_customer)
    given_up = F.when(F.col("running"), in_notice)  # of the others nothing is to be said
    known = counted_for_survivors(states(versions, source, as_of_indexes, periods), merged, keep=keep)
    return (
        known.where((started <= F.col("as_of_date")) | F.col("refused"))
        .withColumn("_open", F.col("refused") | F.coalesce(end > F.col("as_of_date"), F.lit(True)))
        # a spell whose end was told needs no row any more
        .withColumn(
            "_gone",
            end.isNull() & F.coalesce(gone_on(source, extracts) <= F.col("as_of_date"), F.lit(False)),
        )
        .withColumn("running", F.col("_open") & ~F.col("refused") & ~F.col("_gone"))
        .withColumn("unknown", none_runs & F.bool_or(F.col("refused") & ~F.col("_gone")).over(of_customer))
        .withColumn("vanished", none_runs & F.bool_or(F.col("_open") & F.col("_gone")).over(of_customer))
        .withColumn("in_notice", F.coalesce(F.bool_and(given_up).over(of_customer), F.lit(False)))
        .withColumn("tenure_days", F.datediff("as_of_date", F.min(started).over(of_customer)).cast("double"))
        .withColumn(
            "_rank",
            F.row_number().over(
                of_customer.orderBy(F.desc("running"), F.desc_nulls_last(started), *own_key(source, known))
            ),
        )
        .where("_rank = 1")
        .drop("_rank", "_open", "_gone")
    )
