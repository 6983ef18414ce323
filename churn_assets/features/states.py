"""Features of spells and entities: the state of a version that was known at an as_of_date."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from churn_assets.contracts.feature import Feature
from churn_assets.contracts.source import Source
from churn_assets.history.knowledge import newest_rows, spell_of, states
from churn_assets.history.merges import own_key
from churn_assets.history.periods import MONTHS, Periods

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame


def _attribute(feature: Feature, column: "Column") -> "Column":
    return column.cast(feature.spark_type)


def spell_features(
    versions: "DataFrame",
    running: "DataFrame",
    source: Source,
    as_of_indexes: Sequence[int],
    features: Sequence[Feature],
    periods: Periods = MONTHS,
) -> "DataFrame":
    """Features of the running spell: customer_key, as_of_index, known_index (of its version), one column per feature.

    `running` holds the running spell per as_of month (as from `history.spells.running_spells`). A change over
    m months is the value now minus the value known m months earlier, null where none was known; the recency of a
    change counts the days since the new value became known, null where that is not within the feature's months.
    """
    from pyspark.sql import functions as F

    frame, key = running, own_key(source, running)
    named = dict(zip(source.silver_key, key, strict=True))
    for months in sorted({f.months for f in features if f.aggregate == "change" and f.months}):
        columns = sorted({str(f.column) for f in features if f.aggregate == "change" and f.months == months})
        earlier = states(versions, source, sorted({i - months for i in as_of_indexes}), periods).select(
            *source.silver_key,
            (F.col("as_of_index") + months).alias("as_of_index"),
            *(F.col(c).alias(f"_{months}_{c}") for c in columns),
        )
        frame = frame.join(earlier.withColumnsRenamed(named), [*key, "as_of_index"], "left")
    for column, months in sorted(
        {(str(f.column), f.months or 1) for f in features if f.aggregate == "change_recency"}
    ):
        changed = _last_change(versions, source, column, as_of_indexes, months, periods)
        frame = frame.join(changed.withColumnsRenamed(named), [*key, "as_of_index"], "left")

    def value(feature: Feature) -> "Column":
        now = F.col(str(feature.column)) if feature.column else F.lit(None)
        match feature.aggregate:
            case "attribute":
                return _attribute(feature, now)
            case "change":
                earlier = F.col(f"_{feature.months}_{feature.column}")
                if source.column(str(feature.column)).spark_type == "bigint":
                    # the difference of two may need more than 64 bits, and engines that wrap say nothing
                    now, earlier = now.cast("decimal(20,0)"), earlier.cast("decimal(20,0)")
                return (now - earlier).cast("double")
            case "change_recency":
                return F.datediff("as_of_date", F.col(f"_changed_{feature.column}")).cast("double")
            case "days_to_expiry":
                return F.datediff(str(spell_of(source).expires_on), "as_of_date").cast("double")
        raise ValueError(f"{feature.name}: spells have no aggregate {feature.aggregate}")

    return frame.select(
        "customer_key", "as_of_index", "known_index", *(value(f).alias(f.name) for f in features)
    )


def _last_change(
    versions: "DataFrame",
    source: Source,
    column: str,
    as_of_indexes: Sequence[int],
    months: int,
    periods: Periods,
) -> "DataFrame":
    """Key, as_of_index and the day on which the newest change of `column` in the last `months` became known."""
    from pyspark.sql import Window
    from pyspark.sql import functions as F

    key = list(source.silver_key)
    by_arrival = Window.partitionBy(*key).orderBy("known_at", "sequence")
    before = F.lag(column).over(by_arrival)
    changes = (
        versions.where("NOT refused")
        .withColumn("_changed", before.isNotNull() & (before != F.col(column)))
        .where("_changed")
    )
    known = periods.index_of(F.col("known_at"))
    cohorts = F.array(*(F.lit(i) for i in as_of_indexes))
    seen = changes.withColumn(
        "as_of_index", F.explode(F.filter(cohorts, lambda a: (a >= known) & (a - known < months)))
    )
    return seen.groupBy(*key, "as_of_index").agg(F.max("known_at").alias(f"_changed_{column}"))


def entity_features(
    versions: "DataFrame",
    source: Source,
    as_of_indexes: Sequence[int],
    features: Sequence[Feature],
    periods: Periods = MONTHS,
) -> "DataFrame":
    """Attributes of the customer: customer_key, as_of_index, known_index (of the newest row), and the features."""
    from pyspark.sql import functions as F

    # an entity source may list several rows for a customer (accounts); the newest speaks
    attributes = (_attribute(f, F.col(str(f.column))).alias(f.name) for f in features)
    values = [F.col("known_index"), *attributes]
    return newest_rows(
        states(versions, source, as_of_indexes, periods), ["customer_key", "as_of_index"], source, values
    )
