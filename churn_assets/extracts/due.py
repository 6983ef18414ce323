"""When a source is asked again."""

from datetime import date, timedelta

from churn_assets.contracts.source import Source
from churn_assets.contracts.topic import SourceTopic
from churn_assets.months import month_end, month_of
from churn_assets.sources.live.records import Record


def is_due(source: Source, newest: Record | None, today: date) -> bool:
    """Whether a source is asked today: after the days of its `frequency`, and always on the last day of a month.

    So the cohort of a month end sees the whole month, even if somebody has asked that morning. A source that delivers
    `once` is asked once. A topic is read every evening: `live` may have landed some of the day and been stopped since,
    and the topic deletes what nobody reads in time.

    Args:
        source: with an origin.
        newest: see `newest_record`.
        today: of UTC.
    """
    if newest is None or isinstance(source.origin, SourceTopic):
        return True
    if source.delivery == "once":
        return False
    if today == month_end(month_of(today)):
        return True
    last = newest.taken_at.date()
    if last > today:  # a clock was wrong
        return True
    return last != today and today - last >= timedelta(days=source.frequency_days)
