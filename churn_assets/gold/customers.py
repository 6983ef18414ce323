"""gold/customers: one row per customer, everything known today."""

from collections.abc import Mapping, Sequence
from datetime import date
from functools import reduce
from typing import TYPE_CHECKING

from churn_assets.contracts.business import Business
from churn_assets.contracts.gold_columns import SURVIVOR, activities, entities, free_names, taken_names
from churn_assets.contracts.source import Source
from churn_assets.history.knowledge import current, latest, newest, spell_of
from churn_assets.history.merges import counted_for_survivors, merges
from churn_assets.history.presence import NO_EXTRACTS, Extracts, departures, gone_on
from churn_assets.history.spells import effective_end

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame


def named_apart(source: Source, names: Sequence[str], taken: set[str]) -> "list[Column]":
    """Columns of these names, called as `free_names` has it. Adds to `taken`."""
    from pyspark.sql import functions as F

    return [F.col(name).alias(alias) for name, alias in free_names(source, names, taken).items()]


def listing(business: Business, extracts: Extracts) -> list[Source]:
    """The entities whose extracts list every customer: whoever is in none of them is gone."""
    return [s for s in business.tells_who_is_gone if s.name in extracts and s.delivery == "full"]


def _newest_row(
    rows: "DataFrame", source: Source, before: Sequence[str] = (), also: "Sequence[Column]" = ()
) -> "DataFrame":
    """The attributes of each customer's newest row, under their names in the source, and the aggregates `also`.

    `rows` are the newest of each key. The row with the greatest values of the columns `before` is taken first.
    """
    from pyspark.sql import functions as F

    names = [c.name for c in source.attributes]
    return (
        rows.groupBy("customer_key")
        .agg(newest(F.struct(*names), source, *before).alias("row"), *also)
        .select("*", "row.*")
        .drop("row")
    )


def _activity(versions: "DataFrame", source: Source, merged: "DataFrame | None") -> "DataFrame":
    from pyspark.sql import functions as F

    day = F.to_date(str(source.event_time))
    return (
        counted_for_survivors(current(versions, source), merged, by=None)
        .groupBy("customer_key")
        .agg(
            F.min(day).alias(f"first_{source.name}_on"),
            F.max(day).alias(f"last_{source.name}_on"),
            F.count("*").alias(f"{source.name}_total"),
        )
    )


def _gone(
    silver: Mapping[str, "DataFrame"], business: Business, known_until: date, extracts: Extracts
) -> "DataFrame | None":
    """customer_key, _gone of customers whom no `full` entity lists any more."""
    from pyspark.sql import functions as F

    day = F.lit(known_until).alias("as_of_date")
    known = [(s, latest(silver[s.name], s).select("*", day)) for s in listing(business, extracts)]
    told = departures(known, extracts, "as_of_date")
    return None if told is None else told.select("customer_key", F.col("gone_on").alias("_gone"))


def _spell(
    versions: "DataFrame",
    business: Business,
    source: Source,
    known_until: date,
    extracts: Extracts,
    merged: "DataFrame | None",
) -> "DataFrame":
    """The newest spell of each customer, `<source>_running` (any spell goes on) and `_<source>_unknown` (one may)."""
    from pyspark.sql import functions as F

    goes_on = F.coalesce(effective_end(business.file.label, source) > F.lit(known_until), F.lit(True))
    gone = F.coalesce(gone_on(source, extracts) <= F.lit(known_until), F.lit(False))
    doubtful = F.col("refused") | (goes_on & gone)
    running, unknown = _states_of_spell(source)
    told = [F.bool_or(goes_on & ~doubtful).alias(running), F.bool_or(doubtful).alias(unknown)]
    rows = counted_for_survivors(latest(versions, source), merged, by=None)
    row = _newest_row(rows, source, [spell_of(source).started_on], told)
    kept = (c.name for c in source.attributes if c.name not in source.key)
    prefixed = (F.col(name).alias(f"{source.name}_{name}") for name in kept)
    return row.select("customer_key", *prefixed, running, unknown)


def _states_of_spell(source: Source) -> tuple[str, str]:
    return f"{source.name}_running", f"_{source.name}_unknown"


def _without_unknown(
    people: "DataFrame", spells: Sequence[tuple[str, str]], no_longer_listed: "DataFrame | None"
) -> "DataFrame":
    """Makes `<source>_running` null where no spell is known to go on and one may, and drops the helper columns."""
    from pyspark.sql import functions as F

    if no_longer_listed is not None:
        people = people.join(no_longer_listed, "customer_key", "left")
        for running, unknown in spells:
            lost = F.col(running) & F.col("_gone").isNotNull()
            people = people.withColumns({running: F.col(running) & ~lost, unknown: F.col(unknown) | lost})
        people = people.drop("_gone")
    for running, unknown in spells:
        known = F.col(running) | ~F.col(unknown)
        people = people.withColumn(running, F.when(known, F.col(running))).drop(unknown)
    return people


def customers(
    silver: Mapping[str, "DataFrame"],
    business: Business,
    known_until: date,
    extracts: Extracts = NO_EXTRACTS,
) -> "DataFrame":
    """Attributes of entities, the state of the newest spell (`<source>_<column>`), count, first and last day of events.

    Customers are those of entities, of spells and of the label source. An id that only other events name is none.

    Without any event of a source `<source>_total` is 0, and its first and last day (UTC) are null.

    If two entities have a column with the same name, that of the second is called `<source>_<column>`.

    `<source>_running` says whether any spell goes on after `known_until`, the newest extract_date; a customer in notice
    stays one until the end. It is null if no spell is known to go on, and the newest row of one was refused or its
    source delivers `full` extracts and no longer lists it. It is also null if no `full` entity lists the customer.

    The spells and events of merged customers count for their survivors. If an entity tells of merges, `survivor_key`
    names the survivor of a merged customer.

    `silver` holds the versions of every source by name; `extracts` as in history/presence.py.
    """
    from pyspark.sql import functions as F

    parts: list[DataFrame] = []
    others: list[DataFrame] = []
    merged = merges(silver, business, [(known_until, date.max)])
    taken = taken_names(business)
    otherwise: dict[str, bool | float | int | str] = {}  # for customers of whom a source has no row
    spells = business.of_role("spell")
    for source in entities(business):
        row = _newest_row(latest(silver[source.name], source), source)
        parts.append(row.select("customer_key", *named_apart(source, row.columns[1:], taken)))
    for source in spells:
        otherwise |= dict.fromkeys(_states_of_spell(source), False)
        parts.append(_spell(silver[source.name], business, source, known_until, extracts, merged))
    for source in activities(business):
        names_customers = source is business.label_source
        (parts if names_customers else others).append(_activity(silver[source.name], source, merged))
        otherwise[f"{source.name}_total"] = 0
    # each part has every customer of its source, so nobody is missing, and nothing is read to look for them
    people = reduce(lambda a, b: a.join(b, "customer_key", "full"), parts)
    everybody = reduce(lambda a, b: a.join(b, "customer_key", "left"), others, people).fillna(otherwise)
    no_longer_listed = _gone(silver, business, known_until, extracts) if spells else None
    everybody = _without_unknown(everybody, [_states_of_spell(s) for s in spells], no_longer_listed)
    if merged is not None:
        survivors = F.broadcast(merged.select("customer_key", SURVIVOR))
        return everybody.join(survivors, "customer_key", "left")
    return everybody.withColumn(SURVIVOR, F.lit(None).cast("string")) if business.tells_merges else everybody
