"""Until when each source is known: the months that have passed silver, and those that have not.

A snapshot may need a source from its first month on: who bought a contract two years ago stands in an extract of that
time alone. A month of it that has not passed silver is not known, and must not look like a month without rows.

History begins with the first month of which the lake or the landing zone holds anything, or with the first month of the
source if that is later (`generalAvailability`).
"""

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import date

from churn_assets.contracts.business import Business
from churn_assets.contracts.source import Source
from churn_assets.graph.checks import ingest_commands
from churn_assets.lakehouse import tables
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.months import add_months, month_end, month_range, spoken
from churn_assets.silver.reconciliation import (
    SilverIncomplete,
    passed_extracts,
    passed_months,
    refused_months,
)
from churn_assets.sources.landing import delivered_months, first_delivered_month

NOT_CHURN = "A month that is missing or was refused says nothing about churn, so nothing is computed from it."


@dataclass(frozen=True)
class Known:
    """What has passed silver, what silver refused, and the month with which history begins.

    `lying` are the months of sources that deliver as needed of which the landing zone holds files.
    """

    passed: Set[tuple[str, str]]
    begin: str
    refused: Set[tuple[str, str]] = frozenset()
    lying: Set[tuple[str, str]] = frozenset()


@dataclass(frozen=True)
class SourceState:
    """Until when a source is known.

    Attributes:
        source: its name.
        until: last day of the last month up to which every month has passed; None when its first month has not, and
            of a source that delivers as needed and has not delivered yet.
        missing: months that have not passed, ascending.
        refused_by: month -> rules that refused it, for those of `missing` that silver has judged.
        once_on: the day of the newest extract of a source that delivers once; None of others.
    """

    source: str
    until: date | None
    missing: Sequence[str]
    refused_by: Mapping[str, str]
    once_on: date | None = None


def known(lakehouse: Lakehouse, business: Business) -> Known:
    """What has passed silver now, from silver/reconciliation and the names in the landing zone."""
    start = business.file.calendar.start
    some = lakehouse.exists(tables.RECONCILIATION)
    passed, refused = (passed_months(lakehouse), refused_months(lakehouse)) if some else (set(), set())
    lying = first_delivered_month(lakehouse.settings.landing_uri, business.sources, start)
    months = {*(month for _, month in passed), *([lying] if lying else [])}
    needed = (s for s in business.sources if s.delivery == "as_needed")
    files = {(s.name, m) for s in needed for m in delivered_months(lakehouse.settings.landing_uri, s)}
    return Known(passed, min((month for month in months if month >= start), default=start), refused, files)


def not_passed(business: Business, source: Source, known: Known, months: Iterable[str]) -> list[str]:
    """Those of the months that the source should have delivered but that have not passed silver.

    What a source delivered once holds on: no further month is missing. Of a source that delivers as needed only a month
    is missing that it did deliver.
    """
    first = max(business.first_month(source), known.begin)
    missing = [m for m in months if m >= first and (source.name, m) not in known.passed]
    if source.delivery == "once" and any(name == source.name for name, _ in known.passed):
        return [m for m in missing if (source.name, m) in known.refused]
    if source.delivery == "as_needed":
        return [m for m in missing if (source.name, m) in known.refused | known.lying]
    return missing


def source_states(lakehouse: Lakehouse, business: Business, last: str) -> list[SourceState]:
    """The state of every source over its months up to `last`."""
    found, now = [], known(lakehouse, business)
    some = lakehouse.exists(tables.RECONCILIATION)
    rows = lakehouse.arrow(tables.RECONCILIATION).to_pylist() if some else []
    for source in business.sources:
        first = max(business.first_month(source), now.begin)
        missing = not_passed(business, source, now, month_range(first, last))
        whole = month_range(first, add_months(missing[0], -1) if missing else last)
        why = {
            row["extract_month"]: row["refused_by"]
            for row in rows
            if row["source"] == source.name and row.get("refused_by") and row["extract_month"] in missing
        }
        days = passed_extracts(lakehouse, source) if source.delivery == "once" else []
        silent = source.delivery == "as_needed" and not any(name == source.name for name, _ in now.passed)
        until = month_end(whole[-1]) if whole and not silent else None
        found.append(SourceState(source.name, until, missing, why, days[-1] if days else None))
    return found


def missing_history(
    business: Business, known: Known, first: str, last: str, back: bool = True
) -> dict[str, list[str]]:
    """Source -> months that have not passed silver but are needed for the cohorts of `first` to `last`; empty if none.

    Args:
        business: for how far back each source is needed, see `Business.history_months`.
        known: what has passed.
        first: month of the first cohort.
        last: the last month that is looked at.
        back: False for what is made of the months `first` to `last` themselves, save of sources whose whole history
            counts.
    """
    missing = {}
    for source in business.sources:
        reach = business.history_months(source)
        start = known.begin if reach is None else add_months(first, 1 - reach) if back else first
        if gaps := not_passed(business, source, known, month_range(start, last)):
            missing[source.name] = gaps
    return missing


def already_due(
    business: Business,
    missing: Mapping[str, Sequence[str]],
    today: date,
    refused: Set[tuple[str, str]] = frozenset(),
) -> dict[str, list[str]]:
    """Those of the missing months that the sources should have delivered by `today`, by the latency they promise.

    Those that were `refused` are among them, due or not: silver may hold rows of them that do not count.
    """
    found = {
        name: [
            m
            for m in gaps
            if (name, m) in refused or (today - month_end(m)).days > business.source(name).latency_days
        ]
        for name, gaps in missing.items()
    }
    return {name: gaps for name, gaps in found.items() if gaps}


def require_history(
    lakehouse: Lakehouse, business: Business, first: str, last: str, back: bool = True
) -> None:
    """Raises unless every month that is needed has passed silver; arguments as in `missing_history`.

    Raises:
        SilverIncomplete: names each source with its missing months and the command that ingests them.
    """
    now = known(lakehouse, business)
    require_none(now, missing_history(business, now, first, last, back))


def perhaps_younger(known: Known, missing: Mapping[str, Sequence[str]]) -> list[str]:
    """The sources of which only months before the first that has passed are missing: perhaps there was none yet."""
    firsts = {name: min((m for n, m in known.passed if n == name), default="") for name in missing}
    return [name for name, gaps in missing.items() if gaps and max(gaps) < firsts[name]]


def require_none(known: Known, missing: Mapping[str, Sequence[str]]) -> None:
    """Raises when a source lacks a month.

    Raises:
        SilverIncomplete: names each source with its missing months and the command that ingests them.
    """
    if missing:
        listed = "; ".join(f"{name}: {spoken(gaps)}" for name, gaps in missing.items())
        months = {month for gaps in missing.values() for month in gaps}
        remedy = f"Deliver what is missing, then run {ingest_commands(months)}, and this again."
        for name in perhaps_younger(known, missing):
            remedy += (
                f" If {name} began later, declare its first day as `generalAvailability` in its contract."
            )
        raise SilverIncomplete(f"Not every source has passed silver ({listed}). {NOT_CHURN}", remedy, missing)
