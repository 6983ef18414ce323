"""Which cohorts an ingest month can change, which of them are due, and which have settled. Pure rules.

A snapshot holds only rows with known_at on or before its as_of_date, and known_at is the day of the extract. So an
extract changes no snapshot before its own month, on whatever day it arrives; an extract of an old month that comes late
or once more changes:

- where features look at windows of events only: the snapshots of its month and of the observation months - 1 after
  it, since an event is never known before it happened;
- everywhere else (attributes, spells, recency, tenure, who is a customer at all): every snapshot from its month on,
  since the last known version counts until a newer one comes;
- where no feature looks: none.

Labels are settled once, by the first extract of the label source on or after label_available_at: later changes of its
outcome window are not applied, so they make no cohort due. An edited contract or churn.yaml is no late data either:
who edits it decides what is made anew.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from churn_assets.automation.jobs import GRACE, MONTH_END_HOUR
from churn_assets.contracts.business import Business
from churn_assets.contracts.source import Source
from churn_assets.features.cells import reach_months
from churn_assets.months import add_months, month_start


class Passed(NamedTuple):
    """A source's month in silver: the `mark` of its files, and the `event` at which these files first passed.

    Events are Dagster's storage ids: they grow with time.
    """

    mark: str
    event: int


# source -> ingest month -> what has passed
Knowledge = Mapping[str, Mapping[str, Passed]]
BEFORE_ALL = 0  # the event of what had passed before anybody looked


def reach_of(business: Business, source: Source) -> int | None:
    """How many cohorts an ingest month of the source can change, its own first; None: all from its own on."""
    features = [f for f in business.features if f.source == source.name]
    if source.name == business.label_source.name:
        return None
    if not features:
        return 0
    if source.role in ("entity", "spell"):
        return None
    return reach_months(features, business.file.windows.observation_months)


def dependents(reach: int | None, month: str, cohorts: Iterable[str]) -> list[str]:
    """Those of the cohorts whose snapshots an ingest month of a source with that reach can change."""
    end = None if reach is None else add_months(month, reach)
    return [c for c in cohorts if c >= month and (end is None or c < end)]


def learn(
    before: Knowledge | None, passes: Mapping[str, int], marks: Mapping[str, Mapping[str, str]]
) -> Knowledge:
    """What has passed by now, given the months that passed silver again (and when), and their files by source.

    A month that passed with the same files is no news. On a first look (`before` is None) nothing is.
    """
    known: dict[str, dict[str, Passed]] = {name: dict(months) for name, months in (before or {}).items()}
    for source, months in marks.items():
        mine = known.setdefault(source, {})
        for month, mark in months.items():
            if month not in mine or mine[month].mark != mark:
                mine[month] = Passed(mark, BEFORE_ALL if before is None else passes[month])
    return known


def newest_changes(business: Business, known: Knowledge, cohorts: Iterable[str]) -> dict[str, int]:
    """Cohort -> the newest event that can have changed what it is made of."""
    changes = dict.fromkeys(cohorts, BEFORE_ALL)
    for source in business.sources:
        reach = reach_of(business, source)
        for month, passed in known.get(source.name, {}).items():
            for cohort in dependents(reach, month, changes):
                changes[cohort] = max(changes[cohort], passed.event)
    return changes


def newest_event(known: Knowledge, months: Iterable[str]) -> int:
    """The newest event at which any source's files of these months passed."""
    wanted = set(months)
    return max((p.event for of in known.values() for m, p in of.items() if m in wanted), default=BEFORE_ALL)


def overdue(business: Business, built: Iterable[str], closed: Sequence[str], now: datetime) -> list[str]:
    """Closed months without a cohort an hour after month_end_cohort asked for it: their extracts came too late.

    Months before the first cohort are history that nobody asked for. Once the calendar is over, that schedule asks for
    no month, not even the last one, and a month is due when it is closed.
    """
    first = min(built, default=None)
    have = set(built)
    missing = [month for month in closed if first is not None and month > first and month not in have]
    return missing if business.file.calendar.over(now.date()) else [m for m in missing if now >= turn_of(m)]


def turn_of(month: str) -> datetime:
    """An hour after the schedule month_end_cohort asked for the cohort of this month."""
    day = datetime.combine(month_start(add_months(month, 1)), datetime.min.time(), UTC) + GRACE
    return day + timedelta(hours=MONTH_END_HOUR + 1)
