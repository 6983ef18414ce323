"""Monthly cells: events aggregated once to customer x event month x known month, from which every window follows.

A window of whole months ending at an as_of_date is a sum of cells, so each event is read once however many windows,
features and as_of dates there are; the last 7 or 14 days of a month are cells' columns of their own.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from churn_assets.contracts.feature import Feature
from churn_assets.contracts.source import Source
from churn_assets.history.knowledge import as_of_date_of, events_with_validity, from_to, index_of
from churn_assets.history.merges import counted_for_survivors

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

ALL_OF_HISTORY = frozenset({"tenure", "count_ever"})  # aggregates that no window ends
CELL = ("customer_key", "event_index", "known_index", "superseded_index")


@dataclass(frozen=True)
class Term:
    """One aggregate of a cell: over the whole event month, or over its last `days`."""

    aggregate: Literal["sum", "count", "values", "first", "last"]
    measure: str | None = None
    where: str | None = None
    days: int | None = None

    @property
    def name(self) -> str:
        """Column of the cell."""
        condition = "" if self.where is None else f"|{self.where}"
        return f"{self.aggregate}|{self.measure or ''}|{self.days or ''}{condition}".replace(
            ".", " "
        ).replace("`", " ")

    def column(self, day: "Column") -> "Column":
        """The aggregate over the events of a cell; `day` is the event's date."""
        from pyspark.sql import functions as F

        counts = F.expr(self.where) if self.where else F.lit(True)
        if self.days is not None:
            counts = counts & (F.datediff(F.last_day(day), day) < self.days)
        if self.aggregate == "count":
            return F.count_if(counts)
        if self.aggregate in ("first", "last"):
            chosen = F.when(counts, day)
            return F.min(chosen) if self.aggregate == "first" else F.max(chosen)
        value = F.when(counts, F.col(str(self.measure)).cast("double"))
        return F.sum(value) if self.aggregate == "sum" else F.count(value)


def terms_of(feature: Feature) -> list[Term]:
    """The cell columns that a feature is made of."""
    where, days = feature.where, feature.days
    match feature.aggregate:
        case "sum" | "trend":
            return [Term("sum", feature.measure, where, days)]
        case "mean":
            return [Term("sum", feature.measure, where, days), Term("values", feature.measure, where, days)]
        case "count" | "count_ever":
            return [Term("count", None, where, days)]
        case "share":
            return [Term("count", None, _and(where, feature)), Term("count", None, where)]
        case "recency":
            return [Term("last", None, where)]
        case "tenure":
            return [Term("first")]
    raise ValueError(f"{feature.name}: events have no aggregate {feature.aggregate}")


def _and(where: str | None, feature: Feature) -> str:
    value = str(feature.value).replace("'", "''")
    chosen = f"{feature.category} = '{value}'"
    return f"({where}) and {chosen}" if where else chosen


def reach_months(features: Iterable[Feature], observation_months: int) -> int | None:
    """How many months back the features look; None when they look at all of history."""
    return None if any(f.aggregate in ALL_OF_HISTORY for f in features) else observation_months


def monthly_cells(events: "DataFrame", source: Source, terms: Iterable[Term]) -> "DataFrame":
    """Silver versions of an event source -> cells with one column per term.

    A cell is customer_key x event_index x known_index x superseded_index (months; superseded null while newest).
    """
    from pyspark.sql import functions as F

    day = F.to_date(str(source.event_time))
    return (
        events_with_validity(events, source)
        .where("NOT refused")  # what they replaced no longer counts, either
        .withColumn("event_index", index_of(day))
        .groupBy(*CELL)
        .agg(*(t.column(day).alias(t.name) for t in terms))
    )


def features_from_cells(
    cells: "DataFrame",
    as_of_indexes: Sequence[int],
    features: Sequence[Feature],
    merged: "DataFrame | None" = None,
) -> "DataFrame":
    """customer_key, as_of_index, known_index and one column per feature, for every as_of month with a cell.

    known_index is the newest of the cells that were used: evidence that none was known too late. `merged`: whose cells
    count for whom, see `history.merges`.
    """
    from pyspark.sql import functions as F

    reach = reach_months(
        features, max((f.months or 1) * (2 if f.aggregate == "trend" else 1) for f in features)
    )
    first = F.greatest("known_index", "event_index")
    last = F.col("superseded_index") - 1
    if reach is not None:
        last = F.least(last, F.col("event_index") + (reach - 1))
    exploded = counted_for_survivors(from_to(cells, first, last, as_of_indexes), merged)
    return exploded.groupBy("customer_key", "as_of_index").agg(
        F.max("known_index").alias("known_index"), *(_feature(f).alias(f.name) for f in features)
    )


def _over(term: Term, first: int, last: int) -> "Column":
    """Sum of a term over the cells whose event month lies `first` to `last` months before the as_of month."""
    from pyspark.sql import functions as F

    # as text: put together in Python, each of dozens of windows would be twenty messages to the JVM
    inside = f"as_of_index - event_index BETWEEN {first} AND {last}"
    return F.expr(f"CAST(coalesce(sum(CASE WHEN {inside} THEN `{term.name}` END), 0) AS double)")


def _newest_day(term: Term, months: int) -> "Column":
    """The last day of a term over the cells of the last `months` months; null without any."""
    from pyspark.sql import functions as F

    return F.expr(f"max(CASE WHEN as_of_index - event_index < {months} THEN `{term.name}` END)")


def _feature(feature: Feature) -> "Column":
    from pyspark.sql import functions as F

    terms = terms_of(feature)
    if feature.aggregate in ("recency", "tenure"):
        first = F.min(f"`{terms[0].name}`")
        day = first if feature.aggregate == "tenure" else _newest_day(terms[0], feature.months or 1)
        return F.datediff(as_of_date_of(F.col("as_of_index")), day).cast("double")
    if feature.aggregate == "count_ever":
        return F.sum(f"`{terms[0].name}`").cast("double")
    months = feature.months or 1
    now = _over(terms[0], 0, months - 1)
    match feature.aggregate:
        case "mean" | "share":
            whole = _over(terms[1], 0, months - 1)
            return F.when(whole > 0, now / whole)
        case "trend":
            before = _over(terms[0], months, 2 * months - 1)
            known = (now >= 0) & (before >= 0) & (now + before > 0)
            return F.when(known, (now - before) / (now + before))
    return now
