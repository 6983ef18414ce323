"""gold/customer_months: customer x month as BI reads it."""

from collections.abc import Mapping, Sequence
from functools import reduce
from typing import TYPE_CHECKING

from churn_assets.contracts.business import Business
from churn_assets.contracts.customer_months import MonthColumn
from churn_assets.contracts.gold_columns import entities, month_columns, spells
from churn_assets.contracts.source import Source
from churn_assets.gold.customers import listing, named_apart
from churn_assets.history.exact_sums import cut, parts, total
from churn_assets.history.knowledge import (
    at_each,
    current,
    latest,
    newest_rows,
    spell_of,
    states,
    with_validity,
)
from churn_assets.history.merges import counted_for_survivors, merges, own_key
from churn_assets.history.periods import MONTHS
from churn_assets.history.presence import NO_EXTRACTS, Extracts, departures
from churn_assets.history.spells import effective_end, running_spells
from churn_assets.months import month_end, month_index, month_start, spans

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame


def touched_months(
    silver: Mapping[str, "DataFrame"],
    business: Business,
    months: Sequence[str],
    written: Sequence[str] = (),
    replaced: Mapping[str, "DataFrame"] | None = None,
) -> list[str]:
    """The months to write again after these ingest months: those months, and every month that their rows change.

    Late rows change the months of their events. A correction may move an event or the end of a spell, which also
    changes the month in which it was before. A newer state of a spell or attribute holds on, which also changes all
    later months that are `written` already. `replaced` are, by source, rows that silver held when they were written and
    may no longer hold, because an extract came again; their months are changed, too.
    """
    from pyspark.sql import functions as F

    named = sources_by_month(business)
    later = [m for m in written if m > months[-1]] if business.of_role("spell", "entity") else []
    touched = []
    for source in business.sources:
        if source.name not in named:
            continue
        time = named[source.name]
        columns = list(dict.fromkeys([*source.silver_key, time]))
        told = silver[source.name]
        rows = told.where(F.col("extract_month").between(months[0], months[-1])).select(columns)
        earlier = told.where(F.col("extract_month") < months[0])
        if replaced and source.name in replaced:
            rows, earlier = rows.unionByName(replaced[source.name].select(columns)), told
        spoken_of = [rows]
        if not source.events_stay:
            spoken_of.append(earlier.join(rows.select(*source.silver_key), [*source.silver_key], "left_semi"))
        month = F.date_format(time, "yyyy-MM").alias("month")
        # a refused row may have no day; the earlier months of its key are among the others
        touched += [part.select(month).where("month IS NOT NULL").distinct() for part in spoken_of]
    late = (
        [r.month for r in reduce(lambda a, b: a.unionByName(b), touched).distinct().collect()]
        if touched
        else []
    )
    first, last = business.file.calendar.start, max([months[-1], *written])
    return sorted({*months, *later, *(m for m in late if first <= m <= last)})


def sources_by_month(business: Business) -> dict[str, str]:
    """Source -> the column that tells the month of a row: the time of its events, the end of its spells."""
    events = {name: str(business.source(name).event_time) for name in month_columns(business)}
    return events | {source.name: spell_of(source).ended_on for source in spells(business)}


def _inside(day: "Column", months: Sequence[str]) -> "Column":
    """Days of these months as ranges of dates, which is cheaper than working out the month of every row."""
    from pyspark.sql import functions as F

    ranges = (day.between(F.lit(month_start(first)), F.lit(month_end(last))) for first, last in spans(months))
    return reduce(lambda a, b: a | b, ranges)


def _sums(
    versions: "DataFrame",
    source: Source,
    columns: Sequence[MonthColumn],
    months: Sequence[str],
    merged: "DataFrame | None",
) -> "DataFrame":
    from pyspark.sql import functions as F

    day = F.to_date(str(source.event_time))
    inside = _inside(day, months)
    # a row of a month is never known before that month
    known = versions.where(F.col("extract_month") >= months[0])
    # the cheaper order, where no correction takes an event out of these months
    newest = (
        current(known.where(inside), source) if source.events_stay else current(known, source).where(inside)
    )

    rows = counted_for_survivors(newest.withColumn("as_of_index", MONTHS.index_of(day)), merged)
    by = "customer_key", "as_of_index"
    if not columns:
        return rows.select(*by).distinct()

    def aggregates(column: MonthColumn) -> "list[Column]":
        counts = F.expr(column.where) if column.where else F.lit(True)
        if column.aggregate == "count":
            return [F.count_if(counts).alias(column.name)]
        return [
            F.coalesce(F.sum(F.when(counts, F.col(part))), F.lit(0.0)).alias(sum_)
            for part, sum_ in zip(parts(str(column.measure)), parts(column.name), strict=True)
        ]

    def value(column: MonthColumn) -> "Column":
        if column.aggregate == "count":
            return F.col(column.name).cast("double")
        return F.expr(total(parts(column.name))).alias(column.name)

    measures = (str(c.measure) for c in columns if c.aggregate == "sum")
    found = cut(rows, measures).groupBy(*by).agg(*(a for c in columns for a in aggregates(c)))
    return found.select("customer_key", "as_of_index", *(value(c) for c in columns))


def _spells_of_months(
    versions: "DataFrame",
    business: Business,
    source: Source,
    as_of_indexes: Sequence[int],
    extracts: Extracts,
    gone: "DataFrame | None",
    merged: "DataFrame | None",
) -> "DataFrame":
    """The customer's spell per month: the one that ran at the month's end, else one that ended in the month.

    A spell that its source no longer lists, or whose customer is among those `gone`, is not taken to run.

    Its end and reason are as known today, because most sources report an end in the month after it. They are null in
    all months but that of the end.
    """
    from pyspark.sql import functions as F

    spell, key = spell_of(source), list(source.silver_key)
    told = [name for name in (spell.ended_on, spell.end_reason) if name]
    ends = (
        latest(versions, source)
        .where(F.col(spell.ended_on).isNotNull())
        .select(
            *key,
            F.last_day(F.to_date(spell.ended_on)).alias("as_of_date"),
            *(F.col(name).alias(f"_{name}") for name in told),
        )
    )
    ended_then = F.last_day(effective_end(business.file.label, source)) == F.col("as_of_date")
    ended = F.col(f"_{spell.ended_on}").isNotNull()
    found = running_spells(versions, business, source, as_of_indexes, extracts, merged)
    if gone is not None:
        found = found.join(gone, ["customer_key", "as_of_date"], "left")
        found = found.withColumn("running", F.col("running") & F.col("gone_on").isNull())
    owned = own_key(source, found)
    ends = ends.withColumnsRenamed(dict(zip(key, owned, strict=True)))
    return (
        found.join(ends, [*owned, "as_of_date"], "left")
        .where(F.col("running") | ended_then | ended)
        .withColumns({name: F.col(f"_{name}") for name in told})
    )


def _gone(
    silver: Mapping[str, "DataFrame"], business: Business, as_of_indexes: Sequence[int], extracts: Extracts
) -> "DataFrame | None":
    """customer_key, as_of_date, gone_on of customers whom no `full` entity lists any more at a month's end."""
    known = [(s, states(silver[s.name], s, as_of_indexes)) for s in listing(business, extracts)]
    told = departures(known, extracts, "as_of_date")
    gone = "gone_on IS NOT NULL"
    return None if told is None else told.where(gone).select("customer_key", "as_of_date", "gone_on")


def customer_months(
    silver: Mapping[str, "DataFrame"],
    business: Business,
    months: Sequence[str],
    extracts: Extracts = NO_EXTRACTS,
) -> "DataFrame":
    """customer_key, month, the declared columns, and for a spell business the state of the spell at the month's end.

    Sums and the ends of spells include today's corrections. The state of the spell and the attributes are those known
    at the month's end. A customer has a row in every month in which a spell ran or an event happened; a sum of nothing
    is 0. From the month at whose end a merge is known, everything of the merged customer counts for the survivor.
    A spell does not go on after its customer has disappeared, see history/presence.py; `extracts` as there.
    If two sources have a column with the same name, that of the label source keeps its name, and the other is called
    `<source>_<column>`.
    """
    from pyspark.sql import functions as F

    key = ["customer_key", "as_of_index"]
    indexes = [month_index(m) for m in months]
    merged = merges(silver, business, [(month_end(m), month_end(m)) for m in months])
    parts: list[DataFrame] = []
    for name, columns in month_columns(business).items():
        parts.append(_sums(silver[name], business.source(name), columns, months, merged))
    taken = {*key, "month", *(c.name for c in business.file.customer_months)}
    gone = _gone(silver, business, indexes, extracts) if spells(business) else None
    for source in spells(business):
        state = _spells_of_months(silver[source.name], business, source, indexes, extracts, gone, merged)
        kept = [c.name for c in source.attributes if c.name not in source.key]
        parts.append(state.select(*key, *named_apart(source, [*kept, "tenure_days"], taken)))
    result = reduce(lambda a, b: a.join(b, key, "full"), parts)
    for source in entities(business):
        known = at_each(with_validity(silver[source.name], source), indexes)
        names = [c.name for c in source.attributes if c.name not in source.key]
        row = newest_rows(known, key, source, [F.col(name) for name in names])
        row = row.select(*key, *named_apart(source, names, taken))
        result = result.join(row, key, "left")
    month = F.date_format(MONTHS.end_of(F.col("as_of_index")), "yyyy-MM").alias("month")
    others = [name for name in result.columns if name not in key]
    sums = [c.name for c in business.file.customer_months]
    table = result.select("customer_key", month, *others)
    return table.fillna(0.0, sums) if sums else table
