"""Tables of gold: what people and BI tools read."""

from dataclasses import replace

from churn_assets.contracts.business import Business
from churn_assets.contracts.customer_months import MonthColumn
from churn_assets.contracts.gold_columns import (
    SURVIVOR,
    activities,
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

SETTLED_ON = LakeColumn(
    "settled_on",
    "date",
    "Day of the extract of the label source with which the month settled; months that have not settled have no row.",
    required=True,
)
_FLOWS = {
    "start": "there at the end of the month before",
    "new": "there at the end of the month and never before",
    "returned": "there at the end, but not at the start, who had been customers before",
    "known_again": "there at the end, of whom nobody knew at the start",
    "moved_in": "who stayed and came into the group from another one; 0 for all",
    "lost_by_choice": "there at the start who left by their choice, as labels have it",
    "lost_otherwise": "there at the start who left, not by their choice",
    "unknown": "there at the start of whom nobody knows at the end: a row was refused, a full source no longer lists "
    "them, or a merge names no valid survivor",
    "moved_out": "who stayed and went into another group; 0 for all",
    "end": "there at the end of the month",
}
_AT_START = ("start", "lost_by_choice", "lost_otherwise", "unknown", "moved_out")
_OF_THE_STAYED = {
    "unknown": " With the revenue of customers who stay that is not known at the end.",
    "known_again": " With the revenue of customers who stay that was not known at the start.",
}
NO_REVENUE = "Null where churn.yaml declares no revenue."


def _rate_columns() -> tuple[LakeColumn, ...]:
    people = [
        LakeColumn(f"customers_{name}", "long", f"Customers {told}.", unit="customers", required=True)
        for name, told in _FLOWS.items()
    ]
    money = [
        LakeColumn(
            f"revenue_{name}",
            "double",
            f"Revenue, {'at the start' if name in _AT_START else 'at the end'}, of customers {told}."
            f"{_OF_THE_STAYED.get(name, '')} {NO_REVENUE}",
        )
        for name, told in _FLOWS.items()
    ]
    return (
        LakeColumn("month", "string", "Month, YYYY-MM.", required=True),
        LakeColumn(
            "dimension",
            "string",
            "What divides the customers: all, a column declared under churn_rates.by, or tenure.",
            required=True,
        ),
        LakeColumn(
            "value", "string", "The group: a value of the dimension; null where it is not known; all for all."
        ),
        SETTLED_ON,
        *people,
        LakeColumn(
            "unknown_at_end",
            "long",
            "People of whom nobody knows at the end of the month whether they are customers; counted for all only.",
            unit="people",
        ),
        LakeColumn(
            "joined_and_left",
            "long",
            "People who came and left between the two month ends, so that no other column counts them; counted for "
            "all only.",
            unit="people",
        ),
        LakeColumn(
            "churn_rate",
            "double",
            "(lost by choice + lost otherwise) / (start - unknown), of customers; null without such customers.",
        ),
        LakeColumn(
            "churn_rate_by_choice",
            "double",
            "Lost by choice / (start - unknown), of customers; null without such customers.",
        ),
        *money,
        LakeColumn(
            "revenue_expansion",
            "double",
            f"By how much the revenue of customers who stayed in the group grew. {NO_REVENUE}",
        ),
        LakeColumn(
            "revenue_contraction",
            "double",
            f"By how much the revenue of customers who stayed in the group shrank. {NO_REVENUE}",
        ),
        LakeColumn(
            "revenue_kept",
            "double",
            "Revenue at the end of customers who were in the group at the start and are customers at the end, without "
            "what is known again. "
            f"{NO_REVENUE}",
        ),
        LakeColumn(
            "net_revenue_retention",
            "double",
            "Revenue kept / (revenue at the start - revenue of the unknown); null without such revenue.",
        ),
    )


CHURN_RATES = Table(
    "gold",
    "churn_rates",
    "one row per settled month, dimension and value",
    columns=_rate_columns(),
    row_key=("month", "dimension", "value"),
    time="as known today: the newest version of every row; groups as known at the end of the month, or first after it",
    retention=MADE_AGAIN,
)
RETENTION_COHORTS = Table(
    "gold",
    "retention_cohorts",
    "one row per month of joining and settled month from it on",
    columns=(
        LakeColumn(
            "joined_month",
            "string",
            "Month in which the customers of the row first became customers, YYYY-MM.",
            required=True,
        ),
        LakeColumn(
            "months_since", "integer", "Months from joined_month to month.", unit="months", required=True
        ),
        LakeColumn("month", "string", "Month at whose end is counted, YYYY-MM.", required=True),
        SETTLED_ON,
        LakeColumn(
            "joined", "long", "Customers who joined in joined_month.", unit="customers", required=True
        ),
        LakeColumn(
            "customers",
            "long",
            "Those of them who are there at the end of the month; whoever came back counts.",
            unit="customers",
            required=True,
        ),
        LakeColumn(
            "unknown",
            "long",
            "Those of them of whom nobody knows at the end of the month.",
            unit="customers",
            required=True,
        ),
        LakeColumn(
            "retention", "double", "customers / (joined - unknown); null where all of them are unknown."
        ),
        LakeColumn(
            "revenue_joined",
            "double",
            f"Revenue of the customers at the end of joined_month. {NO_REVENUE}",
        ),
        LakeColumn(
            "revenue", "double", f"Revenue at the end of the month of those who are there. {NO_REVENUE}"
        ),
        LakeColumn(
            "revenue_retention",
            "double",
            "revenue / revenue_joined, without the revenue at joining of those who are unknown now, or whose revenue "
            "is; null without such revenue.",
        ),
    ),
    row_key=("joined_month", "months_since"),
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
    for source in activities(business):
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
