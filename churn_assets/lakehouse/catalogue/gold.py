"""Tables of gold: what people and BI tools read."""

from dataclasses import replace

from churn_assets.contracts.business import Business
from churn_assets.contracts.customer_months import MonthColumn
from churn_assets.contracts.gold_columns import (
    SURVIVOR,
    entities,
    free_names,
    month_columns,
    spells,
    taken_names,
)
from churn_assets.contracts.source import Source
from churn_assets.lakehouse.catalogue.shared_columns import CUSTOMER_KEY, SOURCE, described, optional
from churn_assets.lakehouse.catalogue.table import LakeColumn, Table

MADE_AGAIN = "the table is replaced by every materialisation"
CUSTOMERS = Table(
    "gold",
    "customers",
    "one row per customer of an entity, of a spell or of the label source",
    row_key=("customer_key",),
    time="as known today: the newest version of every row",
    retention=MADE_AGAIN,
)
CUSTOMER_MONTHS = Table(
    "gold",
    "customer_months",
    "one row per customer and month in which a spell ran or an event happened",
    ("month",),
    row_key=("customer_key", "month"),
    time="sums and ends of spells: with all corrections known today; others: as known at the end of the month",
    retention="no limit; months that new rows speak of are replaced",
)
CHURN_EVENTS = Table(
    "gold",
    "churn_events",
    "one row per spell that ended, or per customer without an event that counts for the outcome window",
    columns=(
        CUSTOMER_KEY,
        replace(SOURCE, meaning="Source that tells of the ending: that of the label."),
        LakeColumn(
            "kind",
            "string",
            "voluntary (by the customer's choice), involuntary, lapse (expired and not renewed) or inactivity.",
            required=True,
        ),
        LakeColumn(
            "reason", "string", "Reason of the ending as delivered; null where the source gives none."
        ),
        LakeColumn("started_on", "date", "First day of the spell, or day of the first event.", required=True),
        LakeColumn("notice_on", "date", "Day on which notice was given; null without one."),
        LakeColumn(
            "ended_on",
            "date",
            "Last day of the spell; for inactivity the day on which the outcome window without an event was over.",
            required=True,
        ),
        LakeColumn("tenure_days", "integer", "Days from started_on to ended_on.", unit="days", required=True),
    ),
    time="as known today: the newest version of every row",
    retention=MADE_AGAIN,
)


def customers(business: Business) -> Table:
    """gold/customers of a business: attributes, the newest spell, and the activity of each event source."""
    columns, taken = [CUSTOMER_KEY], taken_names(business)
    for source in entities(business):
        known = {c.name: optional(described(c)) for c in source.attributes}
        columns += [replace(known[n], name=a) for n, a in free_names(source, known, taken).items()]
    for source in business.of_role("spell"):
        newest = f"Of the customer's row of {source.name} that started last."
        columns += [
            replace(told, name=f"{source.name}_{told.name}", meaning=f"{told.meaning} {newest}")
            for told in (optional(described(c)) for c in source.attributes if c.name not in source.key)
        ]
        runs = (
            f"True when any row of {source.name} goes on after the newest extract_date of the label source; null where "
            "none is known to, and the newest row of one was refused."
        )
        columns.append(LakeColumn(f"{source.name}_running", "boolean", runs))
    for source in business.of_role("event", "treatment"):
        columns += _activity(source)
    if business.tells_merges:
        survivor = (
            "customer_key of the customer that this one was merged into, the last of a chain, for whom the spells and "
            "events then count; null for all others, and where nobody is known to go on."
        )
        columns.append(LakeColumn(SURVIVOR, "string", survivor))
    return replace(CUSTOMERS, columns=tuple(columns))


def _activity(source: Source) -> list[LakeColumn]:
    return [
        LakeColumn(
            f"first_{source.name}_on", "date", f"Day of the first row of {source.name}; null without one."
        ),
        LakeColumn(
            f"last_{source.name}_on", "date", f"Day of the last row of {source.name}; null without one."
        ),
        LakeColumn(
            f"{source.name}_total", "long", f"Number of rows of {source.name}.", unit="rows", required=True
        ),
    ]


def customer_months(business: Business) -> Table:
    """gold/customer_months of a business: the declared sums, the spell's state and the attributes."""
    columns = [CUSTOMER_KEY, LakeColumn("month", "string", "Month, YYYY-MM.", required=True)]
    for name, sums in month_columns(business).items():
        columns += [_sum(business.source(name), column) for column in sums]
    taken = {"customer_key", "as_of_index", "month", *(c.name for c in business.file.customer_months)}
    for source in spells(business):
        columns += _states(source, taken)
    for source in entities(business):
        columns += _states(source, taken)
    return replace(CUSTOMER_MONTHS, columns=tuple(columns))


def _sum(source: Source, column: MonthColumn) -> LakeColumn:
    condition = f" where {column.where}" if column.where else ""
    time = "events of the month with all corrections known today"
    if column.measure is None:
        meaning, unit = f"Number of rows of {source.name}{condition}; 0 without any.", "rows"
        return LakeColumn(column.name, "double", meaning, unit=unit, required=True, time=time)
    meaning = f"Sum of {source.name}.{column.measure}{condition}; 0 without any."
    unit_of_measure = source.column(column.measure).unit
    return LakeColumn(column.name, "double", meaning, unit=unit_of_measure, required=True, time=time)


def _states(source: Source, taken: set[str]) -> list[LakeColumn]:
    known = {c.name: optional(described(c)) for c in source.attributes if c.name not in source.key}
    time = "as known at the end of the month"
    if source.spell is not None:
        time = (
            f"the row of {source.name} that runs at the end of the month, else one that ended in it, as known at that "
            "end"
        )
        since = f"Days from the start of the customer's first row of {source.name} to the end of the month."
        known["tenure_days"] = LakeColumn("tenure_days", "double", since, unit="days")
    names = free_names(source, known, taken)
    return [replace(known[n], name=a, time=_time_of_end(source, n) or time) for n, a in names.items()]


def _time_of_end(source: Source, name: str) -> str:
    """When the end of a spell and its reason are known; "" for other columns."""
    if source.spell is None or name not in (source.spell.ended_on, source.spell.end_reason):
        return ""
    return f"as known today, in the month in which the row of {source.name} ends; null in all others"
