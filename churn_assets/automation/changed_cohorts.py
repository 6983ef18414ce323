"""Pure rules: which cohorts an ingest month can change, when a cohort last changed, which months are overdue.

A snapshot holds only rows with known_at on or before its as_of_date, and known_at is the extract_date. So an extract
never changes a snapshot before its own month, whenever it arrives. An extract of an old month that arrives late or is
delivered again changes:

- if features use only event windows of the source: the snapshots of its month and of the observation_months - 1 months
  after it, because an event is never known before it happens;
- if features use anything else of it (attributes, spells, tenure, who is a customer at all): every snapshot
  from its month on, because the last known version is valid until a newer one arrives;
- if no feature uses the source: none.

Labels settle once, with the first extract of the label source on or after label_available_at. Later changes of its
outcome window are not applied, so they make no cohort due. An edited contract or churn.yaml is not late data: whoever
edits it decides what to rebuild.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from churn_assets.automation.schedules import GRACE, MONTH_END_HOUR
from churn_assets.contracts.business import Business
from churn_assets.contracts.source import Source
from churn_assets.features.cells import reach_months
from churn_assets.months import add_months, month_start


class Passed(NamedTuple):
    """A month of a source in silver: the `mark` of its files and the `event` at which these files first passed.

    Events are Dagster storage ids, which increase with time.
    """

    mark: str
    event: int


# source -> ingest month -> the files that passed silver, and when
Knowledge = Mapping[str, Mapping[str, Passed]]
BEFORE_ALL = 0  # the event of months that had passed before the first look


def reach_of(business: Business, source: Source) -> int | None:
    """The number of cohorts that an ingest month of the source can change, from its own month on; None: all of them."""
    features = [f for f in business.features if f.source == source.name]
    if source.name == business.label_source.name:
        return None
    if not features:
        return 0
    if source.role in ("entity", "spell"):
        return None
    return reach_months(features, business.file.windows.observation_months)


def dependents(reach: int | None, month: str, cohorts: Iterable[str]) -> list[str]:
    """The cohorts whose snapshots can change with `month` of a source that has this reach (see `reach_of`)."""
    end = None if reach is None else add_months(month, reach)
    return [c for c in cohorts if c >= month and (end is None or c < end)]


def learn(
    before: Knowledge | None, passes: Mapping[str, Mapping[str, int]], marks: Mapping[str, Mapping[str, str]]
) -> Knowledge:
    """`before` updated with the months that have passed silver since.

    A month that passed again with the same files keeps its event. On a first look (`before` is None) every event is
    BEFORE_ALL, so nothing counts as a change.

    Args:
        before: what earlier looks found.
        passes: source -> ingest month -> event at which it passed.
        marks: source -> ingest month -> digest of its files.
    """
    known: dict[str, dict[str, Passed]] = {name: dict(months) for name, months in (before or {}).items()}
    for source, months in marks.items():
        mine = known.setdefault(source, {})
        for month, mark in months.items():
            if month not in mine or mine[month].mark != mark:
                mine[month] = Passed(mark, BEFORE_ALL if before is None else passes[source][month])
    return known


def newest_changes(business: Business, known: Knowledge, cohorts: Iterable[str]) -> dict[str, int]:
    """Cohort -> the newest event that can have changed its inputs."""
    changes = dict.fromkeys(cohorts, BEFORE_ALL)
    for source in business.sources:
        reach = reach_of(business, source)
        for month, passed in known.get(source.name, {}).items():
            for cohort in dependents(reach, month, changes):
                changes[cohort] = max(changes[cohort], passed.event)
    return changes


def newest_event(known: Knowledge, months: Iterable[str]) -> int:
    """The newest event at which files of any source for these months passed."""
    wanted = set(months)
    return max((p.event for of in known.values() for m, p in of.items() if m in wanted), default=BEFORE_ALL)


def overdue(business: Business, built: Iterable[str], closed: Sequence[str], now: datetime) -> list[str]:
    """Closed months that still have no cohort an hour after month_end_cohort requested it: their extracts came late.

    Months before the first cohort are not overdue: nobody requested them. After the end of the calendar the schedule
    requests no month, not even the last one, so a month is overdue as soon as it is closed.
    """
    first = min(built, default=None)
    have = set(built)
    missing = [month for month in closed if first is not None and month > first and month not in have]
    return missing if business.file.calendar.over(now.date()) else [m for m in missing if now >= turn_of(m)]


def turn_of(month: str) -> datetime:
    """One hour after the schedule month_end_cohort requests the cohort of this month (UTC)."""
    day = datetime.combine(month_start(add_months(month, 1)), datetime.min.time(), UTC) + GRACE
    return day + timedelta(hours=MONTH_END_HOUR + 1)
