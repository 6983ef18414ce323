"""Whether a source has delivered what its contract promises up to a day.

`frequency` and `latency` of the contract give two deadlines, in whole days of UTC:

- the next extract is due `frequency + latency` days after the newest one;
- a month must be complete (delivered and passed by silver) `latency` days after its last day.

On its deadline a source is in time; a day later it is one day late. Months before the first month that any source has
loaded are not expected, because nobody asked for that history. After the end of the calendar a source is judged as on
the day after the last deadline, so nothing is expected after it. A source that delivers as needed is never late.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date, timedelta

from churn_assets.contracts.business import Business
from churn_assets.contracts.source import Source
from churn_assets.counts import counted
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.months import month_end, month_of, month_range, month_start


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
