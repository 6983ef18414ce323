"""Has a source delivered what its contract promises by now? A check per source that knows about months.

The contract's `frequency` and `latency` give two deadlines, counted in days of UTC:

- an extract later than the newest one is due `frequency + latency` days after it;
- a month must be loaded whole, that is delivered and passed by silver, `latency` days after its last day.

On its deadline a source is still in time, a day later it is one day late. Months before the first that any source has
loaded are not expected: history that nobody loaded is not missing. A calendar that has ended is judged as on the day
after its last deadline: nothing is expected of the years since.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import dagster as dg

from churn_assets.contracts.business import Business
from churn_assets.contracts.source import Source
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.months import month_end, month_of, month_range, month_start
from churn_assets.silver.reconciliation import partial_months

ON_TIME = "delivered_on_time"


@dataclass(frozen=True)
class Punctuality:
    """How late a source is, in whole days: 0 in time. `why` names what is missing since when."""

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
    """Judges the source, as on `today`, by the dates of those extracts of it that have passed silver.

    Of the months in `partial` too little has: their extracts came, but they are not loaded. `begun` is the first month
    that any source has loaded; None, while none has, expects all from the start of the calendar.
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
    due, what = min(deadlines)
    late = max(0, (day - due).days)
    if late:
        why = f"{source.name}: {what} was due on {due}, {late} days before {day}."
    elif today >= over:
        why = f"{source.name}: delivered and loaded until the calendar ended with {end}."
    else:
        why = f"{source.name}: in time; {what} is due on {due}."
    return Punctuality(late, max(months, default=None), newest, why)


def passed_extracts(lakehouse: Lakehouse) -> dict[str, list[date]]:
    """Source -> dates of its extracts that passed silver; empty while there is none."""
    if not lakehouse.exists(tables.RECONCILIATION):
        return {}
    found: dict[str, list[date]] = {}
    for row in lakehouse.arrow(tables.RECONCILIATION, ["source", "balances", "extract_dates"]).to_pylist():
        if row["balances"]:
            found.setdefault(row["source"], []).extend(row["extract_dates"])
    return found


def _check(business: Business, source: Source) -> dg.AssetChecksDefinition:
    @dg.asset_check(
        name=ON_TIME,
        asset=dg.AssetKey(tables.bronze(source).key),
        blocking=False,
        # an ingest asks as well, as a result from before its table was written counts no more in the UI: after silver
        additional_deps=[dg.AssetKey(tables.RECONCILIATION.key)],
        description=(
            f"An extract has come every {source.frequency_days} days, at most {source.latency_days} days after its "
            "date, and every month is loaded: delivered and passed by silver."
        ),
    )
    def delivered_on_time(lakehouse: dg.ResourceParam[Lakehouse]) -> dg.AssetCheckResult:
        today, passed = datetime.now(UTC).date(), passed_extracts(lakehouse)
        extracts = passed.get(source.name, [])
        partial = partial_months(lakehouse, source) if extracts else ()
        begun = min((month_of(day) for days in passed.values() for day in days), default=None)
        found = punctuality(business, source, extracts, today, partial, begun)
        remedy = " Deliver it; if it lies in the landing zone, see why silver refused it: a silent source is not churn."
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
