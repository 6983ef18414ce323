"""gold/churn_events: every ending, its kind and its dates."""

from collections.abc import Mapping
from datetime import date
from typing import TYPE_CHECKING

from churn_assets.contracts.business import Business
from churn_assets.history.knowledge import latest
from churn_assets.history.merges import counted_for_survivors, merges
from churn_assets.history.spells import by_choice, effective_end

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


def churn_events(silver: Mapping[str, "DataFrame"], business: Business, known_until: date) -> "DataFrame":
    """One row per spell that ended, or per customer who fell silent; with today's knowledge.

    Kinds: `voluntary` (by choice, as labels have it), `involuntary`, `lapse` (expired, not ended, policy lapse only),
    `inactivity` (no event that counts for the outcome window; ended_on is the day on which that became true).
    `known_until` is the newest extract_date. `silver` holds the label source and the entities that tell of merges.
    Spells and events of merged customers count for their survivors.
    """
    from pyspark.sql import functions as F

    source, rule = business.label_source, business.file.label
    merged = merges(silver, business, [(known_until, date.max)])
    rows = counted_for_survivors(latest(silver[source.name], source), merged, by=None).where("NOT refused")
    no_reason, no_day = F.lit(None).cast("string"), F.lit(None).cast("date")
    if source.spell is None:
        silence = business.file.windows.outcome_days
        day = F.to_date(str(source.event_time))
        counted = rows.where(rule.where) if rule.where else rows
        seen = counted.groupBy("customer_key").agg(
            F.min(day).alias("started_on"), F.max(day).alias("last_on")
        )
        ended = F.date_add("last_on", silence)
        return seen.where(ended <= F.lit(known_until)).select(
            "customer_key",
            F.lit(source.name).alias("source"),
            F.lit("inactivity").alias("kind"),
            no_reason.alias("reason"),
            "started_on",
            no_day.alias("notice_on"),
            ended.alias("ended_on"),
            F.datediff(ended, "started_on").cast("int").alias("tenure_days"),
        )
    spell = source.spell
    ended = effective_end(rule, source)
    reason = F.col(spell.end_reason) if spell.end_reason else no_reason
    kind = (
        F.when(F.col(spell.ended_on).isNull(), F.lit("lapse"))
        .when(by_choice(rule, source), F.lit("voluntary"))
        .otherwise(F.lit("involuntary"))
    )
    return rows.where(ended <= F.lit(known_until)).select(
        "customer_key",
        F.lit(source.name).alias("source"),
        kind.alias("kind"),
        reason.alias("reason"),
        F.to_date(spell.started_on).alias("started_on"),
        (F.to_date(spell.notice_on) if spell.notice_on else no_day).alias("notice_on"),
        ended.alias("ended_on"),
        F.datediff(ended, spell.started_on).cast("int").alias("tenure_days"),
    )
