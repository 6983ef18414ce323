"""Until which day each source is known at the end of a day, in an open month too.

A cohort waits until every source has passed a whole month. Any other day takes what is there: the extracts up to it
that have passed silver. What they cannot tell yet is unknown, and must not look like days on which nothing happened.
"""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import date, timedelta

from churn_assets.contracts.business import Business
from churn_assets.contracts.source import Source
from churn_assets.history.known_until import Known, known, not_passed
from churn_assets.history.periods import MONTHS, Periods
from churn_assets.history.punctuality import passed_extracts, punctuality
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.months import month_end, month_from_index, month_of, month_range
from churn_assets.silver.reconciliation import partial_months

SMALL_PART = 10  # a window of which less than the tenth part is not known yet counts as observed


@dataclass(frozen=True)
class PassedExtracts:
    """What has passed silver.

    Attributes:
        months: the months, whole ones only.
        extracts: source -> days of its extracts, those of an open month included, ascending.
        partial: source -> months of which some extracts are there, but not whole.
    """

    months: Known
    extracts: Mapping[str, Sequence[date]]
    partial: Mapping[str, Set[str]]

    @property
    def days(self) -> list[date]:
        """The days on which any source delivered."""
        return [day for days in self.extracts.values() for day in days]


@dataclass(frozen=True)
class KnownSource:
    """Until when a source is known at the end of a day.

    Attributes:
        source: its name.
        until: the day of the newest extract that follows the others without a missing month; None: none has.
        behind: why it is behind what its contract promises; empty if it is not.
    """

    source: str
    until: date | None
    behind: str

    @property
    def told(self) -> str:
        """Until when, in words."""
        return f"{self.source} known until {self.until}" if self.until else f"{self.source} not known yet"


@dataclass(frozen=True)
class UnknownEnd:
    """The last days before an as_of_date, of which a source has told nothing.

    Attributes:
        days: their number.
        usual: the most that there were at the month ends before, which models learn from.
    """

    days: int
    usual: int

    def hides(self, window_days: int) -> bool:
        """Whether too much of a window that ends at the as_of_date is not known: more than usual, and than a tenth."""
        return self.days > max(self.usual, window_days // SMALL_PART)


def passed_until_now(lakehouse: Lakehouse, business: Business) -> PassedExtracts:
    """What has passed silver now, from silver/reconciliation and the names in the landing zone."""
    found = passed_extracts(lakehouse)
    return PassedExtracts(
        known(lakehouse, business),
        {name: sorted(days) for name, days in found.items()},
        {s.name: partial_months(lakehouse, s) if s.name in found else set() for s in business.sources},
    )


def missing_months(business: Business, source: Source, now: PassedExtracts, day: date) -> list[str]:
    """The months before that of `day` that its snapshot needs of the source and that have not passed silver."""
    reach, periods = business.history_months(source), Periods.that_end_on(day)
    index = periods.index(day)
    first = now.months.begin
    if reach is not None:
        first = month_of(periods.end(index - reach) + timedelta(days=1))
    before = MONTHS.index(day) - 1
    return not_passed(business, source, now.months, month_range(first, month_from_index(before)))


def known_day(business: Business, source: Source, now: PassedExtracts, day: date) -> date | None:
    """The day of the newest extract up to `day` before which no month is missing; None if there is none."""
    missing = missing_months(business, source, now, day)
    until = min(day, month_end(missing[0])) if missing else day
    return max((d for d in now.extracts.get(source.name, ()) if d <= until), default=None)


def known_sources(business: Business, now: PassedExtracts, day: date) -> list[KnownSource]:
    """Until when each source that delivers regularly is known at the end of `day`, in the order of the contracts."""
    begun = min((month_of(d) for d in now.days), default=None)
    found = []
    for source in business.sources:
        if not source.comes_regularly or business.first_month(source) > month_of(day):
            continue
        delivered = [d for d in now.extracts.get(source.name, ()) if d <= day]
        said = punctuality(business, source, delivered, day, now.partial[source.name], begun)
        until = known_day(business, source, now, day)
        found.append(KnownSource(source.name, until, said.why if said.days_late else ""))
    return found


def unknown_end(business: Business, source: Source, now: PassedExtracts, day: date) -> UnknownEnd:
    """What the source has not told of the last days before the end of `day`.

    Nothing is missing at a month end whose months have passed, as for cohorts, nor of a source that does not deliver
    regularly. Of a source that is not known at all, everything is.
    """
    whole = (source.name, month_of(day)) in now.months.passed and day == month_end(month_of(day))
    if not source.comes_regularly or (whole and not missing_months(business, source, now, day)):
        return UnknownEnd(0, 0)
    until = known_day(business, source, now, day)
    if until is None:
        return UnknownEnd(day.toordinal(), 0)
    last = MONTHS.index(day) - 1
    ends = [MONTHS.end(last - back) for back in range(business.file.windows.observation_months)]
    usual = [
        (end - max(d for d in now.extracts[source.name] if d <= end)).days
        for end in ends
        if (source.name, month_of(end)) in now.months.passed
    ]
    return UnknownEnd((day - until).days, max(usual, default=0))
