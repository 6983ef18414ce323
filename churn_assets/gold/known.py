"""What the tables of gold require to have passed silver before they are written."""

from collections.abc import Iterable, Sequence
from datetime import date

from churn_assets.contracts.business import Business
from churn_assets.contracts.source import Source
from churn_assets.history.known_until import already_due, known, missing_history, not_passed, require_none
from churn_assets.lakehouse.lakehouse import Lakehouse
from churn_assets.months import month_end, month_range
from churn_assets.silver.completeness import EVERY_SOURCE_COMPLETE, LABEL_SOURCE_LOADED, incomplete_fails
from churn_assets.silver.reconciliation import extract_dates
from churn_assets.silver.today import today_of

KNOWN = {
    EVERY_SOURCE_COMPLETE: "Every source has passed silver in the months shown, except months that are not due yet and "
    "were not refused. Spells, entities that deliver changes and the label's source have passed in all earlier months, "
    "too."
}
KNOWN_EVER = {
    EVERY_SOURCE_COMPLETE: "Every source has passed silver up to the newest month, except months that are not due yet "
    "and were not refused: events, spells, entities that deliver changes and the label's source in all months, other "
    "entities in the months of the observation window."
}
LOADED = {LABEL_SOURCE_LOADED: "At least one extract of the source that labels come from has passed silver."}


def known_until_of(lakehouse: Lakehouse, business: Business) -> date:
    """The newest extract_date of the label source.

    Raises:
        CheckFailed: none has passed silver.
    """
    with incomplete_fails(LABEL_SOURCE_LOADED):
        return extract_dates(lakehouse, business.label_source)[-1]


def require_known(
    lakehouse: Lakehouse, business: Business, months: Sequence[str] = (), ever: Iterable[Source] = ()
) -> dict[str, str]:
    """Raises CheckFailed when a month that is due or was refused is needed for these months of gold.

    Args:
        lakehouse: where silver/reconciliation lies.
        business: whose sources.
        months: of gold; without any, today's view, which ends with the newest month that has passed.
        ever: sources of which every month is needed.

    Returns:
        The evidence of the passed check.
    """
    now = known(lakehouse, business)
    newest = max((month for _, month in now.passed), default=now.begin)
    first, last = (months[0], months[-1]) if months else (newest, newest)
    missing = missing_history(business, now, first, last, back=not months)
    for source in ever:
        if gaps := not_passed(business, source, now, month_range(now.begin, last)):
            missing[source.name] = gaps
    with incomplete_fails(EVERY_SOURCE_COMPLETE):
        require_none(now, already_due(business, missing, today_of(lakehouse, business), now.refused))
    return {"known until": str(month_end(last))}
