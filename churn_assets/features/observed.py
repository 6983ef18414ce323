"""Where a feature could be observed: a whole window, or the time since an event. What was not is null, never 0."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from functools import reduce
from typing import TYPE_CHECKING

from churn_assets.contracts.business import Business
from churn_assets.contracts.feature import Feature
from churn_assets.history.known_days import SMALL_PART, PassedExtracts, UnknownEnd, unknown_end
from churn_assets.history.periods import Periods
from churn_assets.history.presence import Extracts
from churn_assets.months import month_of, month_start

if TYPE_CHECKING:
    from pyspark.sql import Column

SUMMED = frozenset({"sum", "mean", "count", "share", "trend"})  # over every event of a window
RECENCY = "recency"
MONTH_DAYS = 30  # of a month, to sort windows by

Ends = Mapping[str, Mapping[int, UnknownEnd]]  # feature -> as_of_index -> what its source has not told yet


def observed(
    feature: Feature,
    business: Business,
    extracts: Extracts,
    periods: Periods,
    hidden: Ends,
) -> "Column | None":
    """Where the whole window of a feature, or the time since the last event, could be observed; None: everywhere.

    Before the first month of its source nothing was delivered, and before customers came they did nothing that a trend
    could compare with. A source that delivers as needed was not in use before its first extract. Of the last days
    before an as_of_date nothing may be known yet.

    Args:
        feature: over rows of a source.
        business: whose feature.
        extracts: see `history.presence`.
        periods: those that end on the as_of_dates.
        hidden: see `hidden_ends`.
    """
    from pyspark.sql import functions as F

    ends = hidden.get(feature.name, {})
    if feature.aggregate == RECENCY and ends:
        return reduce(lambda a, b: a & b, (_not_within(feature.name, *end) for end in ends.items()))
    if feature.source is None or feature.aggregate not in SUMMED:
        return None
    source, months = business.source(feature.source), feature.months or 1
    if source.delivery == "as_needed" and not extracts.get(source.name):
        return F.lit(False)
    reach = 2 * months if feature.aggregate == "trend" else months
    at = F.col("as_of_index")
    conditions = []
    first = business.first_month(source)
    if source.delivery == "as_needed":
        first = max(first, month_of(extracts[source.name][0]))
    if first > business.file.calendar.start:
        conditions.append(at - reach >= periods.index(month_start(first) - timedelta(days=1)))
    if feature.aggregate == "trend":
        began = F.date_add(periods.end_of(at - reach), 1)
        conditions.append(F.col("tenure_days") >= F.datediff("as_of_date", began))
    if ends:
        conditions.append(~at.isin(*ends))
    return reduce(lambda a, b: a & b, conditions) if conditions else None


def _not_within(name: str, index: int, end: UnknownEnd) -> "Column":
    """Not at that date, or the last event is so long ago that the unknown days are a small part of the time since."""
    from pyspark.sql import functions as F

    return (F.col("as_of_index") != index) | (F.col(name) >= SMALL_PART * end.days)


def hidden_ends(
    features: Sequence[Feature],
    business: Business,
    now: PassedExtracts,
    periods: Periods,
    as_of_indexes: Sequence[int],
) -> Ends:
    """The dates at which too much of the end of a feature's window, or of the time since an event, is not known yet."""
    found: dict[str, dict[int, UnknownEnd]] = {}
    for feature in features:
        if feature.source is None or feature.aggregate not in {*SUMMED, RECENCY}:
            continue
        source = business.source(feature.source)
        for index in as_of_indexes:
            end = periods.end(index)
            days = 0  # of the shortest time since an event
            if feature.aggregate != RECENCY:
                days = feature.days or (end - periods.end(index - (feature.months or 1))).days
            unknown = unknown_end(business, source, now, end)
            if unknown.hides(days):
                found.setdefault(feature.name, {})[index] = unknown
    return found


def unknown_windows(business: Business, now: PassedExtracts, day: date) -> str | None:
    """Which windows of which sources are not known as of a day, such as `usage: recency, 7d, 14d`; None: all are known.

    Two days with the same words rest on the same windows, so that their scores can be compared.
    """
    periods = Periods.that_end_on(day)
    hidden = hidden_ends(business.features, business, now, periods, [periods.index(day)])
    windows: dict[str, set[tuple[int, str]]] = {}
    for feature in business.features:
        if feature.name in hidden and feature.source is not None:
            windows.setdefault(feature.source, set()).add(_window(feature))
    told = (
        f"{source}: {', '.join(name for _, name in sorted(windows[source]))}" for source in sorted(windows)
    )
    return "; ".join(told) or None


def _window(feature: Feature) -> tuple[int, str]:
    """The window of a feature: its length, to sort by, and its name."""
    if feature.aggregate == RECENCY:
        return 0, RECENCY
    if feature.days:
        return feature.days, f"{feature.days}d"
    return (feature.months or 1) * MONTH_DAYS, f"{feature.months or 1}m"
