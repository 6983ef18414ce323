"""Where the whole window of a feature could be observed: what was not observed is null, never 0."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from functools import reduce
from typing import TYPE_CHECKING

from churn_assets.contracts.business import Business
from churn_assets.contracts.feature import Feature
from churn_assets.history.known_days import PassedExtracts, unknown_end
from churn_assets.history.periods import Periods
from churn_assets.history.presence import Extracts
from churn_assets.months import month_of, month_start

if TYPE_CHECKING:
    from pyspark.sql import Column

SUMMED = frozenset({"sum", "mean", "count", "share", "trend"})  # over every event of a window


def observed(
    feature: Feature,
    business: Business,
    extracts: Extracts,
    periods: Periods,
    hidden: Mapping[str, Sequence[int]],
) -> "Column | None":
    """Where the whole window of a feature could be observed; None where that is everywhere.

    Before the first month of its source nothing was delivered, and before customers came they did nothing that a trend
    could compare with. A source that delivers as needed was not in use before its first extract. Of the last days
    before an as_of_date nothing may be known yet.

    Args:
        feature: over rows of a source.
        business: whose feature.
        extracts: see `history.presence`.
        periods: those that end on the as_of_dates.
        hidden: feature -> as_of_index of the dates at which the end of its window is not known, see `hidden_windows`.
    """
    from pyspark.sql import functions as F

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
    if indexes := hidden.get(feature.name):
        conditions.append(~at.isin(*indexes))
    return reduce(lambda a, b: a & b, conditions) if conditions else None


def hidden_windows(
    features: Sequence[Feature],
    business: Business,
    now: PassedExtracts,
    periods: Periods,
    as_of_indexes: Sequence[int],
) -> dict[str, list[int]]:
    """Feature -> as_of_index of the dates at which too much of the end of its window is not known yet."""
    found: dict[str, list[int]] = {}
    for feature in features:
        if feature.source is None or feature.aggregate not in SUMMED:
            continue
        source = business.source(feature.source)
        for index in as_of_indexes:
            end = periods.end(index)
            days = feature.days or (end - periods.end(index - (feature.months or 1))).days
            if unknown_end(business, source, now, end).hides(days):
                found.setdefault(feature.name, []).append(index)
    return found
