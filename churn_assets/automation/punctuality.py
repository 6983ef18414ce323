"""Asset checks, one per source, that the source has delivered what its contract promises up to now.

`frequency` and `latency` of the contract give two deadlines, in whole days of UTC:

- the next extract is due `frequency + latency` days after the newest one;
- a month must be complete (delivered and passed by silver) `latency` days after its last day.

On its deadline a source is in time; a day later it is one day late. Months before the first month that any source has
loaded are not expected, because nobody asked for that history. After the end of the calendar a source is judged as on
the day after the last deadline, so nothing is expected after it. A source that delivers as needed is never late.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import dagster as dg

from churn_assets.contracts.business import Business
from churn_assets.contracts.source import Source
from churn_assets.counts import counted, form
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.months import month_end, month_of, month_range, month_start
from churn_assets.silver.reconciliation import partial_months

ON_TIME = "delivered_on_time"


@dataclass(frozen=True)
class Punctuality:
    """How late a source is, in whole days (0: in time). `why` names what is missing and since when."""

    days_late: int
    newest_month: str | None
    newest_extract: date | None
    why: str


def punctuality(
    business: Business,
    source: Source,
    extracts: Iterable[date],
    today: date,
    partial: Collection[str] = (),
    begun: str | None = None,
) -> Punctuality:
    """How late the source is on `today`.

    Args:
        business: for the calendar.
        source: for frequency, latency and first month.
        extracts: dates of the extracts that have passed silver.
        today: a day of UTC.
        partial: months that passed silver with too little; they count as not loaded, although their extracts came.
        begun: the first month that any source has loaded; None (no source has): all months from the start of the
            calendar are expected.
    """
    start, end = business.first_month(source), business.file.calendar.end
    first = max(start, begun or start)
    latency = timedelta(days=source.latency_days)
    over = month_end(end) + latency + timedelta(days=1) if end else date.max
    day = min(today, over)
    loaded = sorted(extracts)
    newest = loaded[-1] if loaded else None
    before_any = month_start(first) - timedelta(days=1)
    next_one = f"the next extract after {newest}" if newest else "the first extract"
    deadlines = [((newest or before_any) + timedelta(days=source.frequency_days) + latency, next_one)]
    months = {month_of(d) for d in loaded} - set(partial)
    expected = month_range(first, min(month_of(day), end or month_of(day)))
    deadlines += [(month_end(m) + latency, f"the month {m}") for m in expected if m not in months]
    if source.delivery == "as_needed":
        told = f"its newest extract is of {newest}" if newest else "it has not delivered yet"
        why = f"{source.name}: delivers only when there is something to tell; {told}."
        return Punctuality(0, max(months, default=None), newest, why)
    if source.delivery == "once":
        if newest:
            age = f"{source.name}: delivered once, on {newest}, {(day - newest).days} days before {day}."
            return Punctuality(0, max(months, default=None), newest, age)
        deadlines = deadlines[:1]
    due, what = min(deadlines)
    late = max(0, (day - due).days)
    if late:
        why = f"{source.name}: {what} was due on {due}, {counted(late, 'day')} before {day}."
    elif today >= over:
        why = f"{source.name}: delivered and loaded until the calendar ended with {end}."
    else:
        why = f"{source.name}: in time; {what} is due on {due}."
    return Punctuality(late, max(months, default=None), newest, why)


def passed_extracts(lakehouse: Lakehouse) -> dict[str, list[date]]:
    """Source -> dates of its extracts that passed silver; empty if none has."""
    if not lakehouse.exists(tables.RECONCILIATION):
        return {}
    found: dict[str, list[date]] = {}
    for row in lakehouse.arrow(tables.RECONCILIATION, ["source", "balances", "extract_dates"]).to_pylist():
        if row["balances"]:
            found.setdefault(row["source"], []).extend(row["extract_dates"])
    return found


def _days(count: int) -> str:
    return form(count, "day", f"{count} days")


def _promise(source: Source) -> str:
    if source.delivery == "as_needed":
        return "Extracts come when there is something to tell, so none is ever late."
    return (
        f"An extract comes every {_days(source.frequency_days)}, at most {counted(source.latency_days, 'day')} "
        "after its date. Every month has been delivered and has passed silver."
    )


def _check(business: Business, source: Source) -> dg.AssetChecksDefinition:
    @dg.asset_check(
        name=ON_TIME,
        asset=dg.AssetKey(tables.bronze(source).key),
        blocking=False,
        # An ingest runs this check too, after silver: the UI ignores results older than the newest bronze write.
        additional_deps=[dg.AssetKey(tables.RECONCILIATION.key)],
        description=_promise(source),
    )
    def delivered_on_time(lakehouse: dg.ResourceParam[Lakehouse]) -> dg.AssetCheckResult:
        today, passed = datetime.now(UTC).date(), passed_extracts(lakehouse)
        extracts = passed.get(source.name, [])
        partial = partial_months(lakehouse, source) if extracts else ()
        begun = min((month_of(day) for days in passed.values() for day in days), default=None)
        found = punctuality(business, source, extracts, today, partial, begun)
        remedy = (
            " Deliver it. If it is in the landing zone, see why silver refused it: missing data is not churn."
        )
        metadata: dict[str, dg.MetadataValue | int | str] = {"days_late": found.days_late}
        if found.newest_extract is not None and found.newest_month is not None:
            moment = datetime.combine(found.newest_extract, datetime.min.time(), UTC)
            metadata |= {
                "newest loaded month": found.newest_month,
                "newest extract_date": dg.MetadataValue.timestamp(moment),
            }
        return dg.AssetCheckResult(
            passed=not found.days_late,
            severity=dg.AssetCheckSeverity.ERROR,
            description=found.why + (remedy if found.days_late else ""),
            metadata=metadata,
        )

    return delivered_on_time


def punctuality_checks(business: Business) -> Sequence[dg.AssetChecksDefinition]:
    """One check per source, on its bronze table."""
    return [_check(business, source) for source in business.sources]
