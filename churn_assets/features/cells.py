"""Monthly cells: events aggregated once to customer x event month x known month, from which every window follows.

A window of whole months ending at an as_of_date is a sum of cells, so each event is read once however many windows,
features and as_of dates there are; the last 7 or 14 days of a month are cells' columns of their own. Where as_of dates
are not month ends, the months of the cells are `Periods` that end on their day.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from churn_assets.contracts.feature import Feature
from churn_assets.contracts.source import Source
from churn_assets.history.exact_sums import cut, parts, total
from churn_assets.history.knowledge import events_with_validity, from_to
from churn_assets.history.merges import counted_for_survivors
from churn_assets.history.periods import MONTHS, Periods

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

ALL_OF_HISTORY = frozenset({"tenure", "count_ever"})  # aggregates that no window ends
CELL = ("customer_key", "event_index", "known_index", "superseded_index")


@dataclass(frozen=True)
class Term:
    """One aggregate of a cell: over the whole event month, or over its last `days`. A sum is kept in exact parts."""

    aggregate: Literal["sum", "count", "values", "first", "last"]
    measure: str | None = None
    where: str | None = None
    days: int | None = None

    @property
    def name(self) -> str:
        """Column of the cell; of a sum, what its columns begin with."""
        condition = "" if self.where is None else f"|{self.where}"
        return f"{self.aggregate}|{self.measure or ''}|{self.days or ''}{condition}".replace(
            ".", " "
        ).replace("`", " ")

    @property
    def names(self) -> list[str]:
        """Columns of the cell."""
        return parts(self.name) if self.aggregate == "sum" else [self.name]

    def columns(self, day: "Column", periods: Periods = MONTHS) -> "list[Column]":
        """The aggregates over the events of a cell, of a measure that is `cut`; `day` is the event's date."""
        from pyspark.sql import functions as F

        counts = F.expr(self.where) if self.where else F.lit(True)
        if self.days is not None:
            counts = counts & (F.datediff(periods.end_after(day), day) < self.days)
        if self.aggregate == "count":
            found = [F.count_if(counts)]
        elif self.aggregate in ("first", "last"):
            chosen = F.when(counts, day)
            found = [F.min(chosen) if self.aggregate == "first" else F.max(chosen)]
        elif self.aggregate == "values":
            found = [F.count(F.when(counts, F.col(str(self.measure))))]
        else:
            found = [F.sum(F.when(counts, F.col(part))) for part in parts(str(self.measure))]
        return [column.alias(name) for column, name in zip(found, self.names, strict=True)]


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


def monthly_cells(
    events: "DataFrame", source: Source, terms: Iterable[Term], periods: Periods = MONTHS
) -> "DataFrame":
    """Silver versions of an event source -> cells with the columns of the terms.

    A cell is customer_key x event_index x known_index x superseded_index (months; superseded null while newest).
    """
    from pyspark.sql import functions as F

    day, terms = F.to_date(str(source.event_time)), list(terms)
    valid = events_with_validity(events, source, periods).where(
        "NOT refused"
    )  # what they replaced no longer counts, either
    return (
        cut(valid, (str(t.measure) for t in terms if t.aggregate == "sum"))
        .withColumn("event_index", periods.index_of(day))
        .groupBy(*CELL)
        .agg(*(column for t in terms for column in t.columns(day, periods)))
    )


def features_from_cells(
    cells: "DataFrame",
    as_of_indexes: Sequence[int],
    features: Sequence[Feature],
    merged: "DataFrame | None" = None,
    periods: Periods = MONTHS,
) -> "DataFrame":
    """customer_key, as_of_index, known_index and one column per feature, for every as_of date with a cell.

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
    sums: dict[str, Column] = {}
    values = [_feature(f, sums, periods).alias(f.name) for f in features]
    found = exploded.groupBy("customer_key", "as_of_index").agg(
        F.max("known_index").alias("known_index"), *(column.alias(name) for name, column in sums.items())
    )
    return found.select("customer_key", "as_of_index", "known_index", *values)


def _over(term: Term, first: int, last: int, sums: "dict[str, Column]") -> "Column":
    """Sum of a term over the cells whose event month lies `first` to `last` months before the as_of month.

    Adds the aggregates that it is made of to `sums`.
    """
    from pyspark.sql import functions as F

    # as text: put together in Python, each of dozens of windows would be twenty messages to the JVM
    inside = f"as_of_index - event_index BETWEEN {first} AND {last}"
    names = {name: f"{name}|{first}|{last}" for name in term.names}
    # a sum of counts is at most the number of rows, so it cannot leave 64 bits
    sums |= {
        alias: F.expr(f"coalesce(sum(CASE WHEN {inside} THEN `{name}` END), 0)")
        for name, alias in names.items()
    }
    found = [*names.values()]
    return F.expr(total(found)) if term.aggregate == "sum" else F.col(found[0]).cast("double")


def _newest_day(term: Term, months: int, sums: "dict[str, Column]") -> "Column":
    """The last day of a term over the cells of the last `months` months; null without any. Adds to `sums`."""
    from pyspark.sql import functions as F

    name = f"{term.name}|{months}"
    sums[name] = F.expr(f"max(CASE WHEN as_of_index - event_index < {months} THEN `{term.name}` END)")
    return F.col(name)


def _feature(feature: Feature, sums: "dict[str, Column]", periods: Periods) -> "Column":
    """The value of a feature over the aggregates of its cells, which are added to `sums` by name."""
    from pyspark.sql import functions as F

    terms = terms_of(feature)
    if feature.aggregate in ("tenure", "count_ever"):
        name = terms[0].name
        sums[name] = F.min(f"`{name}`") if feature.aggregate == "tenure" else F.sum(f"`{name}`")
    if feature.aggregate == "count_ever":
        return F.col(terms[0].name).cast("double")
    if feature.aggregate in ("recency", "tenure"):
        first = F.col(terms[0].name)
        day = first if feature.aggregate == "tenure" else _newest_day(terms[0], feature.months or 1, sums)
        return F.datediff(periods.end_of(F.col("as_of_index")), day).cast("double")
    months = feature.months or 1
    now = _over(terms[0], 0, months - 1, sums)
    match feature.aggregate:
        case "mean" | "share":
            whole = _over(terms[1], 0, months - 1, sums)
            return F.when(whole > 0, now / whole)
        case "trend":
            before = _over(terms[0], months, 2 * months - 1, sums)
            known = (now >= 0) & (before >= 0) & (now + before > 0)
            return F.when(known, (now - before) / (now + before))
    return now
